// Package statemachine holds the tests of the machines' structure: what must
// be so in every version of them, whatever they do. Runs of the machines are
// tested with the whole local stack.
package statemachine

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/template"
)

func TestTasks(t *testing.T) {
	t.Parallel()
	_, m := read(t)
	app, err := template.Load("../template.yaml", template.Options{Parameters: map[string]string{"BucketLayout": "three-bucket"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range m.States {
		if s.Type != "Task" {
			continue
		}
		if s.TimeoutSeconds == 0 {
			t.Errorf("%s: no TimeoutSeconds", name)
		}
		if !s.invokes() {
			continue
		}
		folder := strings.ToLower(name)
		if _, err := os.Stat("../functions/" + folder); err != nil {
			t.Errorf("%s: no folder of that name: %v", name, err)
		}
		if got, want := s.Parameters["FunctionName"], "${"+name+"FunctionArn}"; got != want {
			t.Errorf("%s: invokes %v, want %s", name, got, want)
		}
		i := slices.IndexFunc(app.Functions, func(f template.Function) bool { return f.Short == folder })
		if i < 0 {
			t.Errorf("%s: the template has no such function", name)
		} else if f := app.Functions[i]; time.Duration(s.TimeoutSeconds)*time.Second <= f.Timeout {
			t.Errorf("%s: TimeoutSeconds %d is not above its function's %v", name, s.TimeoutSeconds, f.Timeout)
		}
		if n := len(s.Catch); n == 0 || !slices.Equal(s.Catch[n-1].ErrorEquals, []string{"States.ALL"}) {
			t.Errorf("%s: Catch does not end in States.ALL", name)
		}
	}
}

// TestNothingIsCleanByDefault: no way leads from the Default of a Choice to
// Done. Announce alone may default to it, because only Promote leads there,
// and only CLEAN leads to Promote.
func TestNothingIsCleanByDefault(t *testing.T) {
	t.Parallel()
	_, m := read(t)
	for name, s := range m.States {
		if s.Type != "Choice" {
			continue
		}
		if s.Default == "" {
			t.Errorf("%s: no Default", name)
		}
		if name != "Announce" && m.leads(s.Default, "Done") {
			t.Errorf("%s: its Default leads to Done", name)
		}
	}
	for name, s := range m.States {
		if name != "Promote" && slices.Contains(s.next(), "Announce") {
			t.Errorf("%s leads to Announce, which only Promote may", name)
		}
	}
}

// TestErrorNames: names of our own have no dot, unlike AWS's. Those that
// neither Retry nor Catch names are caught by States.ALL, on purpose.
func TestErrorNames(t *testing.T) {
	t.Parallel()
	_, m := read(t)
	named := map[string]bool{"TagLimit": true, "AccessDenied": true, "BadJob": true}
	for _, s := range m.States {
		for _, h := range slices.Concat(s.Retry, s.Catch) {
			for _, e := range h.ErrorEquals {
				named[e] = named[e] || !strings.Contains(e, ".")
			}
		}
	}
	maps.DeleteFunc(named, func(_ string, ours bool) bool { return !ours })
	var known []string
	for _, n := range job.Named {
		known = append(known, n.Name)
	}
	slices.Sort(known)
	if d := cmp.Diff(known, slices.Sorted(maps.Keys(named))); d != "" {
		t.Errorf("errors of internal/job (-) and of the machine (+) differ:\n%s", d)
	}
}

func TestSubstitutions(t *testing.T) {
	t.Parallel()
	text, _ := read(t)
	written, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(written), "DefinitionSubstitutions:\n")
	section, _, ok := strings.Cut(section, "\n      Tracing:")
	if !ok {
		t.Fatal("the template's DefinitionSubstitutions, followed by Tracing, are not where this test looks for them")
	}
	given := names(`(?m)^        (\w+):`, section)
	if d := cmp.Diff(names(`\$\{(\w+)\}`, text), given); d != "" {
		t.Errorf("placeholders of the machine (-) and substitutions of the template (+) differ:\n%s", d)
	}
}
