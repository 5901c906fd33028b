package statemachine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// TestSweepMachine: the machine of sweeps has no other placeholders than its functions, waits longer for them than they
// may run, and goes on when pages fail, which the summary names and for which there is an alarm. A failure of any other
// state fails the execution, for which there is an alarm too: no Catch may hide it. Of freshclam it asks nothing but a
// list, which changes nothing.
func TestSweepMachine(t *testing.T) {
	t.Parallel()
	text := readFile(t, sweepFile)
	rest := strings.NewReplacer("${SweepFunctionArn}", "", "${FreshclamFunctionArn}", "").Replace(text)
	if strings.Contains(rest, "${") {
		t.Error("got a placeholder other than SweepFunctionArn and FreshclamFunctionArn, want none")
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
		if s.Type == "Map" && (s.MaxConcurrency != 2 || s.ToleratedFailurePercentage != 100) {
			t.Errorf("%s: got MaxConcurrency %d, tolerated failures %v %%, want 2, which an account with a quota of 10 has left, "+
				"and 100, so that there is always a summary", name, s.MaxConcurrency, s.ToleratedFailurePercentage)
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
		parameters, _ := task["Parameters"].(map[string]any)
		if parameters["FunctionName"] == "${FreshclamFunctionArn}" {
			if diff := cmp.Diff(map[string]any{"definitions": "list"}, parameters["Payload"]); diff != "" {
				t.Errorf("the request to freshclam (-want +got):\n%s", diff)
			}
		}
		if wait, _ := task["TimeoutSeconds"].(float64); timeout == 0 || wait <= timeout {
			t.Errorf("%v: got TimeoutSeconds %v, want more than the function's timeout, %v", task["Comment"], wait, timeout)
		}
	})
	if tasks != 6 {
		t.Errorf("got %d Tasks, want definitions, begin, list, judge, count and report", tasks)
	}
}
