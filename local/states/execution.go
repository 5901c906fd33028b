package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
)

// Statuses of an execution.
const (
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	failed    = "FAILED"
	timedOut  = "TIMED_OUT"
	aborted   = "ABORTED"
)

var statuses = []string{running, succeeded, failed, timedOut, aborted}

// execution is a run of a machine that has not ended. Fields without another remark belong to its goroutine. An Express
// execution is not stored, and has no number.
type execution struct {
	service *Service
	machine *machine
	arn     string
	name    string
	started time.Time
	text    string // input as it was given
	ctx     context.Context
	cancel  context.CancelCauseFunc
	begun   chan struct{} // closed when it is stored, or refused with err
	err     error
	done    chan struct{} // closed when its end is stored, or its start was refused

	number    uint64 // in its machine's archive
	from      position
	allowance *allowance // of an Express execution
	tail
	ending
}

// ending is how an execution ended. It may be read when done is closed; without a status, the service ended first.
type ending struct {
	record
	final details // of the last event
}

// abortion is the cause of an execution's end that StopExecution gave.
type abortion struct{ *failure }

func (a abortion) Error() string { return "the execution was stopped" }

var errMachineTimeout = errors.New("the execution timed out")

// position is where an execution goes on.
type position struct {
	state   string
	value   any     // the state's input
	text    string  // the JSON of that
	entered int64   // id of the event by which the state was entered before; zero when it was not
	result  *string // of the state's task, when that had succeeded, as JSON
}

// newExecution makes an execution that does not run yet. The service's lock is held.
func (s *Service) newExecution(m *machine, r record) *execution {
	x := &execution{
		service: s, machine: m, name: r.Name, arn: executionARN(m.ARN, r.Name), started: r.Started,
		begun: make(chan struct{}), done: make(chan struct{}),
	}
	if m.Express {
		x.arn = expressARN(m.ARN, r.Name)
	}
	x.ctx, x.cancel = context.WithCancelCause(s.ctx)
	s.running[x.arn] = x
	return x
}

// run is the execution's goroutine.
func (x *execution) run() {
	defer x.cancel(nil)
	defer func() {
		x.service.mu.Lock()
		delete(x.service.running, x.arn)
		x.service.mu.Unlock()
		close(x.done)
	}()
	if x.number == 0 {
		x.err = x.begin()
	}
	close(x.begun)
	if x.err != nil {
		return
	}
	defer x.limit()()
	x.finish(x.walk())
}

// limit starts the machine's timeout, and returns what stops it.
func (x *execution) limit() (stop func()) {
	timeout := time.Duration(x.machine.definition.TimeoutSeconds) * time.Second
	if x.machine.Express {
		x.allowance = x.newAllowance(timeout)
		return x.allowance.stop
	}
	if timeout == 0 {
		return func() {}
	}
	x.ctx, stop = context.WithTimeoutCause(x.ctx, timeout-x.service.now(x.name).Sub(x.started), errMachineTimeout)
	return stop
}

// begin stores a new execution.
func (x *execution) begin() error {
	x.record("ExecutionStarted", details{"input": x.text, "inputDetails": complete, "roleArn": x.machine.RoleARN})
	if x.machine.Express {
		return x.flush(nil)
	}
	err := x.service.config.Store.Update(func(tx *bbolt.Tx) (err error) {
		a, r := x.machine.archive(tx), record{Name: x.name, Status: running, Started: x.started}
		if a.names.Get([]byte(x.name)) != nil {
			return alreadyExists(x.arn)
		}
		if x.number, err = a.executions.NextSequence(); err != nil {
			return err
		}
		return errors.Join(
			a.names.Put([]byte(x.name), key(x.number)), a.set(x.number, r),
			a.addEvents(x.number, x.pending), x.announce(tx, r, nil),
		)
	})
	x.pending = nil
	if _, refused := errors.AsType[*api.Error](err); err != nil && !refused {
		return fmt.Errorf("start execution %s: %w", x.arn, err)
	}
	return err
}

// finish stores the last event and the final status, unless the service itself ended.
func (x *execution) finish(output string, err error) {
	var stop abortion
	r, kind, final := record{Name: x.name, Status: failed, Started: x.started}, "ExecutionFailed", details{}
	fault, isFault := asFailure(err)
	switch {
	case err == nil:
		r.Status, kind = succeeded, "ExecutionSucceeded"
		final = details{"output": output, "outputDetails": complete}
	case errors.As(err, &stop):
		r.Status, kind, fault = aborted, "ExecutionAborted", stop.failure
		x.last = 0 // so it is on AWS
	case errors.Is(err, errMachineTimeout):
		r.Status, kind = timedOut, "ExecutionTimedOut"
	case errors.Is(err, errHistoryFull):
		fault = external(errRuntime, err.Error())
	case !isFault:
		return
	}
	if fault != nil {
		final = withError(fault)
	}
	x.record(kind, final)
	r.Stopped = x.service.now(x.name)
	if x.ending = (ending{r, final}); x.machine.Express {
		x.endExpress()
		return
	}
	_ = x.flush(func(tx *bbolt.Tx) error { // when it fails, the next service goes on with the execution
		return errors.Join(x.machine.archive(tx).set(x.number, r), x.announce(tx, r, final))
	})
}

// announce gives StatusChanged the detail for a status, with the details of the last event.
func (x *execution) announce(tx *bbolt.Tx, r record, final details) error {
	if x.service.config.StatusChanged == nil {
		return nil
	}
	return x.service.config.StatusChanged(tx, x.detail(r, final))
}

// detail is the detail of EventBridge's event for a status.
func (x *execution) detail(r record, final details) json.RawMessage {
	included := map[string]any{"included": true}
	detail := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.machine.ARN, "name": x.name, "status": r.Status,
		"startDate": x.started.UnixMilli(), "stopDate": nil, "input": x.text, "inputDetails": included,
		"output": nil, "outputDetails": nil, "error": nil, "cause": nil,
	}
	maps.Copy(detail, final)
	if r.Status != running {
		detail["stopDate"] = r.Stopped.UnixMilli()
	}
	if r.Status == succeeded {
		detail["outputDetails"] = included
	}
	return json.RawMessage(encode(detail))
}
