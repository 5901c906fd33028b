// Package statemachine_test holds statemachine/scan.asl.json to the template, to the functions, to internal/job and to
// docs/architecture.md, and its Retry blocks to statemachine/retry.json. It checks the structure that the machine
// always needs;
// the local stack's own tests run the machine.
package statemachine_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/template"
)

// elsewhere are the functions that the machine does not invoke: queues, schedules, operators and another machine do.
var elsewhere = []string{"canary", "dispatch", "freshclam", "release", "sweep"}

// TestTasks: each function that the machine invokes has a Task of its name, which waits longer than the function may
// run and catches all errors.
func TestTasks(t *testing.T) {
	t.Parallel()
	_, m := readMachine(t)
	options := template.Options{Parameters: map[string]string{"BucketLayout": "three-bucket", "GuardDutyEvents": "true"}}
	app, err := template.Load(templateFile, options)
	if err != nil {
		t.Fatal(err)
	}
	timeouts := map[string]time.Duration{}
	for _, f := range app.Functions {
		timeouts[f.Short] = f.Timeout
	}
	folders, err := filepath.Glob(root + "/functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, folder := range folders {
		if name := filepath.Base(filepath.Dir(folder)); !slices.Contains(elsewhere, name) {
			want = append(want, name)
		}
	}
	for name, s := range m.States {
		if s.Type != "Task" {
			continue
		}
		if s.TimeoutSeconds == 0 {
			t.Errorf("%s: got no TimeoutSeconds, want one", name)
		}
		if !s.invokes() {
			continue
		}
		function := strings.ToLower(name)
		got = append(got, function)
		if got, want := s.Parameters["FunctionName"], "${"+name+"FunctionArn}"; got != want {
			t.Errorf("%s: got FunctionName %v, want %s", name, got, want)
		}
		wait := time.Duration(s.TimeoutSeconds) * time.Second
		handedOver := s.Parameters["InvocationType"] == "Event" // which waits for no end
		if timeout, there := timeouts[function]; !there || wait <= timeout && !handedOver {
			t.Errorf("%s: got TimeoutSeconds %v, want more than the function's timeout %v (in the template: %t)",
				name, wait, timeout, there)
		}
		if n := len(s.Catch); n == 0 || !slices.Equal(s.Catch[n-1].ErrorEquals, []string{"States.ALL"}) {
			t.Errorf("%s: got Catch %+v, want States.ALL at its end", name, s.Catch)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("functions (-in functions/ +invoked):\n%s", diff)
	}
}

// TestNothingIsCleanByDefault: no path leads from the Default of a Choice to Done. Only Announce may default to Done,
// because only Promote leads to it, and only CLEAN leads to Promote.
func TestNothingIsCleanByDefault(t *testing.T) {
	t.Parallel()
	_, m := readMachine(t)
	if !m.leads(m.StartAt, "Done") {
		t.Errorf("got no path from %s to Done, want one", m.StartAt)
	}
	choices := 0
	for name, s := range m.States {
		if name != "Promote" && slices.Contains(s.next(), "Announce") {
			t.Errorf("got a path from %s to Announce, want one from Promote only", name)
		}
		if s.Type != "Choice" {
			continue
		}
		choices++
		if s.Default == "" {
			t.Errorf("%s: got no Default, want one", name)
		}
		if name != "Announce" && m.leads(s.Default, "Done") {
			t.Errorf("%s: got a path from its Default %s to Done, want none", name, s.Default)
		}
	}
	if choices == 0 {
		t.Error("got no Choice, want Route at least")
	}
}

// TestErrorNames: the machine and internal/job name the same errors. Lazaret's own names have no dot, unlike those of
// AWS. Four of them have no Retry or Catch of their own: States.ALL catches them.
func TestErrorNames(t *testing.T) {
	t.Parallel()
	_, m := readMachine(t)
	got := []string{"TagLimit", "SignatureOnTrial", "AccessDenied", "BadJob"}
	for _, s := range m.States {
		for _, h := range slices.Concat(s.Retry, s.Catch) {
			for _, name := range h.ErrorEquals {
				if !strings.Contains(name, ".") {
					got = append(got, name)
				}
			}
		}
	}
	slices.Sort(got)
	var want []string
	for _, n := range job.Named {
		want = append(want, n.Name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("errors (-in internal/job +in the machine):\n%s", diff)
	}
}

// TestSubstitutions: the template gives each placeholder in the machine a value, and no others.
func TestSubstitutions(t *testing.T) {
	t.Parallel()
	text, _ := readMachine(t)
	var want, got []string
	for _, found := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		want = append(want, found[1])
	}
	var file struct {
		Resources struct {
			ScanStateMachine struct {
				Properties struct {
					DefinitionSubstitutions map[string]yaml.Node `yaml:"DefinitionSubstitutions"`
				} `yaml:"Properties"`
			} `yaml:"ScanStateMachine"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, templateFile)), &file); err != nil {
		t.Fatal(err)
	}
	for name := range file.Resources.ScanStateMachine.Properties.DefinitionSubstitutions {
		got = append(got, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" || len(got) == 0 {
		t.Errorf("placeholders (-in the machine +in the template):\n%s", diff)
	}
}
