package redrive

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

const arn = "arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:"

// sample is a body as package upload's own tests have it.
func sample(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile("../../../internal/upload/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// handedOver is a dead letter of the state machine.
func handedOver(t *testing.T, key, failure, cause string) string {
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

func TestRead(t *testing.T) {
	t.Parallel()
	died := func(change, to string) string { return strings.Replace(sample(t, "died.json"), change, to, 1) }
	tests := []struct {
		name, body string
		want       Letter // Objects aside
		keys       []string
	}{
		{
			"handed over", handedOver(t, "k", "TagLimit", `{"errorMessage":"tag s3://b/k: ten","errorType":"TagLimit"}`),
			Letter{Error: "TagLimit", Cause: "tag s3://b/k: ten", Execution: arn + "k-0123", Attempt: 1},
			[]string{"k"},
		},
		{
			"handed over, as upload's tests have it", sample(t, "dead-letter.json"),
			Letter{Error: "AccessDenied", Cause: "{}", Execution: arn + "c-1", Attempt: 1},
			[]string{"año 1/a+b&c.txt"},
		},
		{"timed out", sample(t, "died.json"), Letter{Error: "TIMED_OUT", Execution: arn + "c-1", Attempt: 3}, []string{"año 1/a+b&c.txt"}},
		{
			"failed outside a Catch", died(`"error": null`, `"error": "States.Runtime"`),
			Letter{Error: "States.Runtime", Execution: arn + "c-1", Attempt: 3},
			[]string{"año 1/a+b&c.txt"},
		},
		{"an upload that dispatch could not start", sample(t, "s3.json"), Letter{Error: NotDispatched}, []string{"año 1/a+b&c.txt"}},
		{"several of them", sample(t, "s3-several.json"), Letter{Error: NotDispatched}, []string{"año 1/a+b&c.txt", "año 1/a+b&c.txt"}},
		{"an operator's list", sample(t, "list.json"), Letter{Error: NotDispatched}, []string{"k"}},
		{"a test event", sample(t, "s3-test-event.json"), Letter{Error: NotDispatched}, nil},
		{"garbage", "garbage", Letter{Error: NotUnderstood}, nil},
		{"a handover without a job that could run", `{"job":{"version":1},"error":"X","execution":"` + arn + `x"}`, Letter{Error: NotUnderstood}, nil},
		{"half a died event", died(`"input": "{`, `"input": "`), Letter{Error: NotUnderstood}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Read(tt.body)
			var keys []string
			for _, o := range got.Objects {
				keys = append(keys, o.Key)
			}
			if diff := cmp.Diff(tt.keys, keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if got.Error == NotUnderstood {
				if got.Cause == "" {
					t.Error("nothing says why it is not understood")
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

func TestMatches(t *testing.T) {
	t.Parallel()
	l := Read(handedOver(t, "reports/lazaret.pdf", "AccessDenied", "tag: access denied by a key"))
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
		{"what every ARN holds", "lazaret-scan", l, false},
		{"other case", "accessdenied", l, false},
		{"second object of several", "two", Letter{Objects: []job.Object{{Key: "one"}, {Key: "two"}}}, true},
		{"not understood", "Not", Read("garbage"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.letter.Matches(tt.text); got != tt.want {
				t.Errorf("Matches(%q) = %v", tt.text, got)
			}
		})
	}
}
