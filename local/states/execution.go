package states

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// Statuses of an execution.
const (
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	failed    = "FAILED"
	timedOut  = "TIMED_OUT"
	aborted   = "ABORTED"
)

// mostFinished is how many histories of the past are kept, so that a long run does
// not fill the memory. An execution beyond it keeps its name, dates and status, so
// that the name stays taken; the rest is gone, as it is after 90 days on AWS.
const mostFinished = 5_000

// execution is one run of a machine.
type execution struct {
	service *Service
	machine *machine
	arn     string
	name    string
	number  int // position in its machine's list
	started time.Time
	input   any
	text    string // input as it was given
	from    position
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when status is final
	last    int64         // id of the event that the next one follows

	mu      sync.Mutex
	status  string
	stopped time.Time
	output  *string
	err     *failure
	history []event // nil when it was dropped
}

// abortion is StopExecution's reason.
type abortion struct{ *failure }

func (a abortion) Error() string { return "the execution was stopped" }

var errMachineTimeout = errors.New("the execution timed out")

// position is where an execution goes on: a state, and its input.
type position struct {
	state string
	value any
	text  string // value's JSON
}

// start makes and runs an execution. The service's lock is held.
func (s *Service) start(m *machine, name string, input any, text string) (*execution, error) {
	arn, started := executionARN(m.ARN, name), now()
	if err := s.journal.put(entry{ARN: arn, Machine: m.ARN, Name: name, Started: started, Input: text}); err != nil {
		return nil, err
	}
	x := s.newExecution(m, name, input, text, position{m.definition.StartAt, input, text})
	x.started = started
	s.begin(x)
	return x, nil
}

// newExecution makes an execution that does not run yet. The service's lock is
// held.
func (s *Service) newExecution(m *machine, name string, input any, text string, from position) *execution {
	x := &execution{
		service: s, machine: m, name: name, arn: executionARN(m.ARN, name), number: len(m.executions),
		input: input, text: text, from: from, done: make(chan struct{}), status: running,
	}
	x.ctx, x.cancel = context.WithCancelCause(s.ctx)
	m.executions = append(m.executions, x)
	s.executions[x.arn] = x
	return x
}

func (s *Service) begin(x *execution) {
	x.record("ExecutionStarted", details{"input": x.text, "inputDetails": complete, "roleArn": x.machine.RoleARN})
	s.work.Go(x.run)
}

// run is the execution's goroutine, from the first announcement to the last.
func (x *execution) run() {
	defer x.cancel(nil)
	x.announce()
	if seconds := x.machine.definition.TimeoutSeconds; seconds > 0 {
		var release context.CancelFunc
		x.ctx, release = context.WithDeadlineCause(x.ctx, x.started.Add(time.Duration(seconds)*time.Second), errMachineTimeout)
		defer release()
	}
	output, err := x.walk()
	if x.finish(output, err) {
		x.announce()
		// Last: whoever dies before has it announced again, by the next process.
		_ = x.service.journal.put(entry{ARN: x.arn, Status: x.status, Stopped: x.stopped}) // the journal keeps the error
		x.service.retire(x)
	}
}

// finish writes the last event and the final status, unless the service itself
// ended.
func (x *execution) finish(output string, err error) bool {
	var stop abortion
	status, kind, final := failed, "ExecutionFailed", details{}
	fault, isFault := asFailure(err)
	switch {
	case err == nil:
		status, kind = succeeded, "ExecutionSucceeded"
		final = details{"output": output, "outputDetails": complete}
	case errors.As(err, &stop):
		status, kind, fault = aborted, "ExecutionAborted", stop.failure
		x.last = 0 // as AWS has it
	case errors.Is(err, errMachineTimeout):
		status, kind = timedOut, "ExecutionTimedOut"
	case errors.Is(err, errHistoryFull):
		fault = external(errRuntime, err.Error())
	case !isFault:
		return false
	}
	if fault != nil {
		final = withError(fault)
	}
	x.record(kind, final)
	x.mu.Lock()
	x.status, x.err, x.stopped = status, fault, now()
	if status == succeeded {
		x.output = &output
	}
	x.mu.Unlock()
	close(x.done)
	return true
}

// retire counts a finished execution and drops the oldest histories beyond what
// is kept.
func (s *Service) retire(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = append(s.finished, x)
	if len(s.finished) > mostFinished {
		old := s.finished[0]
		s.finished = s.finished[1:]
		old.mu.Lock()
		old.history, old.input, old.text, old.output = nil, nil, "", nil
		old.mu.Unlock()
	}
}

// announce tells StatusChanged the detail of EventBridge's event for the present
// status.
func (x *execution) announce() {
	if x.service.config.StatusChanged == nil {
		return
	}
	included := map[string]any{"included": true}
	x.mu.Lock()
	detail := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.machine.ARN, "name": x.name, "status": x.status,
		"startDate": x.started.UnixMilli(), "stopDate": nil, "input": x.text, "inputDetails": included,
		"output": nil, "outputDetails": nil, "error": nil, "cause": nil,
	}
	if x.status != running {
		detail["stopDate"] = x.stopped.UnixMilli()
	}
	if x.output != nil {
		detail["output"], detail["outputDetails"] = *x.output, included
	}
	if x.err != nil {
		x.err.describe(detail)
	}
	x.mu.Unlock()
	x.service.config.StatusChanged(x.service.ctx, json.RawMessage(encode(detail)))
}
