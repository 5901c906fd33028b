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

// call is a request ready to be made: either of another process, by send, whose
// context ends with the service, or of the store, by change, which may run more
// than once.
type call struct {
	send   func(ctx context.Context) (any, error)
	change func(tx *bbolt.Tx) (any, error)
}

// integration is an optimized service integration. Its parameters are needed, and
// no others are supported.
type integration struct {
	parameters [2]string
	prepare    func(v *visit, parameters map[string]any) (call, error)
}

var integrations = map[string]integration{
	"lambda:invoke":   {[2]string{"FunctionName", "Payload"}, prepareInvoke},
	"sqs:sendMessage": {[2]string{"QueueUrl", "MessageBody"}, prepareSendMessage},
}

// integration finds what the state's Resource names.
func (s *state) integration() (name string, i integration, ok bool) {
	name = strings.TrimPrefix(s.Resource, "arn:"+template.Partition+":states:::")
	i, ok = integrations[name]
	return name, i, ok
}

// checkIntegration checks the names of the parameters at load; their values are
// known only at run time.
func (s *state) checkIntegration() error {
	_, i, ok := s.integration()
	if !ok {
		return fmt.Errorf("resource %q is not supported", s.Resource)
	}
	if s.Parameters != nil && len(s.Parameters.names) == len(i.parameters) {
		_, first := s.Parameters.names[i.parameters[0]]
		_, second := s.Parameters.names[i.parameters[1]]
		if first && second {
			return nil
		}
	}
	return fmt.Errorf("the Parameters of %s must be %s and %s", s.Resource, i.parameters[0], i.parameters[1])
}

// runTask processes the state, again as long as Retry says so, and turns to Catch
// with the error that remains.
func (v *visit) runTask(input any) (any, string, error) {
	attempts := newAttempts(v.state.Retry)
	for {
		output, err := v.process(input, v.attempt)
		if err == nil {
			return output, v.state.Next, nil
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
	for _, c := range v.state.Catch {
		if f.matches(c.ErrorEquals) {
			output, err := c.ResultPath.put(input, map[string]any{"Error": f.name, "Cause": f.cause})
			return output, c.Next, err
		}
	}
	return nil, "", f
}

// attempt calls the service once and writes the events of that, unless that was
// done before the last process ended.
func (v *visit) attempt(effective any) (any, error) {
	if v.result != nil {
		result, err := decode([]byte(*v.result))
		v.result = nil
		return result, err
	}
	text := encode(effective)
	if len(text) > maxPayload {
		return nil, fail(errDataLimit, "The state's input has a size exceeding the maximum number of bytes service limit.")
	}
	name, service, _ := v.state.integration()
	request, err := service.prepare(v, effective.(map[string]any))
	if err != nil {
		return nil, err // before anything is scheduled, as on AWS
	}
	kind, resource, _ := strings.Cut(name, ":")
	record := func(event string, d details) {
		d["resourceType"], d["resource"] = kind, resource
		v.record("Task"+event, d)
	}
	scheduled := details{"region": template.Region, "parameters": text}
	if v.state.TimeoutSeconds != nil {
		scheduled["timeoutInSeconds"] = *v.state.TimeoutSeconds
	}
	record("Scheduled", scheduled)
	record("Started", details{})
	end := func(result any, err error) (any, error) {
		output := encode(result)
		if err == nil && len(output) > maxPayload {
			err = external(errDataLimit, fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", kind))
		}
		switch f, ok := asFailure(err); {
		case err == nil:
			record("Succeeded", details{"output": output, "outputDetails": complete})
		case ok && f.name == errTimeout:
			record("TimedOut", withError(f))
		case ok:
			record("Failed", withError(f))
		}
		return result, err
	}
	if request.change == nil {
		if err := v.flush(nil); err != nil {
			return nil, err
		}
		return end(v.await(v.state.timeout(), request.send))
	}
	var result any
	var refused error
	err = v.flush(func(tx *bbolt.Tx, _ archive) error {
		result, refused = end(request.change(tx))
		if _, ok := asFailure(refused); ok {
			return nil
		}
		return refused
	})
	return result, cmp.Or(err, refused)
}

// await sends a request and waits for its end, for the timeout or for an
// interruption, whichever is first. The request itself goes on.
func (v *visit) await(timeout time.Duration, send func(ctx context.Context) (any, error)) (any, error) {
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
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	select {
	case a := <-answered:
		if v.service.ctx.Err() != nil && a.err != nil {
			return nil, errClosed // the failure may be the closing's; the next service tries again
		}
		return a.result, a.err
	case <-expired:
		return nil, external(errTimeout, "")
	case <-v.ctx.Done():
		return nil, v.interrupted()
	}
}
