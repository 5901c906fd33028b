package infra_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// TestExistingBucketPolicy: the statements in the output ExistingBucketPolicy guard a bucket as the uploads bucket is
// guarded. The owner of the bucket decides about TLS and about readers and uploaders; promote reads nothing there, and
// lazaret verify uploads nothing.
func TestExistingBucketPolicy(t *testing.T) {
	t.Parallel()
	ownersChoice := []string{
		"TlsOnly", "OnlyVerifiersUploadProbes", "UploadersOfOtherAccounts", "ReadersOfOtherAccounts",
		"ListersOfOtherAccounts", "CloudFront", "CanaryStaysInItsPlace", // canary uploads to the stack's own bucket
	}
	for setting, parameters := range readTable(t).Settings {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			parameters := maps.Clone(parameters)
			parameters["ExistingBuckets"] = "held,archive"
			app, err := template.Load(mainTemplate, template.Options{Parameters: parameters})
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(app.Buckets, func(b template.Bucket) bool { return strings.Contains(b.Name, "-uploads-") })
			if i < 0 {
				t.Fatal("the template has no uploads bucket")
			}
			uploads := app.Buckets[i]
			var policy struct{ Statement []map[string]any }
			if err := json.Unmarshal(uploads.Policy, &policy); err != nil {
				t.Fatal(err)
			}
			output := app.Outputs["ExistingBucketPolicy"]
			// CloudFormation allows a parameter's value 4,096 bytes, and documents no limit for an output.
			if len(output) > 4096 {
				t.Errorf("got an output of %d bytes, want 4096 at most", len(output))
			}
			var got []map[string]any
			if err := json.Unmarshal([]byte(strings.ReplaceAll(output, "BUCKET", uploads.Name)), &got); err != nil {
				t.Fatalf("read the output: %v:\n%s", err, output)
			}
			var want []map[string]any
			for _, s := range policy.Statement {
				if sid, _ := s["Sid"].(string); !slices.Contains(ownersChoice, sid) {
					want = append(want, withoutPromote(s))
				}
			}
			for i := range got {
				got[i] = withoutPromote(got[i])
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
				t.Errorf("%d statements (-of the uploads bucket +of the output):\n%s", len(got), diff)
			}
		})
	}
}

// withoutPromote removes the role of promote from the principals that a statement exempts.
func withoutPromote(statement map[string]any) map[string]any {
	condition, _ := statement["Condition"].(map[string]any)
	not, _ := condition["ArnNotEquals"].(map[string]any)
	arns, _ := not["aws:PrincipalArn"].([]any)
	kept := []any{}
	for _, arn := range arns {
		if !strings.Contains(arn.(string), "PromoteFunctionRole") {
			kept = append(kept, arn)
		}
	}
	if arns != nil {
		not["aws:PrincipalArn"] = kept
	}
	return statement
}
