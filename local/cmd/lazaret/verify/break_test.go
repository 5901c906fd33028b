package verify_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// policy changes the statements of a bucket's policy.
func policy(t *testing.T, m *harness.Machine, bucket string, change func([]map[string]any) []map[string]any) {
	t.Helper()
	out, err := m.S3.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &bucket})
	if err != nil {
		t.Fatalf("read the policy of %s: %v", bucket, err)
	}
	var p struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal([]byte(*out.Policy), &p); err != nil {
		t.Fatal(err)
	}
	p.Statement = change(p.Statement)
	setPolicy(t, m, bucket, p)
}

func setPolicy(t *testing.T, m *harness.Machine, bucket string, policy any) {
	t.Helper()
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.S3.PutBucketPolicy(
		t.Context(),
		&s3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(string(text))},
	)
	if err != nil {
		t.Fatalf("give %s a policy: %v", bucket, err)
	}
}

// without takes a statement out of a bucket's policy.
func without(t *testing.T, m *harness.Machine, bucket, sid string) {
	t.Helper()
	policy(t, m, bucket, func(all []map[string]any) []map[string]any {
		left := slices.DeleteFunc(slices.Clone(all), func(s map[string]any) bool { return s["Sid"] == sid })
		if len(left) != len(all)-1 {
			t.Fatalf("%s has no statement %s", bucket, sid)
		}
		return left
	})
}

// deny takes permissions away from the user at the keyboard.
func deny(t *testing.T, m *harness.Machine, bucket string, actions ...string) {
	t.Helper()
	policy(t, m, bucket, func(all []map[string]any) []map[string]any {
		return append(all, map[string]any{
			"Sid":       "NotThisUser",
			"Effect":    "Deny",
			"Principal": "*",
			"Action":    actions,
			"Resource":  "arn:aws:s3:::" + bucket + "/*",
			"Condition": map[string]any{
				"ArnEquals": map[string]any{"aws:PrincipalArn": "arn:aws:iam::000000000000:user/test"},
			},
		})
	})
}

// deposeTag takes the function tag's exemption away, so that it may not write verdicts.
func deposeTag(t *testing.T, m *harness.Machine) {
	t.Helper()
	policy(t, m, harness.Uploads, func(all []map[string]any) []map[string]any {
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		var changed []map[string]any
		err = json.Unmarshal(
			[]byte(strings.ReplaceAll(string(text), "role/lazaret-TagFunctionRole", "role/another")),
			&changed,
		)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	})
}

// guardExisting makes a bucket of the user's own and does to it what docs/deploy.md says.
func guardExisting(t *testing.T, m *harness.Machine, bucket string) {
	t.Helper()
	m.NewBucket(t, bucket)
	if _, err := m.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: &bucket,
		NotificationConfiguration: &types.NotificationConfiguration{
			EventBridgeConfiguration: &types.EventBridgeConfiguration{},
		},
	}); err != nil {
		t.Fatal(err)
	}
	client := cloudformation.NewFromConfig(m.Config)
	stacks, err := client.DescribeStacks(
		t.Context(),
		&cloudformation.DescribeStacksInput{StackName: aws.String("lazaret")},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range stacks.Stacks[0].Outputs {
		if *o.OutputKey == "ExistingBucketPolicy" {
			setPolicy(
				t,
				m,
				bucket,
				map[string]any{
					"Version":   "2012-10-17",
					"Statement": json.RawMessage(strings.ReplaceAll(*o.OutputValue, "BUCKET", bucket)),
				},
			)
		}
	}
}

func subscribe(t *testing.T, m *harness.Machine, topic string) {
	t.Helper()
	if _, err := m.SNS.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String(m.NewQueue(t, "pager")),
	}); err != nil {
		t.Fatal(err)
	}
}

// update runs freshclam, against the mirror that the local stack gives it: nobody.
func update(t *testing.T, m *harness.Machine) {
	t.Helper()
	_, err := m.Lambda.Invoke(
		t.Context(),
		&lambda.InvokeInput{FunctionName: aws.String("lazaret-freshclam"), Payload: []byte("{}")},
	)
	if err != nil {
		t.Fatal(err)
	}
}

// application is a copy of this repository's, as far as it is run, in a folder of its
// own: what is changed there breaks a stack in ways that its API does not offer. It returns the
// flag that names it.
func application(t *testing.T) (root string, flags []string) {
	t.Helper()
	source := need.Programs(t)
	root = t.TempDir()
	copied := []string{"template.yaml"}
	for _, pattern := range []string{"infra/*.yaml", "statemachine/*.json"} {
		found, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("find %s: %v", pattern, err)
		}
		for _, f := range found {
			relative, _ := filepath.Rel(source, f) // below it
			copied = append(copied, relative)
		}
	}
	for _, name := range copied {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, name), text, 0o644)
	}
	functions, err := filepath.Glob(filepath.Join(source, "build", "*", "bootstrap"))
	if err != nil || len(functions) == 0 {
		t.Fatalf("find the functions: %v (make build makes them)", err)
	}
	for _, f := range functions {
		target := filepath.Join(root, "build", filepath.Base(filepath.Dir(f)))
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(f, filepath.Join(target, "bootstrap")); err != nil {
			t.Fatal(err)
		}
	}
	return root, []string{"--template", filepath.Join(root, "template.yaml")}
}

// fails replaces a function by a program that does nothing but fail.
func fails(t *testing.T, root, function string) {
	t.Helper()
	path := filepath.Join(root, "build", function, "bootstrap")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, []byte("#!/bin/sh\nexit 1\n"), 0o755)
}

// replace changes a text in a file of the application.
func replace(t *testing.T, root, name, from, to string) {
	t.Helper()
	path := filepath.Join(root, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), from, to, 1)
	if changed == string(text) {
		t.Fatalf("%s has no %q", name, from)
	}
	write(t, path, []byte(changed), 0o644)
}

func write(t *testing.T, path string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
}
