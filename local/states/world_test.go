package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

const testMachine = "arn:aws:states:us-east-1:000000000000:stateMachine:test"

// reply is one answer of a fake function.
type reply struct {
	payload string // what it returns; "" echoes the payload it got
	fault   string // errorType of a function error
	err     error
	hang    bool // until the context ends
}

// world is a fake of all that a machine can call. Functions are named by the end
// of their ARN; the last reply of a list repeats.
type world struct {
	mu        sync.Mutex
	functions map[string][]reply
	calls     []string
	messages  []string
	fails     error         // what the queue answers
	details   []string      // of StatusChanged
	hanging   chan struct{} // gets one for every hanging call
}

func (w *world) invoke(ctx context.Context, function string, payload []byte) (Invocation, error) {
	name := function[strings.LastIndexByte(function, ':')+1:]
	w.mu.Lock()
	w.calls = append(w.calls, name+" "+string(payload))
	list := w.functions[name]
	if len(list) == 0 {
		w.mu.Unlock()
		return Invocation{}, &ServiceError{Code: "ResourceNotFoundException", Message: "Function not found: " + function, Status: 404}
	}
	r := list[0]
	if len(list) > 1 {
		w.functions[name] = list[1:]
	}
	w.mu.Unlock()
	switch {
	case r.hang:
		w.hanging <- struct{}{}
		<-ctx.Done()
		return Invocation{}, ctx.Err()
	case r.fault != "":
		return Invocation{Payload: fmt.Appendf(nil, `{"errorType":%q,"errorMessage":"it failed"}`, r.fault), FunctionError: "Unhandled"}, nil
	case r.payload == "" && r.err == nil:
		return Invocation{Payload: payload}, nil
	}
	return Invocation{Payload: []byte(r.payload)}, r.err
}

func (w *world) config(definition string) Config {
	w.hanging = make(chan struct{}, 100)
	return Config{
		Machines: []template.Machine{{Name: "test", ARN: testMachine, RoleARN: "arn:aws:iam::000000000000:role/test", Definition: []byte(definition)}},
		Scale:    1e6,
		Invoke:   w.invoke,
		SendMessage: func(_ context.Context, queueARN, body string) (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.messages = append(w.messages, queueARN+" "+body)
			return "message-1", w.fails
		},
		StatusChanged: func(_ context.Context, detail json.RawMessage) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.details = append(w.details, string(detail))
		},
	}
}

func newService(t *testing.T, config Config) *Service {
	t.Helper()
	s, err := New(t.Context(), config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// start begins an execution through the API's own code.
func start(t *testing.T, s *Service, name, input string) *execution {
	t.Helper()
	_, err := s.startExecution(startRequest{StateMachineARN: testMachine, Name: name, Input: &input})
	if err != nil {
		t.Fatalf("StartExecution: %v", err)
	}
	x, err := s.execution(executionARN(testMachine, name))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// wait returns the execution when it has ended.
func wait(t *testing.T, x *execution) *execution {
	t.Helper()
	select {
	case <-x.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the execution does not end")
	}
	return x
}

// run takes an execution from start to end.
func (w *world) run(t *testing.T, definition, input string) *execution {
	t.Helper()
	return wait(t, start(t, newService(t, w.config(definition)), "run", input))
}

// ended gives "SUCCEEDED output" or "FAILED error: cause".
func ended(x *execution) string {
	switch {
	case x.output != nil:
		return x.status + " " + *x.output
	case x.err != nil:
		return x.status + " " + x.err.Error()
	}
	return x.status
}

// trail is the history as "type<previous" words, without the first.
func trail(x *execution) string {
	var out []string
	for _, e := range x.history[1:] {
		out = append(out, fmt.Sprintf("%s<%d", e.kind, e.previous))
	}
	return strings.Join(out, " ")
}

func detail(t *testing.T, x *execution, kind string) details {
	t.Helper()
	for _, e := range x.history {
		if e.kind == kind {
			return maps.Clone(e.details)
		}
	}
	t.Fatalf("no event %s in %s", kind, trail(x))
	return nil
}

var errNetwork = errors.New("connection refused")
