package infra

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// The policy that people paste for a bucket of their own must guard it as the
// stack's own bucket is guarded. TLS and whom to allow are theirs to decide; promote reads nothing
// there, and lazaret verify uploads nothing.
func TestPolicyToPasteGuardsAsOurs(t *testing.T) {
	t.Parallel()
	for setting, parameters := range readTable(t).Settings {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			parameters := maps.Clone(parameters)
			parameters["ExistingBuckets"] = "held,archive"
			app, err := template.Load("../template.yaml", template.Options{Parameters: parameters})
			if err != nil {
				t.Fatal(err)
			}
			var ours struct{ Statement []map[string]any }
			name := ""
			for _, b := range app.Buckets {
				if strings.Contains(b.Name, "-uploads-") {
					name = b.Name
					if err := json.Unmarshal(b.Policy, &ours); err != nil {
						t.Fatal(err)
					}
				}
			}
			paste := app.Outputs["ExistingBucketPolicy"]
			const most = 4096 // what CloudFormation allows the value of a parameter; it says nothing of outputs
			if len(paste) > most {
				t.Errorf("the output has %d bytes", len(paste))
			}
			var theirs []map[string]any
			if err := json.Unmarshal([]byte(strings.ReplaceAll(paste, "BUCKET", name)), &theirs); err != nil {
				t.Fatalf("%v:\n%s", err, paste)
			}
			var want []map[string]any
			for _, s := range ours.Statement {
				if !slices.Contains([]string{
					"TlsOnly", "OnlyVerifiersUploadProbes", "UploadersOfOtherAccounts", "ReadersOfOtherAccounts", "ListersOfOtherAccounts", "CloudFront",
				}, s["Sid"].(string)) {
					want = append(want, normalised(s))
				}
			}
			for i := range theirs {
				theirs[i] = normalised(theirs[i])
			}
			if diff := cmp.Diff(want, theirs); diff != "" {
				t.Errorf("ours, theirs:\n%s", diff)
			}
		})
	}
}

// normalised drops the role of promote from a statement's exemptions.
func normalised(statement map[string]any) map[string]any {
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
