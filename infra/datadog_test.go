package infra

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/internal/metric"
)

// properties decodes those of one resource of a template.
func properties(t *testing.T, template, id string, into any) {
	t.Helper()
	var r struct {
		Properties yaml.Node `yaml:"Properties"`
	}
	node := resources(t, template)[id]
	if err := node.Decode(&r); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	if err := r.Properties.Decode(into); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
}

// TestDatadogSites: only sites that take both logs and metrics are offered, and
// nothing is sent in the clear or anywhere else.
func TestDatadogSites(t *testing.T) {
	t.Parallel()
	var template, parent struct {
		Parameters map[string]struct {
			AllowedValues []string `yaml:"AllowedValues"`
		} `yaml:"Parameters"`
		Mappings struct {
			Sites map[string]map[string]string `yaml:"Sites"`
		} `yaml:"Mappings"`
	}
	if err := yaml.Unmarshal(file(t, "datadog.yaml"), &template); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(file(t, "../template.yaml"), &parent); err != nil {
		t.Fatal(err)
	}
	known := slices.Sorted(maps.Keys(template.Mappings.Sites))
	for _, sites := range [][]string{template.Parameters["Site"].AllowedValues, parent.Parameters["DatadogSite"].AllowedValues} {
		if offered := slices.Sorted(slices.Values(sites)); !slices.Equal(offered, known) {
			t.Errorf("offered %q, known %q", offered, known)
		}
	}
	domains := map[string]string{"us1": ".datadoghq.com", "us5": ".us5.datadoghq.com", "ap1": ".ap1.datadoghq.com", "eu": ".datadoghq.eu"}
	for site, endpoints := range template.Mappings.Sites {
		if kinds := slices.Sorted(maps.Keys(endpoints)); !slices.Equal(kinds, []string{"Logs", "Metrics"}) {
			t.Errorf("%s takes %q", site, kinds)
		}
		for kind, endpoint := range endpoints {
			u, err := url.Parse(endpoint)
			if err != nil || u.Scheme != "https" || domains[site] == "" || !strings.HasSuffix(u.Host, domains[site]) {
				t.Errorf("%s of %s go to %s (%v)", kind, site, endpoint, err)
			}
		}
	}
}

// TestMetricStream: the dead letters' depth and age were asked for by name, and
// each name that goes along exists.
func TestMetricStream(t *testing.T) {
	t.Parallel()
	var stream struct {
		OutputFormat   string `yaml:"OutputFormat"`
		IncludeFilters []struct {
			Namespace   string   `yaml:"Namespace"`
			MetricNames []string `yaml:"MetricNames"`
		} `yaml:"IncludeFilters"`
	}
	properties(t, "datadog.yaml", "MetricStream", &stream)
	if stream.OutputFormat != "opentelemetry0.7" {
		t.Errorf("Datadog does not read %s", stream.OutputFormat)
	}
	sent := map[string]bool{}
	for _, f := range stream.IncludeFilters {
		if f.Namespace == metric.Namespace && len(f.MetricNames) == 0 {
			sent[metric.Namespace] = true
			continue
		}
		if len(f.MetricNames) == 0 {
			t.Errorf("all of %s would go along, at the account's expense", f.Namespace)
		}
		for _, name := range f.MetricNames {
			if awsMetrics[f.Namespace][name] == nil {
				t.Errorf("AWS has no metric %s in %s, or the table lacks it", name, f.Namespace)
			}
			sent[f.Namespace+" "+name] = true
		}
	}
	for _, want := range []string{
		metric.Namespace, "AWS/SQS ApproximateNumberOfMessagesVisible", "AWS/SQS ApproximateAgeOfOldestMessage",
		"AWS/States ExecutionsFailed", "AWS/States ExecutionsTimedOut", "AWS/States ExecutionsAborted",
	} {
		if !sent[want] {
			t.Errorf("%s is not sent", want)
		}
	}
}

