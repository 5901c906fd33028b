package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/local/template"
)

// everything deploys whatever the template can deploy, so that no statement
// is hidden by its condition.
var everything = map[string]string{
	"BucketLayout": "three-bucket", "ExistingBuckets": "held,archive",
	"UploadsKeyArn":         "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-1111-1111-111111111111",
	"ExistingBucketKeyArns": "arn:aws:kms:us-east-1:000000000000:key/22222222-2222-2222-2222-222222222222",
	"CustomSignatures":      "s3://rules/ours", "AlertEmail": "oncall@example.com",
}

// permission is one of a role's, with the reason that stands beside it.
type permission struct {
	Owner    string `json:"owner"`            // "fetch", or "state machine"
	Denied   bool   `json:"denied,omitempty"` // a Deny, of what a managed policy allows
	Actions  list   `json:"actions"`
	Resource list   `json:"resource"`
	Only     any    `json:"only,omitempty"` // its condition
	Why      string `json:"why"`
}

// list is one string or several, as IAM lets one write them.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		*l = make(list, 1)
		return json.Unmarshal(data, &(*l)[0])
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// permissions are those of all roles, in the order of the template's resources.
func permissions(t *testing.T) []permission {
	t.Helper()
	app, err := template.Load("../template.yaml", template.Options{Parameters: everything})
	if err != nil {
		t.Fatal(err)
	}
	reasons := reasons(t)
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
					t.Fatalf("%s: %d reasons for more statements", id, next)
				}
				all = append(all, permission{owner, s.Effect == "Deny", s.Action, s.Resource, s.Condition, reasons[id][next]})
				next++
			}
		}
		if next != len(reasons[id]) {
			t.Errorf("%s: %d reasons for %d statements", id, len(reasons[id]), next)
		}
	}
	for _, m := range app.Machines {
		add("ScanStateMachine", "the state machine", m.Policies)
	}
	for _, f := range app.Functions {
		add(f.LogicalID, f.Short, f.Policies)
	}
	return all
}

var comment = regexp.MustCompile(`[,}\]\w] # (.+)$`)

// reasons reads, for each function and machine, the comment of each statement.
func reasons(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	found := map[string][]string{}
	for id, node := range resources(t, "../template.yaml") {
		var r struct {
			Properties struct {
				Policies []struct {
					Statement []yaml.Node `yaml:"Statement"`
				} `yaml:"Policies"`
			} `yaml:"Properties"`
		}
		if err := node.Decode(&r); err != nil {
			continue // a bucket's tags, say: it has no Policies
		}
		for _, p := range r.Properties.Policies {
			for _, s := range p.Statement {
				n := &s
				for n.Kind == yaml.AliasNode || n.Tag == "!If" {
					if n.Kind == yaml.AliasNode {
						n = n.Alias
					} else {
						n = n.Content[1]
					}
				}
				why := ""
				for line := n.Line; line <= last(n) && why == ""; line++ {
					if m := comment.FindStringSubmatch(lines[line-1]); m != nil {
						why = m[1]
					}
				}
				if why == "" {
					t.Errorf("template.yaml:%d: a statement of %s without its reason", n.Line, id)
				}
				found[id] = append(found[id], why)
			}
		}
	}
	return found
}

// last is the line where a node's last descendant begins.
func last(n *yaml.Node) int {
	line := n.Line
	for _, c := range n.Content {
		line = max(line, last(c))
	}
	return line
}

func TestRolesAsDeployed(t *testing.T) {
	t.Parallel()
	got, err := json.MarshalIndent(permissions(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/roles.json", append(got, '\n'))
}

// golden compares with a file, or rewrites it.
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
		t.Errorf("differs from %s (go test ./infra -update rewrites it):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

// TestRolesNameResources refuses wildcards where AWS allows a name.
func TestRolesNameResources(t *testing.T) {
	t.Parallel()
	for _, s := range permissions(t) {
		if s.Denied {
			continue
		}
		for _, action := range s.Actions {
			if strings.Contains(action, "*") {
				t.Errorf("%s may %s", s.Owner, action)
			}
		}
		isLogs := slices.Equal(s.Resource, list{"*"}) && strings.HasPrefix(s.Actions[0], "logs:")
		for _, r := range s.Resource {
			if r == "QuarantineKey.Arn" { // as the local stack calls what it does not have
				continue
			}
			if arn := strings.Split(r, ":"); !isLogs && (len(arn) < 6 || strings.Contains(arn[2]+arn[3]+arn[4], "*")) {
				t.Errorf("%s may %v on %s", s.Owner, s.Actions, r)
			}
		}
	}
}

// TestSecurityListsPermissions holds the table of docs/security.md to the
// template.
func TestSecurityListsPermissions(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../docs/security.md", "<!-- permissions -->\n", "<!-- /permissions -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no %s", path, begin)
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
	golden(t, path, []byte(head+begin+b.String()+end+tail))
}

// short tells the table's reader which of the stack's resources an ARN is.
var short = strings.NewReplacer(
	"arn:aws:s3:::lazaret-uploads-000000000000-us-east-1", "uploads",
	"arn:aws:s3:::lazaret-quarantine-000000000000-us-east-1", "quarantine",
	"arn:aws:s3:::lazaret-clean-000000000000-us-east-1", "clean",
	"arn:*:s3:::held", "ExistingBuckets", "arn:aws:s3:::rules", "CustomSignatures",
	everything["UploadsKeyArn"], "UploadsKeyArn", everything["ExistingBucketKeyArns"], "ExistingBucketKeyArns",
	"arn:aws:elasticfilesystem:us-east-1:000000000000:file-system/Network.Outputs.FileSystemId", "the volume, by its access point",
	":us-east-1:000000000000:", ":…:", "arn:aws:", "", "lazaret-", "",
)

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
