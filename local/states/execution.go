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

// How much of the past is kept. An execution beyond it keeps its name, dates and
// status, so that the name stays taken; its history and data are gone, as they
// are after 90 days on AWS.
const (
	mostFinished     = 10_000
	mostHistoryBytes = 256 << 20
)

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
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when status is final

	mu      sync.Mutex
	status  string
	stopped time.Time
	output  *string
	err     *failure
	history []event
	size    int
	gone    bool // history and data were dropped
}

// abortion is StopExecution's reason.
type abortion struct{ *failure }

var errMachineTimeout = errors.New("the execution timed out")

// start makes and runs an execution. The service's lock is held.
func (s *Service) start(m *machine, name string, input any, text string) *execution {
	x := &execution{
		service: s, machine: m, name: name, arn: executionARN(m.ARN, name), number: len(m.executions),
		started: now(), input: input, text: text, done: make(chan struct{}), status: running,
	}
	x.ctx, x.cancel = context.WithCancelCause(s.ctx)
	m.executions = append(m.executions, x)
	s.executions[x.arn] = x
	x.record(0, "ExecutionStarted", "executionStartedEventDetails", details{"input": text, "inputDetails": complete, "roleArn": m.RoleARN})
	s.work.Go(x.run)
	return x
}

// run is the execution's goroutine, from the first announcement to the last.
func (x *execution) run() {
	defer x.cancel(nil)
	x.announce()
	ctx := x.ctx
	if x.machine.graph.timeout > 0 {
		var release context.CancelFunc
		ctx, release = context.WithDeadlineCause(ctx, x.started.Add(x.machine.graph.timeout), errMachineTimeout)
		defer release()
	}
	// The first state's event follows number 0, not ExecutionStarted: so it is on AWS.
	f := &frame{x: x, ctx: ctx}
	_, output, err := f.run(x.machine.graph, x.input, x.text)
	if !x.finish(f, output, err) {
		return
	}
	x.announce()
	x.service.retire(x)
}

// finish writes the last event and the final status, unless the service itself
// ended.
func (x *execution) finish(f *frame, output string, err error) bool {
	var stop abortion
	var final details
	status, kind := failed, "ExecutionFailed"
	fault, isFault := asFailure(err)
	switch {
	case err == nil:
		status, kind = succeeded, "ExecutionSucceeded"
		final = details{"output": output, "outputDetails": complete}
	case errors.As(err, &stop):
		status, kind, fault = aborted, "ExecutionAborted", stop.failure
		f.last = 0
	case errors.Is(err, errMachineTimeout):
		status, kind, final = timedOut, "ExecutionTimedOut", details{}
	case errors.Is(err, errHistoryFull):
		fault = external(errRuntime, err.Error())
	case !isFault:
		return false
	}
	if fault != nil {
		final = withError(fault)
	}
	f.record(kind, "e"+kind[1:]+"EventDetails", final)
	x.mu.Lock()
	x.status, x.err, x.stopped = status, fault, now()
	if status == succeeded {
		x.output = &output
	}
	x.mu.Unlock()
	close(x.done)
	return true
}

func (a abortion) Error() string { return "the execution was stopped" }

// retire counts a finished execution and drops the oldest histories beyond what
// is kept.
func (s *Service) retire(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = append(s.finished, x)
	s.kept += x.size + len(x.text)
	for len(s.finished) > mostFinished || s.kept > mostHistoryBytes && len(s.finished) > 1 {
		old := s.finished[0]
		s.finished = s.finished[1:]
		old.mu.Lock()
		s.kept -= old.size + len(old.text)
		old.gone, old.history, old.input, old.text, old.output = true, nil, nil, "", nil
		old.mu.Unlock()
	}
}

// announce tells StatusChanged the detail of EventBridge's event for the present
// status. Data over 248 KiB is left out there, since an event has at most 256.
func (x *execution) announce() {
	if x.service.config.StatusChanged == nil {
		return
	}
	const most = 248 << 10
	x.mu.Lock()
	detail := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.machine.ARN, "name": x.name, "status": x.status,
		"startDate": x.started.UnixMilli(), "stopDate": nil,
		"input": x.text, "inputDetails": map[string]any{"included": true},
		"output": nil, "outputDetails": nil, "error": nil, "cause": nil,
	}
	if x.status != running {
		detail["stopDate"] = x.stopped.UnixMilli()
	}
	if x.output != nil {
		detail["output"], detail["outputDetails"] = *x.output, map[string]any{"included": true}
	}
	if x.err != nil {
		x.err.describe(detail)
	}
	x.mu.Unlock()
	for _, name := range []string{"input", "output"} {
		if text, _ := detail[name].(string); len(text) > most {
			detail[name], detail[name+"Details"] = nil, map[string]any{"included": false}
		}
	}
	x.service.config.StatusChanged(x.service.ctx, json.RawMessage(encode(detail)))
}
