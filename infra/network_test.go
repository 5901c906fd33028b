package infra

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// resources reads a template's resources; the tags of intrinsic functions are
// left out, their arguments stay.
func resources(t *testing.T, file string) map[string]yaml.Node {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tpl struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &tpl); err != nil {
		t.Fatal(err)
	}
	return tpl.Resources
}

// Only freshclam has a way out: an exploit of the engine in scan could send
// nothing anywhere, which docs/security.md promises.
func TestWhatParsesFilesHasNoWayOut(t *testing.T) {
	t.Parallel()
	type vpc struct {
		SecurityGroupIds []string  `yaml:"SecurityGroupIds"`
		Dual             yaml.Node `yaml:"Ipv6AllowedForDualStack"`
	}
	functions := resources(t, "../template.yaml")
	for name, out := range map[string]bool{"FetchFunction": false, "ScanFunction": false, "FreshclamFunction": true} {
		var f struct {
			Properties struct {
				VpcConfig vpc `yaml:"VpcConfig"`
			} `yaml:"Properties"`
		}
		node := functions[name]
		if err := node.Decode(&f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := f.Properties.VpcConfig
		groups := strings.Join(got.SecurityGroupIds, " ")
		if !strings.Contains(groups, "Network.Outputs.SecurityGroupId") {
			t.Errorf("%s is in no group that reaches the volume: %q", name, groups)
		}
		dual := got.Dual.Value == "true" || got.Dual.Tag == "!If" && got.Dual.Content[2].Value == "true" // in our own VPC
		if dual != out || strings.Contains(groups, "Mirror") != out {
			t.Errorf("%s: IPv6 %v, groups %q; a way out is %v", name, dual, groups, out)
		}
	}
	var group struct {
		Properties struct {
			SecurityGroupEgress []map[string]string `yaml:"SecurityGroupEgress"`
		} `yaml:"Properties"`
	}
	node := resources(t, "network.yaml")["FunctionsSecurityGroup"]
	if err := node.Decode(&group); err != nil {
		t.Fatal(err)
	}
	for _, rule := range group.Properties.SecurityGroupEgress {
		// No IPv4 route leads anywhere but to S3's endpoint.
		if rule["CidrIpv6"] != "" || rule["CidrIp"] == "" {
			t.Errorf("every function in the VPC may reach %v", rule)
		}
	}
}
