package states

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatusChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, definition string
		replies          []reply
		stop             bool
		want             []string // status, output, error and cause of each detail
	}{
		{
			"succeeded",
			one(`"Type":"Pass","End":true`),
			nil,
			false,
			[]string{"RUNNING <nil> <nil> <nil>", `SUCCEEDED {"a":1} <nil> <nil>`},
		},
		{
			"failed",
			one(`"Type":"Fail","Error":"E"`),
			nil,
			false,
			[]string{"RUNNING <nil> <nil> <nil>", "FAILED <nil> E <nil>"},
		},
		{
			"timed out",
			`{"TimeoutSeconds":1,` + one(payloadF + `,"End":true`)[1:],
			[]reply{{hang: true}},
			false,
			[]string{"RUNNING <nil> <nil> <nil>", "TIMED_OUT <nil> <nil> <nil>"},
		},
		{
			"aborted",
			one(payloadF + `,"End":true`),
			[]reply{{hang: true}},
			true,
			[]string{"RUNNING <nil> <nil> <nil>", "ABORTED <nil> E why"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{functions: map[string][]reply{"f": tt.replies}}
			s, err := New(t.Context(), w.config(t, tt.definition))
			if err != nil {
				t.Fatal(err)
			}
			x := start(t, s, "run", `{"a":1}`)
			if tt.stop {
				<-w.hanging
				if _, err := s.stopExecution(
					stopRequest{request: request{ExecutionARN: x.arn}, Error: "E", Cause: "why"},
				); err != nil {
					t.Fatal(err)
				}
			}
			end := wait(t, x)
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, text := range w.details {
				var d map[string]any
				if err := json.Unmarshal([]byte(text), &d); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(d["status"], " ", d["output"], " ", d["error"], " ", d["cause"]))
				if d["executionArn"] != x.arn || d["stateMachineArn"] != testMachine || d["name"] != "run" || d["input"] != `{"a":1}` ||
					d["startDate"] != float64(end.Started.UnixMilli()) ||
					(d["stopDate"] == nil) != (d["status"] == "RUNNING") {
					t.Errorf("got detail %s, want the execution's members and dates", text)
				}
				if diff := cmp.Diff(map[string]any{"included": true}, d["inputDetails"]); diff != "" {
					t.Errorf("inputDetails (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("statuses differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThousandsAtOnce(t *testing.T) {
	t.Parallel()
	const n = 2000
	w := &world{functions: map[string][]reply{"f": {{fault: "Boom"}, {}}}}
	config := w.config(t, one(payloadF+`,"Retry":[{"ErrorEquals":["Boom"]}],"End":true`))
	config.Scale = 1
	s := newService(t, config)
	var all []started
	for i := range n {
		all = append(all, start(t, s, fmt.Sprintf("run-%d", i), fmt.Sprintf(`{"i":%d}`, i)))
	}
	for i, x := range all {
		if got, want := ended(wait(t, x)), fmt.Sprintf(`SUCCEEDED {"i":%d}`, i); got != want {
			t.Fatalf("execution %d: got end %s, want %s", i, got, want)
		}
	}
}

func TestCloseEndsExecutions(t *testing.T) {
	t.Parallel()
	w := &world{functions: map[string][]reply{"f": {{hang: true}}}}
	s, err := New(t.Context(), w.config(t, one(payloadF+`,"End":true`)))
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, "run", `{}`)
	<-w.hanging
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.details) != 1 { // RUNNING: the service went away, the machine did not fail
		t.Errorf("got statuses %q, want RUNNING alone", w.details)
	}
	if _, err := s.startExecution(startRequest{request: request{StateMachineARN: testMachine}}); err == nil {
		t.Error("StartExecution after Close: got no error, want one")
	}
}

func TestCloseGivesUpWaiting(t *testing.T) {
	t.Parallel()
	release, called := make(chan struct{}), make(chan struct{})
	config := (&world{}).config(t, one(payloadF+`,"End":true`))
	config.Invoke = func(context.Context, string, []byte) (Invocation, error) {
		close(called)
		<-release // deaf to its context
		return Invocation{Payload: []byte("{}")}, nil
	}
	s, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, "run", `{}`)
	<-called
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err == nil {
		t.Error("Close: got no error, want the context's")
	}
	close(release)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewRejects(t *testing.T) {
	t.Parallel()
	bad := (&world{}).config(t, one(`"Type":"Nope"`))
	if _, err := New(
		t.Context(),
		bad,
	); err == nil ||
		err.Error() != `load state machine test: state "A": type "Nope" is unknown or not supported` {
		t.Errorf("got error %v, want one that names machine, state and type", err)
	}
}
