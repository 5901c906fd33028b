package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/store"
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
	handed    []string      // events for functions
	fails     error         // what the queue answers, and Lambda to an event
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
		return Invocation{}, &api.Error{
			Code:    "ResourceNotFoundException",
			Message: "Function not found: " + function,
			Status:  404,
		}
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
		return Invocation{
			Payload:       fmt.Appendf(nil, `{"errorType":%q,"errorMessage":"it failed"}`, r.fault),
			FunctionError: "Unhandled",
		}, nil
	case r.payload == "" && r.err == nil:
		return Invocation{Payload: payload}, nil
	}
	return Invocation{Payload: []byte(r.payload)}, r.err
}

func newStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	kept, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	return kept
}

func (w *world) config(t *testing.T, definition string) Config {
	t.Helper()
	w.hanging = make(chan struct{}, 100)
	return Config{
		Store: newStore(t, t.TempDir()),
		Machines: []template.Machine{
			{Name: "test", ARN: testMachine, RoleARN: "arn:aws:iam::000000000000:role/test", Definition: []byte(definition)},
		},
		Scale:  1e6,
		Invoke: w.invoke,
		SendMessage: func(_ *bbolt.Tx, queueARN, body string) (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.messages = append(w.messages, queueARN+" "+body)
			return "message-1", w.fails
		},
		InvokeEvent: func(_ *bbolt.Tx, function string, payload []byte) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.handed = append(w.handed, function+" "+string(payload))
			return w.fails
		},
		StatusChanged: func(_ *bbolt.Tx, detail json.RawMessage) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.details = append(w.details, string(detail))
			return nil
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

// started is an execution that may still run.
type started struct {
	s   *Service
	arn string
}

// outcome is what the store has of an execution.
type outcome struct {
	record
	last    event
	history []event
}

// start begins an execution through the API's own code.
func start(t *testing.T, s *Service, name, input string) started {
	t.Helper()
	_, err := s.startExecution(startRequest{request: request{StateMachineARN: testMachine}, Name: name, Input: &input})
	if err != nil {
		t.Fatalf("StartExecution: %v", err)
	}
	return started{s, executionARN(testMachine, name)}
}

// wait returns what is stored of the execution when it does not run any more.
func wait(t *testing.T, x started) (o outcome) {
	t.Helper()
	x.s.mu.Lock()
	run := x.s.running[x.arn]
	x.s.mu.Unlock()
	if run != nil {
		select {
		case <-run.done:
		case <-time.After(30 * time.Second):
			t.Fatal("the execution does not end")
		}
	}
	err := x.s.look(x.arn, func(f found) error {
		o.record = f.record
		for e, err := range f.events(1, false) {
			if err != nil {
				return err
			}
			o.history, o.last = append(o.history, e), e
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// run takes an execution from start to end.
func (w *world) run(t *testing.T, definition, input string) outcome {
	t.Helper()
	return wait(t, start(t, newService(t, w.config(t, definition)), "run", input))
}

// ended gives "SUCCEEDED output" or "FAILED error: cause".
func ended(o outcome) string {
	switch o.Status {
	case succeeded:
		return o.Status + " " + o.last.text("output")
	case failed, aborted:
		return o.Status + " " + o.last.text("error") + ": " + o.last.text("cause")
	}
	return o.Status
}

// trail is the history as "type<previous" words, without the first.
func trail(o outcome) string {
	var out []string
	for _, e := range o.history[1:] {
		out = append(out, fmt.Sprintf("%s<%d", e.Type, e.Previous))
	}
	return strings.Join(out, " ")
}

func detail(t *testing.T, o outcome, kind string) details {
	t.Helper()
	for _, e := range o.history {
		if e.Type == kind {
			return e.Details
		}
	}
	t.Fatalf("no event %s in %s", kind, trail(o))
	return nil
}

var errNetwork = errors.New("connection refused")
