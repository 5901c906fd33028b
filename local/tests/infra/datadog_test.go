package infra_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/internal/metric"
)

// TestDatadogSites: both templates offer the sites that have an address for logs and one for metrics, and each address
// is an HTTPS address of that site.
func TestDatadogSites(t *testing.T) {
	t.Parallel()
	domains := map[string]string{
		"us1": ".datadoghq.com", "us5": ".us5.datadoghq.com", "ap1": ".ap1.datadoghq.com", "eu": ".datadoghq.eu",
	}
	file := readTemplate(t, datadogTemplate)
	want := sortedKeys(domains)
	offered := readTemplate(t, mainTemplate).Parameters["DatadogSite"].AllowedValues
	for name, got := range map[string][]string{
		"Mappings in datadog.yaml":         sortedKeys(file.Mappings.Sites),
		"Site in datadog.yaml":             slices.Sorted(slices.Values(file.Parameters["Site"].AllowedValues)),
		"DatadogSite in the main template": slices.Sorted(slices.Values(offered)),
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for site, endpoints := range file.Mappings.Sites {
		if got, want := sortedKeys(endpoints), []string{"Logs", "Metrics"}; !slices.Equal(got, want) {
			t.Errorf("%s: got addresses for %q, want %q", site, got, want)
		}
		for kind, endpoint := range endpoints {
			u, err := url.Parse(endpoint)
			if err != nil || u.Scheme != "https" || !strings.HasSuffix(u.Host, domains[site]) {
				t.Errorf("%s of %s: got %s (%v), want https://*%s", kind, site, endpoint, err, domains[site])
			}
		}
	}
}

// TestMetricStream: the stream sends Lazaret's metrics and those of dead letters and executions. It names each metric
// of AWS that it sends, because AWS bills each value.
func TestMetricStream(t *testing.T) {
	t.Parallel()
	var stream struct {
		OutputFormat   string `yaml:"OutputFormat"`
		IncludeFilters []struct {
			Namespace   string   `yaml:"Namespace"`
			MetricNames []string `yaml:"MetricNames"`
		} `yaml:"IncludeFilters"`
	}
	properties(t, datadogTemplate, "MetricStream", &stream)
	if want := "opentelemetry0.7"; stream.OutputFormat != want { // the version that Datadog reads
		t.Errorf("got format %s, want %s", stream.OutputFormat, want)
	}
	sent := map[string]bool{}
	for _, f := range stream.IncludeFilters {
		if f.Namespace == metric.Namespace && len(f.MetricNames) == 0 {
			sent[metric.Namespace] = true
			continue
		}
		if len(f.MetricNames) == 0 {
			t.Errorf("%s: got no names of metrics, want some", f.Namespace)
		}
		for _, name := range f.MetricNames {
			if awsMetrics[f.Namespace][name] == nil {
				t.Errorf("got metric %s in %s, want one in the table awsMetrics", name, f.Namespace)
			}
			sent[f.Namespace+" "+name] = true
		}
	}
	for _, want := range []string{
		metric.Namespace, "AWS/SQS ApproximateNumberOfMessagesVisible", "AWS/SQS ApproximateAgeOfOldestMessage",
		"AWS/States ExecutionsFailed", "AWS/States ExecutionsTimedOut", "AWS/States ExecutionsAborted",
	} {
		if !sent[want] {
			t.Errorf("got no %s in the stream, want it", want)
		}
	}
}

// TestDeliveryStreams: Firehose reads the API key from Secrets Manager, and keeps the records that Datadog refuses.
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
		"LogDelivery": {
			EndpointConfiguration:    map[string]any{"Name": "Datadog", "Url": []any{"Sites", "Site", "Logs"}},
			CloudWatchLoggingOptions: map[string]any{"LogStreamName": "LogErrors"},
		},
		"MetricDelivery": {
			EndpointConfiguration:    map[string]any{"Name": "Datadog", "Url": []any{"Sites", "Site", "Metrics"}},
			CloudWatchLoggingOptions: map[string]any{"LogStreamName": "MetricErrors"},
		},
	} {
		var got struct {
			Encryption map[string]string `yaml:"DeliveryStreamEncryptionConfigurationInput"`
			HTTP       destination       `yaml:"HttpEndpointDestinationConfiguration"`
		}
		properties(t, datadogTemplate, id, &got)
		want.SecretsManagerConfiguration = map[string]any{
			"Enabled": true, "SecretARN": "ApiKeySecretArn", "RoleARN": "DeliveryRole.Arn",
		}
		want.CloudWatchLoggingOptions["Enabled"], want.CloudWatchLoggingOptions["LogGroupName"] = true, "DeliveryErrors"
		want.S3BackupMode, want.S3Configuration.BucketARN = "FailedDataOnly", "Undelivered.Arn"
		want.S3Configuration.Prefix = strings.ToLower(strings.TrimSuffix(id, "Delivery")) + "s/"
		if diff := cmp.Diff(want, got.HTTP); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		if got.Encryption["KeyType"] == "" {
			t.Errorf("%s: got no key type, want the stream encrypted", id)
		}
	}
}

