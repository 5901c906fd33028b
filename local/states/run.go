package states

import (
	"context"
	"fmt"
	"time"
)

// maxPayload is the service quota for input, output and results: 256 KiB.
const maxPayload = 262_144

const tooLarge = "has a size exceeding the maximum number of bytes service limit."

// visit is one stay in a state.
type visit struct {
	*execution
	state  *state
	event  int64   // id of the state's Entered event
	result *string // of the task before the last process ended, as JSON
}

// walk takes the states from where the execution is to an end, and returns the output's JSON. An error is either a
// *failure or the interruption of the execution.
func (x *execution) walk() (string, error) {
	value, text := x.from.value, x.from.text
	for name := x.from.state; name != ""; {
		if err := x.interrupted(); err != nil {
			return "", err
		}
		v := &visit{execution: x, state: x.machine.definition.states[name], event: x.from.entered, result: x.from.result}
		x.from = position{}
		if v.event == 0 {
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
			return "", v.locate(fail(errDataLimit, "The state's output %s", tooLarge))
		}
		x.record(v.state.Type+"StateExited", details{"name": name, "output": text, "outputDetails": complete})
		name = next
	}
	return text, nil
}

// locate puts the state's name into the cause of an error of the interpreter.
func (v *visit) locate(err error) error {
	if f, ok := asFailure(err); ok && !f.located {
		f.cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s",
			v.state.name, v.event, f.cause)
		f.located = true
	}
	return err
}

// interrupted returns why the execution must not go on: StopExecution, its timeout or the end of the service.
func (x *execution) interrupted() error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	return nil
}

// sleep waits before a Retry. An Express execution's time goes on by the whole wait.
func (x *execution) sleep(d time.Duration) error {
	if err := x.flush(nil); err != nil {
		return err
	}
	if left := x.allowance.left(); d > left {
		pause(x.ctx, x.service.scaled(left))
		x.cancel(errMachineTimeout)
	} else {
		x.allowance.shorten(d - x.service.scaled(d))
		pause(x.ctx, x.service.scaled(d))
	}
	return x.interrupted()
}

// scaled returns how long a wait takes here.
func (s *Service) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.config.Scale)
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

// leave puts a state's result into its input, by ResultPath, and returns what OutputPath takes of that.
func (s *state) leave(input, result any) (any, error) {
	value, err := s.ResultPath.put(input, result)
	if err != nil {
		return nil, err
	}
	output, ok := s.OutputPath.get(value)
	if !ok {
		return nil, fail(errRuntime, "Invalid path '%s' : No results for path", s.OutputPath.text)
	}
	return output, nil
}

// runPass serves Succeed too, which has neither a Result nor a Next.
func (v *visit) runPass(input any) (any, string, error) {
	result, err := input, error(nil)
	if v.state.Result != nil {
		result, err = decode(v.state.Result)
	}
	if err != nil {
		return nil, "", err
	}
	output, err := v.state.leave(input, result)
	return output, v.state.Next, err
}

// runChoice takes the first rule that holds. Without one and without a Default the state fails.
func (v *visit) runChoice(input any) (any, string, error) {
	next := v.state.Default
	for _, r := range v.state.Choices {
		yes, err := r.when(input)
		if err != nil {
			return nil, "", err
		}
		if yes {
			next = r.next
			break
		}
	}
	if next == "" {
		return nil, "", fail(errNoChoice, "Failed to transition out of the state. The state does not point to a next state.")
	}
	output, err := v.state.leave(input, input)
	return output, next, err
}

func (v *visit) runFail(input any) (any, string, error) {
	cause := ""
	if at := v.state.CausePath; at.text != "" {
		value, _ := at.get(input)
		var isText bool
		if cause, isText = value.(string); !isText {
			return nil, "", fail(errRuntime, "The path '%s' of the Fail state does not lead to a string", at.text)
		}
	}
	return nil, "", external(v.state.Error, cause)
}
