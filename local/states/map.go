package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// distributed has the fields of a Map state. Of its two modes only DISTRIBUTED is supported, with items in an object of
// JSON lines and results in a bucket.
type distributed struct {
	ItemReader                 *itemReader
	ItemSelector               selector
	ItemProcessor              *itemProcessor
	ResultWriter               *resultWriter
	MaxConcurrency             int // 0 for AWS's limit
	ToleratedFailurePercentage float64
}

// maxConcurrency is AWS's limit of child executions that run at the same time, which a MaxConcurrency of 0 means:
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
const maxConcurrency = 10_000

// itemProcessor is the machine of the child executions.
type itemProcessor struct {
	definition
	ProcessorConfig struct{ Mode, ExecutionType string }
}

func (p *itemProcessor) UnmarshalJSON(data []byte) error {
	var fields struct {
		StartAt         string
		States          map[string]json.RawMessage
		ProcessorConfig struct{ Mode, ExecutionType string }
	}
	if err := strict(data, "Comment StartAt States ProcessorConfig", &fields); err != nil {
		return err
	}
	if c := fields.ProcessorConfig; c.Mode != "DISTRIBUTED" || c.ExecutionType != "STANDARD" {
		return fmt.Errorf("ProcessorConfig has the mode %q and the type %q: only DISTRIBUTED and STANDARD are supported",
			c.Mode, c.ExecutionType)
	}
	p.definition = definition{StartAt: fields.StartAt, States: fields.States, states: map[string]*state{}}
	return p.parseStates()
}

func (d *distributed) check() error {
	switch {
	case d.ItemReader == nil || d.ItemProcessor == nil || d.ResultWriter == nil:
		return errors.New("a Map state has ItemReader, ItemProcessor and ResultWriter; others are not supported")
	case d.MaxConcurrency < 0:
		return fmt.Errorf("MaxConcurrency is %d, less than 0", d.MaxConcurrency)
	case d.ToleratedFailurePercentage < 0 || d.ToleratedFailurePercentage > 100:
		return fmt.Errorf("ToleratedFailurePercentage is %v, not between 0 and 100", d.ToleratedFailurePercentage)
	}
	return nil
}

// runMap runs the child executions. After the service was closed in between, all of them run again.
func (v *visit) runMap(input any) (any, string, error) { return v.try(input, v.mapRun) }

// mapRun is one Map Run.
func (v *visit) mapRun(input any) (any, error) {
	items, err := v.readItems(input)
	if err != nil {
		return nil, err
	}
	r := &mapRun{visit: v, id: uuid.NewString(), children: make([]child, len(items))}
	v.record("MapStateStarted", details{"length": 0}) // AWS does not know the number yet
	v.record("MapRunStarted", details{"mapRunArn": r.mapRunARN()})
	if err := v.flush(nil); err != nil {
		return nil, err
	}
	if err := r.run(input, items); err != nil {
		if f, ok := asFailure(err); ok {
			v.record("MapRunFailed", withError(f))
		}
		return nil, err
	}
	result, err := r.write(input)
	if err != nil {
		return nil, err
	}
	v.record("MapRunSucceeded", details{})
	v.record("MapStateSucceeded", details{})
	return result, nil
}

// mapRun has the child executions of one visit to a Map state.
type mapRun struct {
	*visit
	id       string
	children []child
}

// child is an execution of the ItemProcessor.
type child struct {
	name, arn     string
	input, output string
	began, ended  time.Time
	failure       *failure
}

func (r *mapRun) mapRunARN() string {
	return template.ARN("states", "mapRun:"+r.machine.Name+"/"+r.state.name+":"+r.id)
}

// errMapRunStopped ends the child executions of a Map Run in which more have failed than are tolerated.
var errMapRunStopped = errors.New("the Map Run was stopped")

// run runs all child executions. It stops them when more have failed than are tolerated.
func (r *mapRun) run(input any, items []any) error {
	ctx, stop := context.WithCancelCause(r.ctx)
	defer stop(nil)
	limit := r.state.MaxConcurrency
	if limit == 0 {
		limit = maxConcurrency
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed int
		fault  error // of the interpreter: the service was closed
	)
	places := make(chan struct{}, limit)
	for i, item := range items {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			err := r.children[i].run(ctx, r, input, item)
			mu.Lock()
			defer mu.Unlock()
			if r.children[i].failure != nil {
				failed++
			} else if err != nil && fault == nil {
				fault = err
			}
			if float64(failed)*100 > r.state.ToleratedFailurePercentage*float64(len(items)) {
				stop(errMapRunStopped)
			}
		})
	}
	wg.Wait()
	switch {
	case r.interrupted() != nil:
		return r.interrupted()
	case errors.Is(context.Cause(ctx), errMapRunStopped):
		return external(errTooManyFailures, "The specified tolerated failure threshold was exceeded")
	}
	return fault
}

// run runs one child execution. Its history is not kept. The error says why it was interrupted.
func (c *child) run(ctx context.Context, r *mapRun, input, item any) error {
	c.name, c.began = uuid.NewString(), now()
	c.arn = template.ARN("states", "execution:"+r.machine.Name+"/"+r.state.name+":"+c.name)
	err := c.walk(ctx, r, input, item)
	c.ended = now()
	if f, ok := asFailure(err); ok {
		c.failure = f
		return nil
	}
	return err
}

func (c *child) walk(ctx context.Context, r *mapRun, input, item any) error {
	value := item
	if r.state.ItemSelector != nil {
		values := map[string]any{executionID: r.visit.arn, itemValue: item}
		selected, err := payload(r.state.ItemSelector).evaluate(input, values)
		if err != nil {
			return err
		}
		value = selected
	}
	if c.input = encode(value); len(c.input) > maxPayload {
		return fail(errDataLimit, "The input of a child execution %s", tooLarge)
	}
	processor := r.state.ItemProcessor
	m := *r.machine
	m.definition, m.Express, m.LogGroup = &processor.definition, true, "" // as an Express execution, it is not stored
	x := &execution{
		service: r.service, machine: &m, arn: c.arn, name: c.name, started: c.began,
		from: position{state: processor.StartAt, value: value, text: c.input},
	}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	defer x.cancel(nil)
	output, err := x.walk()
	c.output = output
	return err
}
