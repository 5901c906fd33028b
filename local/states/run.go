package states

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxPayload is the service quota for input, output and results: 256 KiB.
const maxPayload = 262_144

// frame is one thread of an execution: the machine itself, a branch of a
// Parallel or an iteration of a Map.
type frame struct {
	x      *execution
	ctx    context.Context
	last   int64 // id of the event that the next one follows
	item   any   // $$.Map of an iteration, nil elsewhere
	parent *frame
}

// visit is one stay in a state.
type visit struct {
	*frame
	state   *state
	event   int64 // id of the state's Entered event
	entered time.Time
	retries int
}

// errSibling interrupts branches whose neighbour failed.
var errSibling = errors.New("another branch failed")

// run takes the states from the first to an end. text is the JSON of input. An
// error is either a *failure or the interruption of the frame's context.
func (f *frame) run(g *graph, input any, text string) (any, string, error) {
	for name := g.startAt; ; {
		output, outputText, next, err := f.step(g.states[name], input, text)
		if err != nil || next == "" {
			return output, outputText, err
		}
		name, input, text = next, output, outputText
	}
}

// step is one visit to a state, from its Entered to its Exited event. The text
// of the output is made once, for this state's end and the next one's beginning.
func (f *frame) step(s *state, input any, text string) (any, string, string, error) {
	if err := f.interrupted(); err != nil {
		return nil, "", "", err
	}
	v := &visit{frame: f, state: s, entered: now()}
	v.event = f.record(s.kind+"StateEntered", "stateEnteredEventDetails", withInput(s.name, text))
	output, next, err := s.run(v, input)
	if err != nil {
		return nil, "", "", v.ended(v.locate(err))
	}
	outputText := encode(output)
	if len(outputText) > maxPayload {
		return nil, "", "", v.locate(fail(errDataLimit, "The state's output has a size exceeding the maximum number of bytes service limit."))
	}
	f.record(s.kind+"StateExited", "stateExitedEventDetails", withOutput(s.name, outputText))
	return output, outputText, next, nil
}

// locate puts the state's name into the cause of an error of the interpreter.
func (v *visit) locate(err error) error {
	if f, ok := asFailure(err); ok && !f.located {
		f.cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", v.state.name, v.event, f.cause)
		f.located = true
	}
	return err
}

// ended leaves the Aborted event of a state that a branch ends in, be it by its
// task's failure or because another branch failed.
func (v *visit) ended(err error) error {
	f, failed := asFailure(err)
	switch kind := v.state.kind; {
	case failed && !f.terminal() && v.parent != nil && kind == "Task",
		errors.Is(err, errSibling) && (kind == "Task" || kind == "Wait" || kind == "Parallel" || kind == "Map"):
		v.aside(kind+"StateAborted", "", nil)
	}
	return err
}

// interrupted gives the reason why the frame must not go on: an abortion, a
// timeout of the machine, a failed sibling or the end of the service.
func (f *frame) interrupted() error {
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	return nil
}

// sleep waits for a Wait or a Retry. It is the only place that knows Scale.
func (f *frame) sleep(d time.Duration) error {
	t := time.NewTimer(time.Duration(float64(d) / f.x.service.config.Scale))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-f.ctx.Done():
		return f.interrupted()
	}
}

func (v *visit) scope(input any) *scope {
	return &scope{input: input, context: v.contextObject}
}

// process runs a state's whole data flow: InputPath, Parameters, act,
// ResultSelector, ResultPath, OutputPath.
func (v *visit) process(input any, act func(effective any) (any, error)) (any, error) {
	s := v.state
	effective, err := s.input.apply(v.scope(input))
	if err != nil {
		return nil, err
	}
	if s.parameters != nil {
		if effective, err = s.parameters(v.scope(effective)); err != nil {
			return nil, err
		}
	}
	result, err := act(effective)
	if err != nil {
		return nil, err
	}
	if s.resultSelector != nil {
		if result, err = s.resultSelector(v.scope(result)); err != nil {
			return nil, err
		}
	}
	output, err := place(s.resultPath, s.discardResult, input, result)
	if err != nil {
		return nil, err
	}
	return s.output.apply(v.scope(output))
}

// place applies a ResultPath. The result goes into the raw input, not into what
// InputPath left of it.
func place(at reference, discard bool, input, result any) (any, error) {
	if discard {
		return input, nil
	}
	output, err := at.put(input, result)
	if err != nil {
		return nil, fail(errResultPathMatch, "Unable to apply step \"ResultPath\" to input %s: %v", encode(input), err)
	}
	return output, nil
}

// persist processes the state, again as long as Retry says so, and turns to Catch
// with the error that remains.
func (v *visit) persist(input any, act func(effective any) (any, error)) (any, string, error) {
	attempts := newAttempts(v.state.retry)
	for {
		output, err := v.process(input, act)
		if err == nil {
			return output, v.state.next, nil
		}
		f, ok := asFailure(v.locate(err))
		if !ok {
			return nil, "", err
		}
		delay, again := attempts.next(f)
		if !again {
			return v.rescue(input, f)
		}
		if err := v.sleep(delay); err != nil {
			return nil, "", err
		}
		v.retries++
	}
}

// rescue turns a failure that Retry gave up on to the first catcher that names it.
// OutputPath does not apply to what a catcher makes.
func (v *visit) rescue(input any, f *failure) (any, string, error) {
	if v.state.kind != "Task" && !f.terminal() {
		v.record(v.state.kind+"StateFailed", "", nil)
	}
	for _, c := range v.state.catch {
		if !f.matches(c.errors) {
			continue
		}
		output, err := place(c.resultPath, c.discardResult, input, map[string]any{"Error": f.name, "Cause": f.cause})
		return output, c.next, err
	}
	return nil, "", f
}

// contextObject is what "$$" stands for.
func (v *visit) contextObject() any {
	x := v.x
	object := map[string]any{
		"Execution": map[string]any{
			"Id": x.arn, "Name": x.name, "Input": x.input, "RoleArn": x.machine.RoleARN, "StartTime": instant(x.started), "RedriveCount": int64(0),
		},
		"StateMachine": map[string]any{"Id": x.machine.ARN, "Name": x.machine.Name},
		"State":        map[string]any{"Name": v.state.name, "EnteredTime": instant(v.entered), "RetryCount": int64(v.retries)},
	}
	if v.item != nil {
		object["Map"] = v.item
	}
	return object
}

// instant is the form of timestamps in the context object, always with
// milliseconds.
func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }
