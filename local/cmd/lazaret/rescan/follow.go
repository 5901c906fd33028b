package rescan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// ErrNotStarted says that ctx ended before the execution was started.
var ErrNotStarted = errors.New("not started yet")

// ErrRunning says that ctx ended before the execution, which goes on.
var ErrRunning = errors.New("still running")

// watch is what Follow calls of a history.Watch.
type watch interface {
	Look(ctx context.Context) (history.Execution, []history.Event, error)
}

const (
	// The pauses between two requests. AWS allows 20 requests a second for all users of an account together.
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
	// startLimit is the time within which an execution starts if nothing is wrong and no upload waits: dispatch polls
	// its queue all the time, and a cold start takes a second or two.
	startLimit = 5 * time.Second
)

// Event is something that happened to a job. One of the fields Execution, State, Error, Retried and Late is set.
type Event struct {
	After     time.Duration // since the execution began
	Execution string        // ARN of the execution that began
	Follows   bool          // with Execution: the one before it ended without a verdict or a dead letter
	State     string        // was entered
	Error     string        // of a failed attempt at the state's task
	Cause     string        // the text of Error
	Retried   bool          // the task is tried again
	Late      time.Duration // no execution has started after this time; reported once
	Hidden    error         // with Late: an execution may have started where the caller may not look
}

// Follow reports each event of a job, from the beginning of its execution, and returns how it ended. It waits for an
// execution that has not started yet. If ctx ends first, the error is an ErrNotStarted or ErrRunning.
func Follow(ctx context.Context, w watch, report func(Event)) (End, error) {
	f := follower{report: report}
	began, reportedLate := time.Now(), false
	for pause := shortestPause; ; pause = min(pause*3/2, longestPause) {
		x, events, err := w.Look(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return f.end, f.stopped(ctx)
		case errors.Is(err, history.ErrNotFound):
			if waited := time.Since(began); !reportedLate && waited >= startLimit {
				reportedLate = true
				report(Event{Late: waited, Hidden: hidden(err)})
			}
		case err != nil:
			return f.end, err
		default:
			if len(events) > 0 {
				pause = shortestPause
			}
			f.read(x, events)
			if x.Settled() || x.Status == history.Unknown {
				return f.end, f.end.finish(x)
			}
		}
		select {
		case <-ctx.Done():
			return f.end, f.stopped(ctx)
		case <-time.After(pause):
		}
	}
}

// hidden returns err if it says that the caller may not look everywhere, and else nil.
func hidden(err error) error {
	if errors.Is(err, history.ErrRefused) {
		return err
	}
	return nil
}

// follower turns the events of executions into reports and an end.
type follower struct {
	report func(Event)
	began  time.Time // of the current execution
	failed bool      // the last attempt at the current state's task failed
	end    End
}

// stopped returns the error of a Follow whose ctx has ended.
func (f *follower) stopped(ctx context.Context) error {
	state := ErrNotStarted
	if f.end.Execution != "" {
		state = ErrRunning
	}
	return fmt.Errorf("follow the execution: %w: %w", state, ctx.Err())
}

// read reports new events of an execution.
func (f *follower) read(x history.Execution, events []history.Event) {
	for _, e := range events {
		if x.ARN != f.end.Execution {
			f.report(Event{Execution: x.ARN, Follows: f.end.Execution != ""})
			f.end, f.began, f.failed = End{Execution: x.ARN}, e.Time, false
		}
		f.readEvent(e)
	}
}

func (f *follower) readEvent(e history.Event) {
	after := e.Time.Sub(f.began)
	switch e.Kind {
	case history.Entered:
		f.failed = false
		f.end.enter(e.State, e.Data)
		f.report(Event{After: after, State: e.State})
	case history.AttemptFailed:
		f.failed = true
		f.report(Event{After: after, Error: e.Error, Cause: job.Message(e.Cause)})
	case history.Attempted:
		if f.failed {
			f.report(Event{After: after, Retried: true})
		}
		f.failed = false
	}
}
