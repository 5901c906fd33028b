package states

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// call is a request that is ready to be made: either to another process, by send, whose context ends with the service,
// or to the store, by change, which may run more than once.
type call struct {
	send   func(ctx context.Context) (any, error)
	change func(tx *bbolt.Tx) (any, error)
}

// integration is an optimized service integration. It needs its parameters, may have the optional one, and supports no
// others.
type integration struct {
	service, action string
	parameters      [2]string
	optional        string
	prepare         func(v *visit, parameters map[string]any) (call, error)
}

var integrations = []integration{
	{
		service: "lambda", action: "invoke", parameters: [2]string{"FunctionName", "Payload"},
		optional: "InvocationType", prepare: prepareInvoke,
	},
	{service: "sqs", action: "sendMessage", parameters: [2]string{"QueueUrl", "MessageBody"}, prepare: prepareSendMessage},
}

// integration returns nil when the state's Resource names none.
func (s *state) integration() *integration {
	for i, known := range integrations {
		if s.Resource == "arn:"+template.Partition+":states:::"+known.service+":"+known.action {
			return &integrations[i]
		}
	}
	return nil
}

// checkIntegration checks the names of the parameters at load; their values are known only at run time.
func (s *state) checkIntegration() error {
	i := s.integration()
	if i == nil {
		return fmt.Errorf("resource %q is not supported", s.Resource)
	}
	given, others := 0, 0
	for name := range s.Parameters {
		switch strings.TrimSuffix(name, ".$") {
		case i.parameters[0], i.parameters[1]:
			given++
		case i.optional:
		default:
			others++
		}
	}
	if given != 2 || others > 0 {
		want := i.parameters[0] + " and " + i.parameters[1]
		if i.optional != "" {
			want += ", and may have " + i.optional
		}
		return fmt.Errorf("the Parameters of %s must be %s", s.Resource, want)
	}
	return nil
}

// runTask calls the service.
func (v *visit) runTask(input any) (any, string, error) { return v.try(input, v.attempt) }

// try makes an attempt, again as often as Retry says, and turns to Catch with the error that remains.
func (v *visit) try(input any, attempt func(input any) (any, error)) (any, string, error) {
	attempts := newAttempts(v.state.Retry)
	for {
		result, err := attempt(input)
		if err == nil {
			result, err = v.state.leave(input, result)
		}
		if err == nil {
			return result, v.state.Next, nil
		}
		f, ok := asFailure(v.locate(err))
		if !ok {
			return nil, "", err
		}
		delay, again := attempts.next(f)
		if !again {
			return v.catch(input, f)
		}
		if err := v.sleep(delay); err != nil {
			return nil, "", err
		}
	}
}

// catch takes the first catcher that names a failure. OutputPath does not apply to a catcher's output.
func (v *visit) catch(input any, f *failure) (any, string, error) {
	for _, c := range v.state.Catch {
		if f.matches(c.ErrorEquals) {
			output, err := c.ResultPath.put(input, map[string]any{"Error": f.name, "Cause": f.cause})
			return output, c.Next, err
		}
	}
	return nil, "", f
}

// attempt calls the service once and records the events of that, unless that was done before the last process ended.
func (v *visit) attempt(input any) (any, error) {
	if v.result != nil {
		result, err := decode([]byte(*v.result))
		v.result = nil
		return result, err
	}
	parameters, err := v.state.Parameters.evaluate(input, map[string]any{executionID: v.arn})
	if err != nil {
		return nil, err
	}
	text := encode(parameters)
	if len(text) > maxPayload {
		return nil, fail(errDataLimit, "The state's input %s", tooLarge)
	}
	request, err := v.state.integration().prepare(v, parameters)
	if err != nil {
		return nil, err // AWS records no TaskScheduled for a request that it cannot make
	}
	scheduled := details{"region": template.Region, "parameters": text}
	if v.state.TimeoutSeconds != nil {
		scheduled["timeoutInSeconds"] = *v.state.TimeoutSeconds
	}
	v.recordTask("Scheduled", scheduled)
	v.recordTask("Started", details{})
	if request.change == nil {
		if err := v.flush(nil); err != nil {
			return nil, err
		}
		return v.ended(v.await(request.send))
	}
	var result any
	var refused error
	err = v.flush(func(tx *bbolt.Tx) error {
		result, refused = v.ended(request.change(tx))
		if _, ok := asFailure(refused); ok {
			return nil
		}
		return refused
	})
	return result, cmp.Or(err, refused)
}

func (v *visit) recordTask(event string, d details) {
	i := v.state.integration()
	d["resourceType"], d["resource"] = i.service, i.action
	v.record("Task"+event, d)
}

// ended records how a call ended, and returns its result.
func (v *visit) ended(result any, err error) (any, error) {
	output := encode(result)
	if err == nil && len(output) > maxPayload {
		const cause = "The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit."
		err = external(errDataLimit, fmt.Sprintf(cause, v.state.integration().service))
	}
	switch f, ok := asFailure(err); {
	case err == nil:
		v.recordTask("Succeeded", details{"output": output, "outputDetails": complete})
	case ok && f.name == errTimeout:
		v.recordTask("TimedOut", withError(f))
	case ok:
		v.recordTask("Failed", withError(f))
	}
	return result, err
}

// await sends a request and waits for its end, for the state's timeout or for an interruption, whichever is first. The
// request itself goes on.
func (v *visit) await(send func(ctx context.Context) (any, error)) (any, error) {
	type answer struct {
		result any
		err    error
	}
	answered := make(chan answer, 1)
	v.service.work.Go(func() {
		result, err := send(v.service.ctx)
		answered <- answer{result, err}
	})
	var expired <-chan time.Time
	if v.state.TimeoutSeconds != nil {
		t := time.NewTimer(time.Duration(*v.state.TimeoutSeconds) * time.Second)
		defer t.Stop()
		expired = t.C
	}
	select {
	case a := <-answered:
		if v.service.ctx.Err() != nil && a.err != nil {
			return nil, errClosed // closing may have caused the failure; the next service calls again
		}
		return a.result, a.err
	case <-expired:
		return nil, external(errTimeout, "")
	case <-v.ctx.Done():
		return nil, v.interrupted()
	}
}
