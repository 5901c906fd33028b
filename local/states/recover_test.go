package states

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

const twoSteps = `{"StartAt":"A","States":{
	"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"a","Payload.$":"$"},
		"OutputPath":"$.Payload","Next":"B"},
	"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"b","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}}`

// interrupted leaves a store with one execution that has ended and one that was
// in state B, where the function was invoked with what A had made.
func interrupted(t *testing.T) Config {
	t.Helper()
	w := &world{functions: map[string][]reply{"a": {{payload: `{"n":1.50}`}}, "b": {{}, {hang: true}}}}
	config := w.config(t, twoSteps)
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
	return config
}

// again starts a service on the store; functions echo.
func again(t *testing.T, before Config, definition string) (*Service, *world) {
	t.Helper()
	w := &world{functions: map[string][]reply{"a": {{}}, "b": {{}}}}
	config := w.config(t, definition)
	config.Store = before.Store
	return newService(t, config), w
}

func TestExecutionsOutliveTheService(t *testing.T) {
	t.Parallel()
	config := interrupted(t)
	for range 2 { // the second time all have ended
		s, w := again(t, config, twoSteps)
		x := wait(t, started{s, executionARN(testMachine, "under-way")})
		if ended(x) != `SUCCEEDED {"n":1.50}` || x.Started.IsZero() || x.Stopped.IsZero() {
			t.Errorf("under way: got %s, %s to %s, want success with both dates", ended(x), x.Started, x.Stopped)
		}
		const whole = "TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskSucceeded<4 TaskStateExited<5 TaskStateEntered<6 TaskScheduled<7 TaskStarted<8 " +
			"TaskScheduled<9 TaskStarted<10 TaskSucceeded<11 TaskStateExited<12 ExecutionSucceeded<13"
		if diff := cmp.Diff(strings.Fields(whole), strings.Fields(trail(x))); diff != "" {
			t.Errorf("history of the one under way (-want +got):\n%s", diff)
		}
		w.mu.Lock()
		calls := slices.Clone(w.calls)
		w.mu.Unlock()
		if len(calls) > 0 && !slices.Equal(calls, []string{`b {"n":1.50}`}) {
			t.Errorf("calls %q, want that of B alone, with A's result", calls)
		}
		out, err := s.describeExecution(request{ExecutionARN: executionARN(testMachine, "ended")})
		if text := encode(
			out,
		); err != nil || !strings.Contains(text, `"output":"{\"n\":1.50}"`) ||
			!strings.Contains(text, `"input":"{}"`) {
			t.Errorf("got %s, %v, want the ended execution with input and output", text, err)
		}
		for _, name := range []string{"ended", "under-way"} {
			input := `{"another":true}`
			if _, err := s.startExecution(
				startRequest{request: request{StateMachineARN: testMachine}, Name: name, Input: &input},
			); err == nil ||
				!strings.Contains(err.Error(), "Already Exists") {
				t.Errorf("start %s again: got %v, want that it exists", name, err)
			}
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestExecutionOfAnotherMachine(t *testing.T) {
	t.Parallel()
	s, w := again(t, interrupted(t), strings.ReplaceAll(twoSteps, `"B"`, `"C"`))
	x := wait(t, started{s, executionARN(testMachine, "under-way")})
	if ended(x) != `SUCCEEDED {"x":1}` || len(w.calls) != 2 {
		t.Errorf("%s after %q, want a run from the start", ended(x), w.calls)
	}
}

// A message and the success of its task are one transaction: whatever comes to an
// end behind it, the message is not sent again.
func TestMessageIsSentOnce(t *testing.T) {
	t.Parallel()
	definition := two(
		`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody.$":"$"},"Next":"B"`,
		`"Type":"Succeed"`,
	)
	w := &world{}
	config := w.config(t, definition)
	tried := make(chan struct{}, 1)
	config.StatusChanged = func(_ *bbolt.Tx, detail json.RawMessage) error {
		if strings.Contains(string(detail), running) {
			return nil
		}
		select {
		case tried <- struct{}{}:
		default:
		}
		return errors.New("no space left on device") // at the end of the execution, again and again
	}
	s, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, "run", `{"a":1}`)
	<-tried
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, w2 := again(t, config, definition)
	x := wait(t, started{s, executionARN(testMachine, "run")})
	if ended(x) != `SUCCEEDED {"MessageId":"message-1"}` || len(w.messages) != 1 || len(w2.messages) != 0 {
		t.Errorf("got %s, with %q and then %q sent, want one message", ended(x), w.messages, w2.messages)
	}
}

// An execution waits while the store cannot be written, and a start is refused.
func TestStoreCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := &world{}
	config := w.config(
		t,
		one(
			`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody.$":"$"},"End":true`,
		),
	)
	full, tried := errors.New("no space left on device"), 0
	send := config.SendMessage
	config.SendMessage = func(tx *bbolt.Tx, queue, body string) (string, error) {
		if tried++; tried <= 3 { // in the store's one writer
			return "", full
		}
		return send(tx, queue, body)
	}
	status := config.StatusChanged
	config.StatusChanged = func(tx *bbolt.Tx, detail json.RawMessage) error {
		if strings.Contains(string(detail), `"name":"refused"`) {
			return full
		}
		return status(tx, detail)
	}
	s := newService(t, config)
	x := wait(t, start(t, s, "waits", `{}`))
	if ended(x) != `SUCCEEDED {"MessageId":"message-1"}` || len(w.messages) != 1 {
		t.Errorf("got %s with %q sent, want one message", ended(x), w.messages)
	}
	if want := "TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskSucceeded<4 TaskStateExited<5 ExecutionSucceeded<6"; trail(
		x,
	) != want {
		t.Errorf("history %s, want %s", trail(x), want)
	}
	input := "{}"
	_, err := s.startExecution(
		startRequest{request: request{StateMachineARN: testMachine}, Name: "refused", Input: &input},
	)
	if want := "start execution " + executionARN(
		testMachine,
		"refused",
	) + ": no space left on device"; err == nil ||
		err.Error() != want {
		t.Errorf("start: %v, want %s", err, want)
	}
	if _, err := s.describeExecution(request{ExecutionARN: executionARN(testMachine, "refused")}); err == nil {
		t.Error("got an execution after a start that was refused, want none")
	}
}
