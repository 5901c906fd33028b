package states

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const twoSteps = `{"StartAt":"A","States":{
	"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"a","Payload.$":"$"},"OutputPath":"$.Payload","Next":"B"},
	"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"b","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}}`

// interrupted leaves a journal of one execution that has ended and one that was
// in state B, where the function was invoked with what A had made.
func interrupted(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "executions.jsonl")
	w := &world{functions: map[string][]reply{"a": {{payload: `{"n":1.50}`}}, "b": {{}, {hang: true}}}}
	config := w.config(twoSteps)
	config.Journal = path
	s, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, start(t, s, "ended", `{}`))
	start(t, s, "under-way", `{"x":1}`)
	<-w.hanging
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return path
}

// again starts a service on the journal; functions echo.
func again(t *testing.T, path, definition string) (*Service, *world) {
	t.Helper()
	w := &world{functions: map[string][]reply{"a": {{}}, "b": {{}}}}
	config := w.config(definition)
	config.Journal = path
	return newService(t, config), w
}

func TestJournal(t *testing.T) {
	t.Parallel()
	path := interrupted(t)
	for range 2 { // the second time all have ended
		s, w := again(t, path, twoSteps)
		x, err := s.execution(executionARN(testMachine, "under-way"))
		if err != nil {
			t.Fatal(err)
		}
		wait(t, x)
		if x.status != succeeded || x.started.IsZero() || x.stopped.IsZero() {
			t.Errorf("under way: %s, %s to %s", ended(x), x.started, x.stopped)
		}
		w.mu.Lock()
		calls := slices.Clone(w.calls)
		w.mu.Unlock()
		if len(calls) > 0 && !slices.Equal(calls, []string{`b {"n":1.50}`}) {
			t.Errorf("calls %q, want that of B alone, with A's result", calls)
		}
		done, err := s.execution(executionARN(testMachine, "ended"))
		if err != nil || done.status != succeeded || done.stopped.IsZero() {
			t.Errorf("ended: %+v, %v", done, err)
		}
		for _, name := range []string{"ended", "under-way"} {
			input := `{"another":true}`
			if _, err := s.startExecution(startRequest{StateMachineARN: testMachine, Name: name, Input: &input}); err == nil || !strings.Contains(err.Error(), "Already Exists") {
				t.Errorf("start %s again: %v", name, err)
			}
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestJournalOfAnotherMachine(t *testing.T) {
	t.Parallel()
	s, w := again(t, interrupted(t), strings.ReplaceAll(twoSteps, `"B"`, `"C"`))
	x, err := s.execution(executionARN(testMachine, "under-way"))
	if err != nil {
		t.Fatal(err)
	}
	if wait(t, x); ended(x) != `SUCCEEDED {"x":1}` || len(w.calls) != 2 {
		t.Errorf("%s after %q, want a run from the start", ended(x), w.calls)
	}
}

func TestJournalCutShort(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(interrupted(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "executions.jsonl")
	for n := range content { // as a process leaves it that dies while it writes
		if err := os.WriteFile(path, content[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(path)
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", n, len(content), err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte("no line of ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a spoilt journal: %v", err)
	}
}

func TestJournalIsRewritten(t *testing.T) {
	t.Parallel()
	j, err := openJournal(filepath.Join(t.TempDir(), "executions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	j.limit = 1000
	for _, name := range []string{"first", "second"} {
		if err := j.put(entry{ARN: name, Machine: testMachine, Name: name, Input: "{}"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if err := j.put(entry{ARN: "first", Next: "B", Value: []byte(`"v"`)}); err != nil {
			t.Fatal(err)
		}
		if j.size > j.limit {
			t.Fatalf("%d bytes, the limit is %d", j.size, j.limit)
		}
		j.limit = min(j.limit, 1000) // which a rewrite has raised
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if j, err = openJournal(j.path); err != nil {
		t.Fatal(err)
	}
	all := j.all()
	if len(all) != 2 || all[0].Name != "first" || all[0].Next != "B" || all[0].Input != "{}" || all[1].Name != "second" {
		t.Errorf("kept %+v", all)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
	if err := j.put(entry{ARN: "late"}); err == nil {
		t.Error("a closed journal takes lines")
	}
}