// TestDatadogRoles lists what each role may do. Each role has one service that may use it, with a condition that keeps
// the service from using it for another account.
func TestDatadogRoles(t *testing.T) {
	t.Parallel()
	const logs = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
	want := map[string][]string{
		"LogRole": {
			"logs.amazonaws.com", "firehose:PutRecord LogDelivery.Arn", "firehose:PutRecordBatch LogDelivery.Arn",
		},
		"MetricRole": {
			"streams.metrics.cloudwatch.amazonaws.com",
			"firehose:PutRecord MetricDelivery.Arn", "firehose:PutRecordBatch MetricDelivery.Arn",
		},
		"DeliveryRole": {
			"firehose.amazonaws.com", "secretsmanager:GetSecretValue ApiKeySecretArn",
			"s3:PutObject ${Undelivered.Arn}/*", "s3:GetObject ${Undelivered.Arn}/*",
			"s3:AbortMultipartUpload ${Undelivered.Arn}/*", "s3:GetBucketLocation Undelivered.Arn",
			"s3:ListBucket Undelivered.Arn", "s3:ListBucketMultipartUploads Undelivered.Arn",
			"logs:PutLogEvents " + logs + ":log-group:${DeliveryErrors}:log-stream:${LogErrors}",
			"logs:PutLogEvents " + logs + ":log-group:${DeliveryErrors}:log-stream:${MetricErrors}",
		},
	}
	got := map[string][]string{}
	for id := range resourcesOfType(t, datadogTemplate, "AWS::IAM::Role") {
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
		properties(t, datadogTemplate, id, &r)
		for _, s := range r.AssumeRolePolicyDocument.Statement {
			principal, _ := s.Principal.(map[string]any)
			service, _ := principal["Service"].(string)
			got[id] = append(got[id], service)
			if len(s.Condition) == 0 {
				t.Errorf("%s: got no condition for %v, want one that names this account", id, principal)
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

// TestUndeliveredBucket: the bucket is closed and encrypted, because records contain names of buckets and objects.
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
	properties(t, datadogTemplate, "Undelivered", &bucket)
	blocked := map[string]bool{
		"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
	}
	if diff := cmp.Diff(blocked, bucket.PublicAccessBlockConfiguration); diff != "" || bucket.BucketEncryption == nil {
		t.Errorf("got encryption %v, public access (-want +got):\n%s", bucket.BucketEncryption, diff)
	}
	if r := bucket.LifecycleConfiguration.Rules; len(r) != 1 || r[0].Status != "Enabled" || r[0].ExpirationInDays != 14 {
		t.Errorf("got lifecycle rules %+v, want one that deletes after the 14 days of docs/operations.md", r)
	}
	var policy struct {
		Bucket         string `yaml:"Bucket"`
		PolicyDocument struct {
			Statement []statement `yaml:"Statement"`
		} `yaml:"PolicyDocument"`
	}
	properties(t, datadogTemplate, "UndeliveredPolicy", &policy)
	want := statement{
		Effect: "Deny", Principal: "*", Action: oneOrMore{"s3:*"},
		Resource:  oneOrMore{"Undelivered.Arn", "${Undelivered.Arn}/*"},
		Condition: map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
	if diff := cmp.Diff([]statement{want}, policy.PolicyDocument.Statement); diff != "" || policy.Bucket != "Undelivered" {
		t.Errorf("got the policy of %q, want Undelivered; statements (-want +got):\n%s", policy.Bucket, diff)
	}
}

// TestNestedParameters: the main template gives each nested template its parameters, and no others. CloudFormation
// would say so only during a deployment.
func TestNestedParameters(t *testing.T) {
	t.Parallel()
	for id := range resourcesOfType(t, mainTemplate, "AWS::Serverless::Application") {
		var nested struct {
			Location   string               `yaml:"Location"`
			Parameters map[string]yaml.Node `yaml:"Parameters"`
		}
		properties(t, mainTemplate, id, &nested)
		file := readTemplate(t, root+"/"+nested.Location)
		for name := range nested.Parameters {
			if _, declared := file.Parameters[name]; !declared {
				t.Errorf("%s: got parameter %s, want one of %q", id, name, sortedKeys(file.Parameters))
			}
		}
		for name, p := range file.Parameters {
			if _, given := nested.Parameters[name]; !given && p.Default == nil {
				t.Errorf("%s: got no parameter %s, want it, because %s has no default for it", id, name, nested.Location)
			}
		}
	}
}
