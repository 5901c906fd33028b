package states

import (
	"context"
	"fmt"
	"time"
)

// maxPayload is the service quota for input, output and results: 256 KiB.
const maxPayload = 262_144

// visit is one stay in a state.
type visit struct {
	*execution
	state   *state
	event   int64 // id of the state's Entered event
	entered time.Time
	retries int
	result  *string // of the task before the last process ended, as JSON
}

// walk takes the states from where the execution stands to an end and returns the
// output's JSON. An error is either a *failure or the interruption of the execution.
func (x *execution) walk() (string, error) {
	d, value, text := x.machine.definition, x.from.value, x.from.text
	for name := x.from.state; name != ""; {
		if err := x.interrupted(); err != nil {
			return "", err
		}
		v := &visit{execution: x, state: d.states[name], event: x.from.entered.ID, entered: x.from.entered.At, result: x.from.result}
		x.from = position{}
		if v.event == 0 {
			v.entered = now()
			v.event = x.record(v.state.Type+"StateEntered", details{"name": name, "input": text, "inputDetails": complete})
		}
		if len(x.pending) >= mostPending {
			if err := x.flush(nil); err != nil {
				return "", err
			}
		}
		output, next, err := v.state.run(v, value)
		if err != nil {
			return "", v.locate(err)
		}
		if value, text = output, encode(output); len(text) > maxPayload {
			return "", v.locate(fail(errDataLimit, "The state's output has a size exceeding the maximum number of bytes service limit."))
		}
		x.record(v.state.Type+"StateExited", details{"name": name, "output": text, "outputDetails": complete})
		name = next
	}
	return text, nil
}

// locate puts the state's name into the cause of an error of the interpreter.
func (v *visit) locate(err error) error {
	if f, ok := asFailure(err); ok && !f.located {
		f.cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", v.state.name, v.event, f.cause)
		f.located = true
	}
	return err
}

// interrupted gives the reason why the execution must not go on: an abortion, its
// timeout or the end of the service.
func (x *execution) interrupted() error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	return nil
}

// sleep waits for a Wait or a Retry. It is the only place that knows Scale.
func (x *execution) sleep(d time.Duration) error {
	if err := x.flush(nil); err != nil {
		return err
	}
	pause(x.ctx, time.Duration(float64(d)/x.service.config.Scale))
	return x.interrupted()
}

// pause returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (v *visit) scope(input any) *scope {
	return &scope{input: input, context: v.contextObject}
}

// process runs a state's whole data flow: InputPath, Parameters, act,
// ResultSelector, ResultPath, OutputPath. The result goes into the raw input, not
// into what InputPath left of it.
func (v *visit) process(input any, act func(effective any) (any, error)) (any, error) {
	s := v.state
	value, err := s.InputPath.apply(v.scope(input))
	if err == nil && s.Parameters != nil {
		value, err = s.Parameters.evaluate(v.scope(value))
	}
	if err == nil {
		value, err = act(value)
	}
	if err == nil && s.ResultSelector != nil {
		value, err = s.ResultSelector.evaluate(v.scope(value))
	}
	if err == nil {
		value, err = s.ResultPath.put(input, value)
	}
	if err != nil {
		return nil, err
	}
	return s.OutputPath.apply(v.scope(value))
}

// contextObject is what "$$" stands for.
func (v *visit) contextObject() any {
	return map[string]any{
		"Execution": map[string]any{
			"Id": v.arn, "Name": v.name, "Input": v.input, "RoleArn": v.machine.RoleARN, "StartTime": instant(v.started), "RedriveCount": 0,
		},
		"StateMachine": map[string]any{"Id": v.machine.ARN, "Name": v.machine.Name},
		"State":        map[string]any{"Name": v.state.name, "EnteredTime": instant(v.entered), "RetryCount": v.retries},
	}
}

// instant is the form of timestamps in the context object, always with
// milliseconds.
func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }
