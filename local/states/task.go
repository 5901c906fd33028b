package states

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// task is what a Task state calls.
type task struct {
	resource string // as the history names it
	service  string // resourceType; "" for a function's own ARN as the resource
	timeout  func(*scope) (time.Duration, error)
	call     func(v *visit, parameters any) (call, error)
	served   func(Config) bool
}

// call is a request ready to be sent. Its context ends with the service.
type call func(ctx context.Context) (any, error)

// integration is an optimized service integration. Parameters outside allowed
// are refused at load.
type integration struct {
	allowed, required string
	prepare           func(v *visit, parameters map[string]any) (call, error)
	served            func(Config) bool
}

var integrations = map[string]integration{
	"lambda:invoke":    {"FunctionName Payload", "FunctionName", prepareInvoke, func(c Config) bool { return c.Invoke != nil }},
	"sqs:sendMessage":  {"QueueUrl MessageBody", "QueueUrl MessageBody", prepareSendMessage, func(c Config) bool { return c.SendMessage != nil }},
	"sns:publish":      {"TopicArn Message Subject MessageAttributes", "TopicArn Message", preparePublish, func(c Config) bool { return c.Publish != nil }},
	"events:putEvents": {"Entries", "Entries", preparePutEvents, func(c Config) bool { return c.PutEvent != nil }},
}

func (s *state) parseTask(f fields) error {
	s.run = (*visit).runTask
	s.task = &task{}
	if err := s.task.parseTimeout(f); err != nil {
		return err
	}
	var resource string
	if given, err := f.into("Resource", &resource); err != nil || !given {
		return fmt.Errorf("Resource is missing or not a string")
	}
	if name, ok := strings.CutPrefix(resource, "arn:"+template.Partition+":states:::"); ok {
		return s.task.parseIntegration(name, f)
	}
	// A definition that is only validated still has its placeholders.
	if !strings.HasPrefix(resource, "arn:aws:lambda:") && !strings.HasPrefix(resource, "${") {
		return fmt.Errorf("resource %q is not supported", resource)
	}
	s.task.resource = resource
	s.task.served = integrations["lambda:invoke"].served
	s.task.call = func(v *visit, input any) (call, error) { return v.invokeDirectly(resource, input), nil }
	return nil
}

// parseIntegration checks the names of the parameters at load; their values are
// known only at run time.
func (t *task) parseIntegration(name string, f fields) error {
	i, ok := integrations[name]
	if !ok {
		return fmt.Errorf("integration %q is not supported", name)
	}
	if f["Parameters"] == nil {
		return fmt.Errorf("Parameters is missing")
	}
	parameters, err := parseFields(f["Parameters"], withDynamic(i.allowed))
	if err != nil {
		return fmt.Errorf("Parameters of %s: %w", name, err)
	}
	for _, r := range strings.Fields(i.required) {
		if _, err := parameters.exactlyOne(r, r+".$"); err != nil {
			return fmt.Errorf("Parameters of %s: %w", name, err)
		}
	}
	t.service, t.resource, _ = strings.Cut(name, ":")
	t.served = i.served
	t.call = func(v *visit, parameters any) (call, error) { return i.prepare(v, parameters.(map[string]any)) }
	return nil
}

func withDynamic(names string) string {
	list := strings.Fields(names)
	for _, n := range slices.Clone(list) {
		list = append(list, n+".$")
	}
	return strings.Join(list, " ")
}

func (t *task) parseTimeout(f fields) error {
	var seconds int64
	fixed, err := f.into("TimeoutSeconds", &seconds)
	if err != nil {
		return err
	}
	_, dynamic := f["TimeoutSecondsPath"]
	switch {
	case fixed && dynamic:
		return fmt.Errorf("fields %q and %q exclude each other", "TimeoutSeconds", "TimeoutSecondsPath")
	case fixed && (seconds <= 0 || seconds > 99_999_999):
		return fmt.Errorf("TimeoutSeconds is %d, not 1 to 99999999", seconds)
	case fixed:
		t.timeout = func(*scope) (time.Duration, error) { return time.Duration(seconds) * time.Second, nil }
	case dynamic:
		p, err := fieldPath(f, "TimeoutSecondsPath")
		t.timeout = func(sc *scope) (time.Duration, error) {
			v, err := filter{path: p}.apply(sc)
			if err != nil {
				return 0, err
			}
			n, ok := v.(int64)
			if !ok || n <= 0 {
				return 0, fail(errRuntime, "The TimeoutSecondsPath parameter does not reference a positive integer: %s", encode(v))
			}
			return time.Duration(n) * time.Second, nil
		}
		return err
	}
	return nil
}

// serves refuses, at load, a task whose service the Config does not have.
func (c Config) serves(s *state) error {
	if s.task != nil && !s.task.served(c) {
		return fmt.Errorf("nothing serves resource %q", s.task.resource)
	}
	return nil
}

// runTask evaluates the timeout anew for each attempt, as the parameters are.
func (v *visit) runTask(input any) (any, string, error) {
	t := v.state.task
	return v.persist(input, func(effective any) (any, error) {
		var timeout time.Duration
		if t.timeout != nil {
			var err error
			if timeout, err = t.timeout(v.scope(input)); err != nil {
				return nil, err
			}
		}
		text := encode(effective)
		if len(text) > maxPayload {
			return nil, fail(errDataLimit, "The state's input has a size exceeding the maximum number of bytes service limit.")
		}
		return t.perform(v, effective, text, timeout)
	})
}

// perform makes one attempt and writes its events.
func (t *task) perform(v *visit, parameters any, text string, timeout time.Duration) (any, error) {
	request, err := t.call(v, parameters)
	if err != nil {
		return nil, err // before anything is scheduled, as on AWS
	}
	t.scheduled(v, text, timeout)
	result, err := v.await(timeout, request)
	if f, ok := asFailure(err); ok {
		t.failed(v, f)
	}
	if err != nil {
		return nil, err
	}
	output := encode(result)
	if len(output) > maxPayload {
		f := external(errDataLimit, fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", t.subject()))
		t.failed(v, f)
		return nil, f
	}
	t.event(v, "Succeeded", details{"output": output, "outputDetails": complete})
	return result, nil
}

func (t *task) subject() string {
	if t.service == "" {
		return t.resource
	}
	return t.service
}

// failed tells a timeout from every other failure, which have events of their own.
func (t *task) failed(v *visit, f *failure) {
	if f.name == errTimeout {
		t.event(v, "TimedOut", withError(f))
	} else {
		t.event(v, "Failed", withError(f))
	}
}

func (t *task) scheduled(v *visit, text string, timeout time.Duration) {
	d := details{}
	if timeout > 0 {
		d["timeoutInSeconds"] = int64(timeout / time.Second)
	}
	if t.service == "" {
		d["resource"], d["input"], d["inputDetails"] = t.resource, text, complete
	} else {
		d["region"], d["parameters"] = template.Region, text
	}
	t.event(v, "Scheduled", d)
	t.event(v, "Started", details{})
}

// event writes TaskX, or LambdaFunctionX for a function called by its own ARN.
func (t *task) event(v *visit, what string, d details) {
	if t.service == "" {
		field := "lambdaFunction" + what + "EventDetails"
		if what == "Started" { // the one event of the family that has no details
			field = ""
		}
		v.record("LambdaFunction"+what, field, d)
		return
	}
	d["resourceType"], d["resource"] = t.service, t.resource
	v.record("Task"+what, "task"+what+"EventDetails", d)
}

// await sends a request and waits for its end, for the timeout or for an
// interruption, whichever is first. The request itself goes on.
func (v *visit) await(timeout time.Duration, request call) (any, error) {
	type answer struct {
		result any
		err    error
	}
	answered := make(chan answer, 1)
	v.x.service.work.Go(func() {
		result, err := request(v.x.service.ctx)
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
		if v.x.service.ctx.Err() != nil && errors.Is(a.err, context.Canceled) {
			return nil, errClosed
		}
		return a.result, a.err
	case <-expired:
		return nil, external(errTimeout, "")
	case <-v.ctx.Done():
		return nil, v.interrupted()
	}
}
