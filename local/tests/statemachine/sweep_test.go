package statemachine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/template"
)

// TestSweepMachine: the machine of sweeps has no other placeholder than its function, waits longer for it than it may
// run, and tolerates some failed pages at most. A failure of any other state fails the execution, for which there is an
// alarm: no Catch may hide it.
func TestSweepMachine(t *testing.T) {
	t.Parallel()
	text := readFile(t, sweepFile)
	if rest := strings.ReplaceAll(text, "${SweepFunctionArn}", ""); strings.Contains(rest, "${") {
		t.Error("got a placeholder other than SweepFunctionArn, want none")
	}
	var machine struct {
		States map[string]struct {
			Type                       string
			Catch                      []any
			MaxConcurrency             int
			ToleratedFailurePercentage float64
		}
	}
	if err := json.Unmarshal([]byte(text), &machine); err != nil {
		t.Fatal(err)
	}
	for name, s := range machine.States {
		if s.Catch != nil {
			t.Errorf("%s: got a Catch, want none", name)
		}
		if s.Type == "Map" && (s.MaxConcurrency != 2 || s.ToleratedFailurePercentage <= 0 || s.ToleratedFailurePercentage > 10) {
			t.Errorf("%s: got MaxConcurrency %d, tolerated failures %v %%, want 2, which an account with a quota of 10 has left, "+
				"and 10 %% at most", name, s.MaxConcurrency, s.ToleratedFailurePercentage)
		}
	}
	app, err := template.Load(templateFile, template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	timeout := 0.0
	for _, f := range app.Functions {
		if f.Short == "sweep" {
			timeout = f.Timeout.Seconds()
		}
	}
	tasks := 0
	var all any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	eachTask(all, func(task map[string]any) {
		tasks++
		if wait, _ := task["TimeoutSeconds"].(float64); timeout == 0 || wait <= timeout {
			t.Errorf("%v: got TimeoutSeconds %v, want more than the function's timeout, %v", task["Comment"], wait, timeout)
		}
	})
	if tasks != 5 {
		t.Errorf("got %d Tasks, want begin, list, judge, count and report", tasks)
	}
}
