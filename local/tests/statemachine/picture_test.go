package statemachine_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/console/graph"
)

var update = flag.Bool("update", false, "write the pictures in docs/ and the Retry blocks")

// TestDocumentsShowTheStateMachines compares the pictures in docs/ with what the console draws of the state machines,
// and holds that docs/architecture.md shows them.
func TestDocumentsShowTheStateMachines(t *testing.T) {
	t.Parallel()
	page := readFile(t, architectureFile)
	for _, c := range []struct{ definition, title, file string }{
		{definitionFile, "State machine of scans", "scan-machine.svg"},
		{sweepFile, "State machine of sweeps", "sweep-machine.svg"},
	} {
		m, err := graph.Parse([]byte(readFile(t, c.definition)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := graph.New(m).File(graph.Look{Title: c.title, Description: graph.Describe(m)})
		if err != nil {
			t.Fatal(err)
		}
		path := root + "/docs/" + c.file
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if readFile(t, path) != string(want) {
			t.Errorf("docs/%s is not what is drawn of %s "+
				"(go -C local test ./tests/statemachine -run Documents -update writes it)", c.file, c.definition)
		}
		if !strings.Contains(page, "]("+c.file+")") {
			t.Errorf("docs/architecture.md does not show %s", c.file)
		}
	}
}
