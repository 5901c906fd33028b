package infra_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestFunctionsInNetwork lists the functions in the VPC. docs/security.md promises that fetch and scan, which parse
// hostile files, cannot reach the internet: only freshclam has a group and an IPv6 address with which it can.
func TestFunctionsInNetwork(t *testing.T) {
	t.Parallel()
	type vpc struct {
		SubnetIds []any    `yaml:"SubnetIds"`
		Groups    []string `yaml:"SecurityGroupIds"`
		DualStack any      `yaml:"Ipv6AllowedForDualStack"`
	}
	subnets := []any{",", "Network.Outputs.SubnetIds"}
	closed := vpc{subnets, []string{"Network.Outputs.SecurityGroupId"}, false}
	want := map[string]vpc{
		"FetchFunction": closed,
		"ScanFunction":  closed,
		"FreshclamFunction": {
			subnets,
			[]string{"Network.Outputs.SecurityGroupId", "Network.Outputs.MirrorSecurityGroupId"},
			[]any{"OwnSubnets", false, true},
		},
	}
	got := map[string]vpc{}
	for id := range resourcesOfType(t, mainTemplate, "AWS::Serverless::Function") {
		var f struct {
			VpcConfig *vpc `yaml:"VpcConfig"`
		}
		properties(t, mainTemplate, id, &f)
		if f.VpcConfig != nil {
			got[id] = *f.VpcConfig
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("functions in the VPC (-want +got):\n%s", diff)
	}
}

// TestEgress lists all traffic that the groups let out, also by rules that are resources of their own. The group of all
// functions has no rule for IPv6, and no IPv4 route but that of S3's endpoint.
func TestEgress(t *testing.T) {
	t.Parallel()
	type rule map[string]any
	port := func(number int, to string, value any) rule {
		return rule{"IpProtocol": "tcp", "FromPort": number, "ToPort": number, to: value}
	}
	mirror := port(443, "CidrIpv6", []any{"MakeVpc", "::/0", "AWS::NoValue"})
	mirror["CidrIp"] = []any{"MakeVpc", "AWS::NoValue", "0.0.0.0/0"}
	want := map[string][]rule{
		"FunctionsSecurityGroup": {
			port(443, "CidrIp", "0.0.0.0/0"),
			port(2049, "DestinationSecurityGroupId", "VolumeSecurityGroup"),
		},
		"MirrorSecurityGroup": {mirror},
		"VolumeSecurityGroup": {{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32"}}, // no traffic
	}
	got := map[string][]rule{}
	add := func(group string, r rule) {
		maps.DeleteFunc(r, func(key string, _ any) bool { return key == "Description" || key == "GroupId" })
		got[group] = append(got[group], r)
	}
	for id := range resourcesOfType(t, networkTemplate, "AWS::EC2::SecurityGroup") {
		var group struct {
			SecurityGroupEgress []rule `yaml:"SecurityGroupEgress"`
		}
		properties(t, networkTemplate, id, &group)
		for _, r := range group.SecurityGroupEgress {
			add(id, r)
		}
	}
	for id := range resourcesOfType(t, networkTemplate, "AWS::EC2::SecurityGroupEgress") {
		var r rule
		properties(t, networkTemplate, id, &r)
		group, _ := r["GroupId"].(string)
		add(group, r)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("traffic that the groups let out (-want +got):\n%s", diff)
	}
}

// TestRoutes: the only route that leads out is freshclam's to the mirror, by IPv6.
func TestRoutes(t *testing.T) {
	t.Parallel()
	want := map[string]map[string]string{"RouteOut": {
		"RouteTableId": "Routes", "DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "EgressGateway",
	}}
	got := map[string]map[string]string{}
	for id := range resourcesOfType(t, networkTemplate, "AWS::EC2::Route") {
		var route map[string]string
		properties(t, networkTemplate, id, &route)
		got[id] = route
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

// TestEndpointReadsThisAccount: through S3's endpoint, functions can only read, and only buckets of this account, and
// freshclam writes what operators have confirmed: the policy of the endpoint has to allow it, too.
func TestEndpointReadsThisAccount(t *testing.T) {
	t.Parallel()
	var endpoint struct {
		PolicyDocument struct {
			Statement []statement `yaml:"Statement"`
		} `yaml:"PolicyDocument"`
	}
	properties(t, networkTemplate, "S3Endpoint", &endpoint)
	want := []statement{{
		Effect: "Allow", Principal: "*",
		Action:    oneOrMore{"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions"},
		Resource:  oneOrMore{"*"},
		Condition: map[string]any{"StringEquals": map[string]any{"aws:ResourceAccount": "AWS::AccountId"}},
	}, {
		Effect: "Allow", Principal: "*", Action: oneOrMore{"s3:PutObject"},
		Resource: oneOrMore{"arn:${AWS::Partition}:s3:::${RecordsBucketName}/trials/*/confirmed"},
	}}
	if diff := cmp.Diff(want, endpoint.PolicyDocument.Statement); diff != "" {
		t.Errorf("the endpoint's policy (-want +got):\n%s", diff)
	}
}

// statement is a statement of an IAM policy.
type statement struct {
	Effect    string         `yaml:"Effect"`
	Principal any            `yaml:"Principal"`
	Action    oneOrMore      `yaml:"Action"`
	Resource  oneOrMore      `yaml:"Resource"`
	Condition map[string]any `yaml:"Condition"`
}

// oneOrMore is a list that IAM also accepts as a single text.
type oneOrMore []string

func (l *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*l = oneOrMore{n.Value}
		return nil
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode {
			*l = append(*l, item.Value)
			continue
		}
		text, err := substitute(item)
		if err != nil {
			return err
		}
		*l = append(*l, text)
	}
	return nil
}
