package infra_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/template"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// table is testdata/policy-table.json. tools/policy-table.mjs asks an independent evaluator of policies the same
// questions about the golden files: that evaluator is the specification of local/policy.
type table struct {
	About      []string                     `json:"about"`
	Settings   map[string]map[string]string `json:"settings"`
	Principals map[string]string            `json:"principals"`
	Rows       []row                        `json:"rows"`
}

type row struct {
	Name        string            `json:"name"`
	Settings    []string          `json:"settings"`
	Bucket      string            `json:"bucket"`
	Principal   string            `json:"principal"`
	Action      string            `json:"action"`
	Key         *string           `json:"key"` // empty for requests to the bucket itself
	ObjectTags  map[string]string `json:"objectTags"`
	RequestTags map[string]string `json:"requestTags"`
	CopySource  string            `json:"copySource"`
	SourceARN   string            `json:"sourceArn"` // of a request that a service makes
	Insecure    bool              `json:"insecure"`
	Expected    string            `json:"expected"`
}

func readTable(t *testing.T) table {
	t.Helper()
	file, err := os.Open("testdata/policy-table.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var tb table
	d := json.NewDecoder(file)
	d.DisallowUnknownFields()
	if err := d.Decode(&tb); err != nil {
		t.Fatalf("read the table: %v", err)
	}
	if len(tb.Settings) == 0 || len(tb.Principals) == 0 || len(tb.Rows) == 0 {
		t.Fatalf("got a table of %d settings, %d principals, %d rows, want some of each",
			len(tb.Settings), len(tb.Principals), len(tb.Rows))
	}
	return tb
}

// policies loads the template with the parameters and returns the policies of its buckets, by the part of the bucket's
// name between the stack's name and the account.
func policies(t *testing.T, parameters map[string]string) map[string]json.RawMessage {
	t.Helper()
	app, err := template.Load(mainTemplate, template.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]json.RawMessage{}
	for _, b := range app.Buckets {
		name, _ := strings.CutPrefix(b.Name, app.Name+"-")
		name, _ = strings.CutSuffix(name, "-"+template.Account+"-"+template.Region)
		found[name] = b.Policy
	}
	return found
}

// TestPoliciesAsDeployed compares the bucket policies under each setting with golden files, so that the diff of a
// change shows what it does to them.
func TestPoliciesAsDeployed(t *testing.T) {
	t.Parallel()
	settings := readTable(t).Settings
	for setting, parameters := range settings {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			got, err := json.MarshalIndent(policies(t, parameters), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "policies", setting+".json"), append(got, '\n'))
		})
	}
	files, err := filepath.Glob("testdata/policies/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, there := settings[strings.TrimSuffix(filepath.Base(file), ".json")]; !there {
			t.Errorf("got %s, want a setting of that name in the table", file)
		}
	}
}

// TestWhoMayDoWhat answers each row of the table with the policies of the template.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	tb := readTable(t)
	parsed := map[string]map[string]*policy.Policy{}
	for setting, parameters := range tb.Settings {
		parsed[setting] = map[string]*policy.Policy{}
		for bucket, document := range policies(t, parameters) {
			p, err := policy.Parse(document)
			if err != nil {
				t.Fatalf("%s: policy of %s: %v", setting, bucket, err)
			}
			parsed[setting][bucket] = p
		}
	}
	for _, r := range tb.Rows {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			settings := r.Settings
			if settings == nil {
				settings = slices.Collect(maps.Keys(tb.Settings))
			}
			arn, known := tb.Principals[r.Principal]
			if !known {
				t.Fatalf("got principal %q, want one of %q", r.Principal, sortedKeys(tb.Principals))
			}
			asked := 0
			for _, setting := range settings {
				p, has := parsed[setting][r.Bucket]
				if !has && r.Settings == nil {
					continue // a layout without this bucket
				}
				if !has {
					t.Fatalf("under %q: got no bucket %s, want it", setting, r.Bucket)
				}
				asked++
				d := p.Evaluate(r.request(arn))
				if got := outcome(d, arn); got != r.Expected {
					t.Errorf("under %q: got %s (statement %q), want %s", setting, got, d.Sid, r.Expected)
				}
			}
			if asked == 0 {
				t.Error("got no setting with this bucket, want one at least")
			}
		})
	}
}

func (r row) request(arn string) policy.Request {
	bucket := "lazaret-" + r.Bucket + "-" + template.Account + "-" + template.Region
	request := policy.Request{
		Principal: arn, Account: account(arn), Action: r.Action, Resource: "arn:aws:s3:::" + bucket + "/docs/a.txt",
		Context: map[string][]string{"aws:SecureTransport": {"true"}},
	}
	if r.Key != nil {
		request.Resource = strings.TrimSuffix("arn:aws:s3:::"+bucket+"/"+*r.Key, "/")
	}
	if r.Insecure {
		request.Context["aws:SecureTransport"] = []string{"false"}
	}
	switch {
	case strings.HasSuffix(arn, ".amazonaws.com"): // the request of a service has no ARN of a principal
		request.Principal, request.Service = "", arn
		request.Context["aws:PrincipalIsAWSService"] = []string{"true"}
		request.Context["aws:SourceArn"] = []string{r.SourceARN}
	case arn != "":
		request.Context["aws:PrincipalArn"] = []string{arn}
	}
	if r.CopySource != "" {
		request.Context["s3:x-amz-copy-source"] = []string{r.CopySource}
	}
	for key, value := range r.ObjectTags {
		request.Context["s3:ExistingObjectTag/"+key] = []string{value}
	}
	for key, value := range r.RequestTags {
		request.Context["s3:RequestObjectTag/"+key] = []string{value}
		request.Context["s3:RequestObjectTagKeys"] = append(request.Context["s3:RequestObjectTagKeys"], key)
	}
	return request
}

// account returns the account in an ARN, which is empty for an anonymous caller.
func account(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// outcome returns a decision as the table writes it.
func outcome(d policy.Decision, arn string) string {
	switch {
	case d.Effect == policy.Deny:
		return "deny"
	case d.Effect == policy.Allow || account(arn) == template.Account:
		return "allow"
	default:
		return "none"
	}
}
