package statemachine

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is made of the machine and of retry.json")

// drawn is as much of the ASL as the picture shows.
type drawn struct {
	StartAt string
	States  map[string]struct {
		Type, Next, Default string
		Choices             []struct{ Next string }
		Catch               []struct {
			ErrorEquals []string
			Next        string
		}
	}
}

// TestReadmeShowsTheStateMachine holds the README's picture to the ASL. Every
// Task's way to DeadLetter is left out: the text says it once.
func TestReadmeShowsTheStateMachine(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("scan.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	var m drawn
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const open, end = "```mermaid\n", "```\n"
	before, rest, found := strings.Cut(string(readme), open)
	was, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("README.md has no mermaid block")
	}
	want := draw(m)
	if *update {
		if err := os.WriteFile("../README.md", []byte(before+open+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, was); diff != "" {
		t.Errorf("README.md shows another machine; draw it with go test ./statemachine -run Readme -update (-ASL +README):\n%s", diff)
	}
}

func draw(m drawn) string {
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
