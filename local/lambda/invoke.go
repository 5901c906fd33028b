package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/api"
)

const (
	// maxRequest is Lambda's quota on the payload of an invocation, in bytes.
	maxRequest = 6 << 20
	// initLimit bounds an initialisation. The function's timeout does not include the first one; it includes the second
	// one, after a failure.
	initLimit = 10 * time.Second
)

// Result is what a function answered.
type Result struct {
	Payload       []byte // the response or, with FunctionError, an object with errorType and errorMessage
	FunctionError string // empty, or "Unhandled": an OS-only runtime has no other
}

// Invoke runs a function and returns its result, which may be a failure of the function. An error is an *api.Error
// when the function did not run, or ctx's: then the function goes on, as on Lambda when a caller hangs up. Invoke
// returns when the environment can take the next event or is gone, so that callers one after the other need one
// environment.
func (h *Host) Invoke(ctx context.Context, nameOrARN string, payload []byte) (Result, error) {
	f, err := h.find(nameOrARN)
	if err != nil {
		return Result{}, err
	}
	return f.invoke(ctx, payload)
}

func (f *function) invoke(ctx context.Context, payload []byte) (Result, error) {
	payload, err := checkPayload(payload)
	if err != nil {
		return Result{}, err
	}
	if !f.host.begin() {
		return Result{}, unavailable("The host is closing.")
	}
	e, err := f.acquire()
	if err != nil {
		f.host.running.Done()
		return Result{}, err
	}
	id, now := uuid.New(), time.Now()
	inv := &invocation{
		id:      id.String(),
		trace:   traceHeader(id, now, f.sampler.sample(now)),
		payload: payload,
		reply:   make(chan reply, 1),
	}
	done := make(chan reply, 1)
	go func() {
		defer f.host.running.Done()
		payload, err := f.run(e, inv)
		f.ended(payload, err)
		done <- reply{payload, err}
	}()
	select {
	case r := <-done:
		if failed, ok := errors.AsType[*fault](r.err); ok {
			return Result{Payload: failed.payload, FunctionError: "Unhandled"}, nil
		}
		return Result{Payload: r.payload}, r.err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("wait for function %s: %w", f.Name, ctx.Err())
	}
}

// ended calls Ended, unless the host closes, which makes invocations fail.
func (f *function) ended(payload []byte, err error) {
	if f.host.Ended == nil || f.host.ctx.Err() != nil {
		return
	}
	result := Result{Payload: payload}
	if failed, ok := errors.AsType[*fault](err); ok {
		result, err = Result{Payload: failed.payload, FunctionError: "Unhandled"}, nil
	}
	f.host.Ended(f.Name, result, err)
}

// checkPayload applies Lambda's rules to an event. An empty one becomes an empty object; this was observed, and is not
// documented.
func checkPayload(payload []byte) ([]byte, error) {
	switch {
	case len(payload) == 0:
		return []byte("{}"), nil
	case len(payload) > maxRequest:
		e := api.Refuse("RequestTooLargeException",
			"%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)", len(payload), maxRequest)
		e.Status = http.StatusRequestEntityTooLarge
		return nil, e
	case !json.Valid(payload):
		return nil, api.Refuse("InvalidRequestContentException",
			"Could not parse request body into json: the payload is not valid JSON")
	}
	return payload, nil
}

// run serves inv in e, or in a new environment, and returns the slot.
func (f *function) run(e *environment, inv *invocation) ([]byte, error) {
	if e == nil {
		var err error
		if e, err = f.boot(inv); err != nil {
			f.drop()
			return nil, err
		}
	}
	if inv.deadline.IsZero() {
		inv.deadline = time.Now().Add(f.Timeout)
	}
	ctx, cancel := context.WithDeadline(context.Background(), inv.deadline)
	defer cancel()
	payload, err := e.serve(ctx, inv)
	healthy := e.settle(ctx)
	e.output.flush()
	if healthy {
		f.release(e)
	} else {
		f.drop()
	}
	return payload, err
}

// boot starts an environment and waits until it asks for work. As on Lambda, an initialisation that fails or takes too
// long is repeated once, within the function's timeout, and the second failure is the invocation's
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
func (f *function) boot(inv *invocation) (*environment, error) {
	var initialised error
	for _, limit := range []time.Duration{f.host.initLimit, f.Timeout} {
		if initialised != nil {
			inv.deadline = time.Now().Add(limit)
		}
		e, err := f.start()
		if err != nil {
			return nil, err
		}
		if initialised = e.awaitReady(limit, inv); initialised == nil {
			return e, nil
		}
		e.output.flush()
	}
	return nil, initialised
}

func (e *environment) awaitReady(limit time.Duration, inv *invocation) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if e.settle(ctx) {
		return nil
	}
	if reported := e.initErr.Load(); reported != nil {
		return reported
	}
	return e.fault(ctx, inv)
}

// serve hands inv to the process, which waits for it, and returns its answer. ctx ends at the deadline.
func (e *environment) serve(ctx context.Context, inv *invocation) ([]byte, error) {
	e.current.Store(inv)
	e.work <- inv
	select {
	case r := <-inv.reply:
		return r.payload, r.err
	case <-e.exited:
	case <-ctx.Done():
	}
	select {
	case r := <-inv.reply: // it answered, and then it ended
		return r.payload, r.err
	default:
		return nil, e.fault(ctx, inv)
	}
}

// settle waits until the process asks for more work. An answer alone does not show that the process lives: after a
// panic aws-lambda-go answers and then exits. At the deadline settle kills all processes.
func (e *environment) settle(ctx context.Context) (healthy bool) {
	if ctx.Err() == nil {
		select {
		case <-e.ready:
			return true
		case <-e.exited:
			return false
		case <-ctx.Done():
		}
	}
	e.kill()
	return false
}
