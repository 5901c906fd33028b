package redrive

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

const arn = "arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:"

// sample returns a body from the tests of package upload.
func sample(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile("../../../../internal/upload/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// fromMachine returns a dead letter of the state machine.
func fromMachine(t *testing.T, key, failure, cause string) string {
	t.Helper()
	body, err := json.Marshal(upload.DeadLetter{
		Job:   job.Job{Version: job.Version, Object: job.Object{Bucket: "b", Key: key, VersionID: "v"}},
		Error: failure, Cause: cause, Execution: arn + key + "-0123",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestParse(t *testing.T) {
	t.Parallel()
	stopped := func(before, after string) string { return strings.Replace(sample(t, "died.json"), before, after, 1) }
	tests := []struct {
		name, body string
		want       Letter // without Objects
		keys       []string
	}{
		{
			"from the state machine",
			fromMachine(t, "k", "TagLimit", `{"errorMessage":"tag s3://b/k: ten","errorType":"TagLimit"}`),
			Letter{Error: "TagLimit", Cause: "tag s3://b/k: ten", Execution: arn + "k-0123", Attempt: 1},
			[]string{"k"},
		},
		{
			"from the state machine, of the tests of package upload", sample(t, "dead-letter.json"),
			Letter{Error: "AccessDenied", Cause: "{}", Execution: arn + "c-1", Attempt: 1},
			[]string{"año 1/a+b&c.txt"},
		},
		{
			"timed out",
			sample(t, "died.json"),
			Letter{Error: "TIMED_OUT", Execution: arn + "c-1", Attempt: 3},
			[]string{"año 1/a+b&c.txt"},
		},
		{
			"failed outside a Catch", stopped(`"error": null`, `"error": "States.Runtime"`),
			Letter{Error: "States.Runtime", Execution: arn + "c-1", Attempt: 3},
			[]string{"año 1/a+b&c.txt"},
		},
		{
			"an upload that dispatch could not start",
			sample(t, "s3.json"),
			Letter{Error: NotDispatched},
			[]string{"año 1/a+b&c.txt"},
		},
		{
			"several uploads",
			sample(t, "s3-several.json"),
			Letter{Error: NotDispatched},
			[]string{"año 1/a+b&c.txt", "año 1/a+b&c.txt"},
		},
		{"an operator's list", sample(t, "list.json"), Letter{Error: NotDispatched}, []string{"k"}},
		{"a test event", sample(t, "s3-test-event.json"), Letter{Error: NotDispatched}, nil},
		{"garbage", "garbage", Letter{Error: NotUnderstood}, nil},
		{
			"a dead letter without an object",
			`{"job":{"version":1},"error":"X","execution":"` + arn + `x"}`,
			Letter{Error: NotUnderstood},
			nil,
		},
		{"half an event about an execution", stopped(`"input": "{`, `"input": "`), Letter{Error: NotUnderstood}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Parse(tt.body)
			var keys []string
			for _, o := range got.Objects {
				keys = append(keys, o.Key)
			}
			if diff := cmp.Diff(tt.keys, keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if got.Error == NotUnderstood {
				if got.Cause == "" {
					t.Error("got no cause, want the reason why it is not understood")
				}
				got.Cause = ""
			}
			got.Objects = nil
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Letter{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestRead checks that the error in a letter's attributes is shown where the body has none.
func TestRead(t *testing.T) {
	t.Parallel()
	const body = `{"run":"r","objects":[{"bucket":"b","key":"k","versionId":"v","size":1}]}`
	attribute := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	attributes := map[string]types.MessageAttributeValue{
		upload.ErrorAttribute: attribute("Refused"), upload.CauseAttribute: attribute("start execution k: InvalidName"),
	}
	for name, tt := range map[string]struct {
		body       string
		attributes map[string]types.MessageAttributeValue
		err, cause string
	}{
		"of dispatch":          {body, attributes, "Refused", "start execution k: InvalidName"},
		"received too often":   {body, nil, NotDispatched, ""},
		"of the state machine": {fromMachine(t, "k", "TagLimit", "ten tags"), attributes, "TagLimit", "ten tags"},
	} {
		got := read(types.Message{MessageId: aws.String("m"), Body: &tt.body, MessageAttributes: tt.attributes})
		if got.Error != tt.err || got.Cause != tt.cause || got.MessageID != "m" {
			t.Errorf("%s: read() = %+v, want the error %q, the cause %q and the id m", name, got, tt.err, tt.cause)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	l := Parse(fromMachine(t, "reports/lazaret.pdf", "AccessDenied", "tag: access denied by a key"))
	const express = "arn:aws:states:us-east-1:111122223333:express:lazaret-scan-express:pdf-0123:5f0e9a51"
	tests := []struct {
		name, text string
		letter     Letter
		want       bool
	}{
		{"error", "AccessD", l, true},
		{"cause", "by a key", l, true},
		{"key", "reports/", l, true},
		{"execution's name", "pdf-0123", l, true},
		{"execution's ARN", l.Execution, l, true},
		{"the part that every ARN has", "lazaret-scan", l, false},
		{"other case", "accessdenied", l, false},
		{"second object of several", "two", Letter{Objects: []job.Object{{Key: "one"}, {Key: "two"}}}, true},
		{"name of an express execution", "pdf-01", Letter{Execution: express}, true},
		{"id of an express execution", "5f0e", Letter{Execution: express}, false},
		{"not understood", "Not", Parse("garbage"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.letter.Matches(tt.text); got != tt.want {
				t.Errorf("Matches(%q) = %v, want %v", tt.text, got, tt.want)
			}
		})
	}
}