// TestDeliveryStreams: the key stays in Secrets Manager, and what Datadog does
// not take is kept.
func TestDeliveryStreams(t *testing.T) {
	t.Parallel()
	type destination struct {
		EndpointConfiguration       map[string]any `yaml:"EndpointConfiguration"`
		SecretsManagerConfiguration map[string]any `yaml:"SecretsManagerConfiguration"`
		CloudWatchLoggingOptions    map[string]any `yaml:"CloudWatchLoggingOptions"`
		S3BackupMode                string         `yaml:"S3BackupMode"`
		S3Configuration             struct {
			BucketARN string `yaml:"BucketARN"`
			Prefix    string `yaml:"Prefix"`
		} `yaml:"S3Configuration"`
	}
	for id, want := range map[string]destination{
		"LogDelivery":    {EndpointConfiguration: map[string]any{"Name": "Datadog", "Url": []any{"Sites", "Site", "Logs"}}, CloudWatchLoggingOptions: map[string]any{"LogStreamName": "LogErrors"}},
		"MetricDelivery": {EndpointConfiguration: map[string]any{"Name": "Datadog", "Url": []any{"Sites", "Site", "Metrics"}}, CloudWatchLoggingOptions: map[string]any{"LogStreamName": "MetricErrors"}},
	} {
		var got struct {
			Encryption map[string]string `yaml:"DeliveryStreamEncryptionConfigurationInput"`
			HTTP       destination       `yaml:"HttpEndpointDestinationConfiguration"`
		}
		properties(t, "datadog.yaml", id, &got)
		want.SecretsManagerConfiguration = map[string]any{"Enabled": true, "SecretARN": "ApiKeySecretArn", "RoleARN": "DeliveryRole.Arn"}
		want.CloudWatchLoggingOptions["Enabled"], want.CloudWatchLoggingOptions["LogGroupName"] = true, "DeliveryErrors"
		want.S3BackupMode, want.S3Configuration.BucketARN = "FailedDataOnly", "Undelivered.Arn"
		want.S3Configuration.Prefix = strings.ToLower(strings.TrimSuffix(id, "Delivery")) + "s/"
		if diff := cmp.Diff(want, got.HTTP); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		if got.Encryption["KeyType"] == "" {
			t.Errorf("%s is not encrypted", id)
		}
	}
}

// statement is one of an IAM policy; its lists may be single values.
type statement struct {
	Effect    string         `yaml:"Effect"`
	Principal any            `yaml:"Principal"`
	Action    oneOrMore      `yaml:"Action"`
	Resource  oneOrMore      `yaml:"Resource"`
	Condition map[string]any `yaml:"Condition"`
}

type oneOrMore []string

func (l *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*l = oneOrMore{n.Value}
		return nil
	}
	return n.Decode((*[]string)(l))
}

