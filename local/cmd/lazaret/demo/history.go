package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// step is one state that an execution entered.
type step struct {
	state      string
	input      string
	start, end time.Time
}

// stepsOf returns the states that an execution entered. Each lasts until the next event that names a state.
func stepsOf(events []history.Event) []step {
	var steps []step
	for _, e := range events {
		if len(steps) > 0 {
			steps[len(steps)-1].end = e.Time
		}
		if e.Kind == history.Entered {
			steps = append(steps, step{state: e.State, input: e.Data, start: e.Time, end: e.Time})
		}
	}
	return steps
}

// execution shows the states of the first infected sample's execution, with their durations.
func (d *demo) execution(results []result) {
	for _, r := range results {
		if r.outcome().Verdict != job.Infected {
			continue
		}
		fmt.Fprintf(d.w, "\nThe way of %s through the state machine\n", r.sample.Key)
		for _, s := range r.steps {
			fmt.Fprintf(d.w, "  %-12s %6d ms\n", s.state, s.end.Sub(s.start).Milliseconds())
		}
		return
	}
}

// await waits for the end of the execution of this name, and returns it with all its events.
func (d *demo) await(ctx context.Context, name string, since time.Time) (history.Execution, []history.Event, error) {
	watch := d.histories.Watch(name, since)
	var events []history.Event
	arn := ""
	for {
		x, more, err := watch.Look(ctx)
		if x.ARN != arn {
			arn, events = x.ARN, nil // another execution goes on with the job
		}
		events = append(events, more...)
		if x.Settled() {
			return x, events, nil
		}
		if err != nil && !errors.Is(err, history.ErrNotFound) {
			return x, events, err
		}
		if err := pause(ctx); err != nil {
			return x, events, err
		}
	}
}
