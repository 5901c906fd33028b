package infra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/local/template"
)

// everything has the values with which the template deploys all that it can, so that no condition leaves a statement
// out.
var everything = map[string]string{
	"BucketLayout": "three-bucket", "ExistingBuckets": "held,archive",
	"UploadsKeyArn":         "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-1111-1111-111111111111",
	"ExistingBucketKeyArns": "arn:aws:kms:us-east-1:000000000000:key/22222222-2222-2222-2222-222222222222",
	"CustomSignatures":      "s3://rules/ours", "AlertEmail": "oncall@example.com", "Workflow": "EXPRESS",
	"GuardDutyEvents": "true",
}

// permission is a statement of a role's policy, with the comment above it in the template.
type permission struct {
	Owner    string `json:"owner"`            // "fetch", "the state machine", "the EXPRESS machine" …
	Denied   bool   `json:"denied,omitempty"` // denies what a managed policy allows
	Actions  list   `json:"actions"`
	Resource list   `json:"resource"`
	Only     any    `json:"only,omitempty"` // its condition
	Why      string `json:"why"`
}

// list is a list that IAM also accepts as a single text.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		*l = make(list, 1)
		return json.Unmarshal(data, &(*l)[0])
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// permissions returns the permissions of all roles, in the order of the template's resources.
func permissions(t *testing.T) []permission {
	t.Helper()
	app, err := template.Load(mainTemplate, template.Options{Parameters: everything})
	if err != nil {
		t.Fatal(err)
	}
	reasons := statementReasons(t)
	var all []permission
	add := func(id, owner string, documents []json.RawMessage) {
		next := 0
		for _, d := range documents {
			var p struct {
				Statement []struct {
					Effect           string
					Action, Resource list
					Condition        any
				}
			}
			if err := json.Unmarshal(d, &p); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			for _, s := range p.Statement {
				if next == len(reasons[id]) {
					t.Fatalf("%s: got %d statements in the file, want as many as are deployed", id, next)
				}
				all = append(all, permission{
					Owner: owner, Denied: s.Effect == "Deny", Actions: s.Action, Resource: s.Resource,
					Only: s.Condition, Why: reasons[id][next],
				})
				next++
			}
		}
		if next != len(reasons[id]) {
			t.Errorf("%s: got %d statements in the file, want the %d that are deployed", id, len(reasons[id]), next)
		}
	}
	for _, m := range app.Machines {
		switch {
		case m.Express:
			add("ExpressStateMachine", "the EXPRESS machine", m.Policies)
		case strings.HasSuffix(m.Name, "-sweep"):
			add("SweepStateMachine", "the machine of sweeps", m.Policies)
		default:
			add("ScanStateMachine", "the state machine", m.Policies)
		}
	}
	for _, f := range app.Functions {
		add(f.LogicalID, f.Short, f.Policies)
	}
	if len(all) == 0 {
		t.Fatal("got no permission, want those of the functions and of the state machine")
	}
	return all
}

// statementReasons returns, for each function and state machine, the comment above each statement of its policies.
func statementReasons(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, kind := range []string{"AWS::Serverless::Function", "AWS::Serverless::StateMachine"} {
		for id := range resourcesOfType(t, mainTemplate, kind) {
			var r struct {
				Policies []struct {
					Statement []yaml.Node `yaml:"Statement"`
				} `yaml:"Policies"`
			}
			properties(t, mainTemplate, id, &r)
			for _, p := range r.Policies {
				for _, s := range p.Statement {
					why := commentAbove(aliased(&s))
					if why == "" {
						t.Errorf("template.yaml:%d: got a statement of %s without a comment above it, want its reason", s.Line, id)
					}
					found[id] = append(found[id], why)
				}
			}
		}
	}
	return found
}

// TestRolesAsDeployed compares what each role may do with a golden file.
func TestRolesAsDeployed(t *testing.T) {
	t.Parallel()
	got, err := json.MarshalIndent(permissions(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/roles.json", append(got, '\n'))
}

// golden compares a text with a file, or rewrites the file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got; go -C local test ./tests/infra -update rewrites it):\n%s",
			path, cmp.Diff(string(want), string(got)))
	}
}

// TestRolesNameResources: no role has a wildcard in an action, or in a resource that AWS allows to be named.
func TestRolesNameResources(t *testing.T) {
	t.Parallel()
	for _, s := range permissions(t) {
		if s.Denied {
			continue
		}
		for _, action := range s.Actions {
			if strings.Contains(action, "*") {
				t.Errorf("%s: got action %s, want no wildcard", s.Owner, action)
			}
		}
		isLogs := slices.Equal(s.Resource, list{"*"}) && strings.HasPrefix(s.Actions[0], "logs:")
		for _, r := range s.Resource {
			if r == "QuarantineKey.Arn" { // the local stack has no such key, and keeps the reference
				continue
			}
			if arn := strings.Split(r, ":"); !isLogs && (len(arn) < 6 || strings.Contains(arn[2]+arn[3]+arn[4], "*")) {
				t.Errorf("%s: got %v on %s, want a resource with its name", s.Owner, s.Actions, r)
			}
		}
	}
}

// TestSecurityListsPermissions compares the table in docs/security.md with the template.
func TestSecurityListsPermissions(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- permissions -->\n", "<!-- /permissions -->\n"
	head, rest, found := strings.Cut(readFile(t, securityPage), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s: got %q %t, %q %t, want both", securityPage, begin, found, end, closed)
	}
	var b strings.Builder
	b.WriteString("| role | may | on | why |\n| --- | --- | --- | --- |\n")
	owner := ""
	for _, s := range permissions(t) {
		shown := s.Owner
		if s.Owner == owner {
			shown = ""
		}
		owner = s.Owner
		may := quoted(s.Actions, strings.NewReplacer())
		if s.Denied {
			may = "never " + may
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", shown, may, quoted(s.Resource, short), s.Why)
	}
	golden(t, securityPage, []byte(head+begin+b.String()+end+tail))
}

// short replaces ARNs by the names that the table uses.
var short = strings.NewReplacer(
	"arn:aws:s3:::lazaret-uploads-000000000000-us-east-1", "uploads",
	"arn:aws:s3:::lazaret-quarantine-000000000000-us-east-1", "quarantine",
	"arn:aws:s3:::lazaret-clean-000000000000-us-east-1", "clean",
	"arn:aws:s3:::lazaret-records-000000000000-us-east-1", "records",
	"arn:*:s3:::held", "ExistingBuckets", "arn:aws:s3:::rules", "CustomSignatures",
	everything["UploadsKeyArn"], "UploadsKeyArn", everything["ExistingBucketKeyArns"], "ExistingBucketKeyArns",
	"arn:aws:elasticfilesystem:us-east-1:000000000000:file-system/Network.Outputs.FileSystemId",
	"the volume, by its access point",
	":us-east-1:000000000000:", ":…:", "arn:aws:", "", "lazaret-", "",
)

// quoted joins a list for the table.
func quoted(l list, r *strings.Replacer) string {
	var shown []string
	for _, s := range l {
		if strings.HasPrefix(s, "arn:*:s3:::archive") {
			continue // the second of ExistingBuckets
		}
		shown = append(shown, "`"+r.Replace(s)+"`")
	}
	return strings.Join(shown, " ")
}