// TestDatadogRoles: one role a service, which no other account can have the
// service use for it, and which may do a few named things.
func TestDatadogRoles(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"LogRole":    {"logs.amazonaws.com", "firehose:PutRecord LogDelivery.Arn", "firehose:PutRecordBatch LogDelivery.Arn"},
		"MetricRole": {"streams.metrics.cloudwatch.amazonaws.com", "firehose:PutRecord MetricDelivery.Arn", "firehose:PutRecordBatch MetricDelivery.Arn"},
		"DeliveryRole": {
			"firehose.amazonaws.com", "secretsmanager:GetSecretValue ApiKeySecretArn",
			"s3:PutObject ${Undelivered.Arn}/*", "s3:GetObject ${Undelivered.Arn}/*", "s3:AbortMultipartUpload ${Undelivered.Arn}/*",
			"s3:GetBucketLocation Undelivered.Arn", "s3:ListBucket Undelivered.Arn", "s3:ListBucketMultipartUploads Undelivered.Arn",
			"logs:PutLogEvents arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${DeliveryErrors}:log-stream:${LogErrors}",
			"logs:PutLogEvents arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${DeliveryErrors}:log-stream:${MetricErrors}",
		},
	}
	got := map[string][]string{}
	for id := range typed(t, "datadog.yaml", "AWS::IAM::Role") {
		var r struct {
			AssumeRolePolicyDocument struct {
				Statement []statement `yaml:"Statement"`
			} `yaml:"AssumeRolePolicyDocument"`
			Policies []struct {
				PolicyDocument struct {
					Statement []statement `yaml:"Statement"`
				} `yaml:"PolicyDocument"`
			} `yaml:"Policies"`
		}
		properties(t, "datadog.yaml", id, &r)
		for _, s := range r.AssumeRolePolicyDocument.Statement {
			principal, _ := s.Principal.(map[string]any)
			got[id] = append(got[id], principal["Service"].(string))
			if len(s.Condition) == 0 {
				t.Errorf("%s: any account could have %v use it", id, principal)
			}
		}
		for _, p := range r.Policies {
			for _, s := range p.PolicyDocument.Statement {
				for _, action := range s.Action {
					for _, resource := range s.Resource {
						got[id] = append(got[id], action+" "+resource)
					}
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUndeliveredBucket: it holds names of buckets and keys.
func TestUndeliveredBucket(t *testing.T) {
	t.Parallel()
	var bucket struct {
		BucketEncryption               any             `yaml:"BucketEncryption"`
		PublicAccessBlockConfiguration map[string]bool `yaml:"PublicAccessBlockConfiguration"`
		LifecycleConfiguration         struct {
			Rules []struct {
				Status           string `yaml:"Status"`
				ExpirationInDays int    `yaml:"ExpirationInDays"`
			} `yaml:"Rules"`
		} `yaml:"LifecycleConfiguration"`
	}
	properties(t, "datadog.yaml", "Undelivered", &bucket)
	blocked := map[string]bool{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}
	if !maps.Equal(bucket.PublicAccessBlockConfiguration, blocked) || bucket.BucketEncryption == nil {
		t.Errorf("open or not encrypted: %+v", bucket)
	}
	if r := bucket.LifecycleConfiguration.Rules; len(r) != 1 || r[0].Status != "Enabled" || r[0].ExpirationInDays != 14 {
		t.Errorf("kept for another time than docs/operations.md says: %+v", r)
	}
	var policy struct {
		Bucket         string `yaml:"Bucket"`
		PolicyDocument struct {
			Statement []statement `yaml:"Statement"`
		} `yaml:"PolicyDocument"`
	}
	properties(t, "datadog.yaml", "UndeliveredPolicy", &policy)
	want := statement{"Deny", "*", oneOrMore{"s3:*"}, oneOrMore{"Undelivered.Arn", "${Undelivered.Arn}/*"}, map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}}
	if diff := cmp.Diff([]statement{want}, policy.PolicyDocument.Statement); diff != "" || policy.Bucket != "Undelivered" {
		t.Errorf("policy of %s (-want +got):\n%s", policy.Bucket, diff)
	}
}

// TestNestedStacksGetTheirParameters: nobody else looks before the deployment.
func TestNestedStacksGetTheirParameters(t *testing.T) {
	t.Parallel()
	for id := range typed(t, "../template.yaml", "AWS::Serverless::Application") {
		var nested struct {
			Location   string               `yaml:"Location"`
			Parameters map[string]yaml.Node `yaml:"Parameters"`
		}
		properties(t, "../template.yaml", id, &nested)
		var template struct {
			Parameters map[string]struct {
				Default yaml.Node `yaml:"Default"`
			} `yaml:"Parameters"`
		}
		if err := yaml.Unmarshal(file(t, "../"+nested.Location), &template); err != nil {
			t.Fatal(err)
		}
		for name := range nested.Parameters {
			if _, declared := template.Parameters[name]; !declared {
				t.Errorf("%s: %s has no parameter %s", id, nested.Location, name)
			}
		}
		for name, p := range template.Parameters {
			if _, given := nested.Parameters[name]; !given && p.Default.IsZero() {
				t.Errorf("%s gives %s no %s", id, nested.Location, name)
			}
		}
	}
}
