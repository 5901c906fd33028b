package statemachine_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the picture in docs/architecture.md and the Retry blocks")

// TestArchitectureShowsTheStateMachine compares the picture in docs/architecture.md with the state machine. The paths
// from Catch to DeadLetter are left out: the page says once that every Task has one.
func TestArchitectureShowsTheStateMachine(t *testing.T) {
	t.Parallel()
	_, m := readMachine(t)
	page := readFile(t, architectureFile)
	const open, end = "```mermaid\n", "```\n"
	before, rest, found := strings.Cut(page, open)
	was, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("docs/architecture.md: got a mermaid block that begins %t and ends %t, want one", found, closed)
	}
	want := draw(m)
	if *update {
		if err := os.WriteFile(architectureFile, []byte(before+open+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, was); diff != "" {
		t.Errorf(
			"docs/architecture.md (-want +got; go -C local test ./tests/statemachine -run Architecture -update writes it):\n%s",
			diff,
		)
	}
}

// draw returns the picture of a machine, in the language of Mermaid.
func draw(m machine) string {
	lines := []string{"stateDiagram-v2", "  direction LR", "  [*] --> " + m.StartAt}
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		s := m.States[name]
		var next []string
		edge := func(to, label string) {
			if to == "" {
				return
			}
			line := fmt.Sprintf("  %s --> %s%s", name, to, label)
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
			next = append(next, to)
		}
		edge(s.Next, "")
		for _, c := range s.Choices {
			edge(c.Next, "")
		}
		edge(s.Default, "")
		for _, c := range s.Catch {
			if c.Next != "DeadLetter" {
				edge(c.Next, ": "+strings.Join(c.ErrorEquals, " or "))
			}
		}
		if s.Type == "Succeed" || s.Type == "Fail" {
			lines = append(lines, "  "+name+" --> [*]")
		}
		for _, n := range next {
			visit(n)
		}
	}
	visit(m.StartAt)
	return strings.Join(lines, "\n") + "\n"
}
