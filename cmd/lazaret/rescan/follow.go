package rescan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// ErrNotStarted says that ctx ended before there was an execution.
var ErrNotStarted = errors.New("not started yet")

// ErrRunning says that ctx ended before the execution did, which goes on.
var ErrRunning = errors.New("still running")

// historian is what following takes.
type historian interface {
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
}

// How long to wait between two looks. AWS allows 20 requests a second in an
// account, all users together.
const (
	soon  = 100 * time.Millisecond
	later = 2 * time.Second
)

// expected is within what time an execution starts where all is well: dispatch
// polls its queue all the time, and starts cold within a second or two.
const expected = 5 * time.Second

// Event is something to tell about an execution under way. One of State, Error,
// Again and Late is set.
type Event struct {
	After time.Duration // since the execution began
	State string        // is entered
	Error string        // of the last attempt at the state's task
	Cause string        // of Error, readable
	Again bool          // the task is tried once more
	Late  time.Duration // there is no execution yet, after so long; told once
}

// Follow calls tell with each event of an execution as it happens, from its
// beginning, and returns how it ended. It waits for an execution that is not
// there yet. When ctx ends first, the error is an ErrNotStarted or ErrRunning.
func Follow(ctx context.Context, client historian, execution string, tell func(Event)) (End, error) {
	f := follower{tell: tell}
	asked, late := time.Now(), expected
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, MaxResults: 1000}
	waiting := ErrNotStarted
	for pause := soon; ; pause = min(pause*3/2, later) {
		out, err := client.GetExecutionHistory(ctx, in)
		_, absent := errors.AsType[*types.ExecutionDoesNotExist](err)
		switch {
		case err != nil && ctx.Err() != nil:
			return f.end, fmt.Errorf("follow %s: %w: %w", execution, waiting, ctx.Err())
		case absent:
			if waited := time.Since(asked); late > 0 && waited >= late {
				late = 0
				tell(Event{Late: waited})
			}
		case err != nil:
			return f.end, fmt.Errorf("read the history of %s: %w", execution, err)
		default:
			waiting = ErrRunning
			if f.read(out.Events) {
				pause = soon
			}
			if f.end.Status != "" {
				return f.end, f.err
			}
			if out.NextToken != nil {
				// Pages only ever grow at the end: the last one is asked for again
				// and again, those before it never.
				in.NextToken = out.NextToken
				continue
			}
		}
		select {
		case <-ctx.Done():
			return f.end, fmt.Errorf("follow %s: %w: %w", execution, waiting, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// follower turns a history into events and an end.
type follower struct {
	tell   func(Event)
	last   int64 // id of the last event told
	began  time.Time
	failed bool // the last attempt at the current state's task did
	end    End
	err    error
}

// read takes in the events that are new and reports whether any was.
func (f *follower) read(events []types.HistoryEvent) (news bool) {
	for _, e := range events {
		if e.Id <= f.last {
			continue
		}
		news = true
		f.last = e.Id
		f.one(e)
	}
	return news
}

func (f *follower) one(e types.HistoryEvent) {
	at := aws.ToTime(e.Timestamp)
	if f.began.IsZero() {
		f.began = at
	}
	after := at.Sub(f.began)
	if d := e.StateEnteredEventDetails; d != nil {
		f.failed = false
		f.end.enter(aws.ToString(d.Name), aws.ToString(d.Input))
		f.tell(Event{After: after, State: f.end.State})
		return
	}
	if name, cause, ok := failure(e); ok {
		f.failed = true
		f.tell(Event{After: after, Error: name, Cause: job.Message(cause)})
		return
	}
	switch e.Type {
	case types.HistoryEventTypeTaskScheduled:
		if f.failed {
			f.tell(Event{After: after, Again: true})
		}
		f.failed = false
	case types.HistoryEventTypeExecutionSucceeded:
		f.end.Status = types.ExecutionStatusSucceeded
		f.end.Job = job.Job{}
		if err := json.Unmarshal([]byte(aws.ToString(e.ExecutionSucceededEventDetails.Output)), &f.end.Job); err != nil {
			f.err = fmt.Errorf("read the output of the execution: %w", err)
		}
	case types.HistoryEventTypeExecutionFailed:
		d := e.ExecutionFailedEventDetails
		f.end.fail(types.ExecutionStatusFailed, d.Error, d.Cause)
	case types.HistoryEventTypeExecutionTimedOut:
		f.end.Status = types.ExecutionStatusTimedOut
		if d := e.ExecutionTimedOutEventDetails; d != nil {
			f.end.fail(f.end.Status, d.Error, d.Cause)
		}
	case types.HistoryEventTypeExecutionAborted:
		f.end.Status = types.ExecutionStatusAborted
		if d := e.ExecutionAbortedEventDetails; d != nil {
			f.end.fail(f.end.Status, d.Error, d.Cause)
		}
	}
}

// failure is the error of a failed attempt at a task, in any of the ways in
// which one fails.
func failure(e types.HistoryEvent) (name, cause string, ok bool) {
	switch {
	case e.TaskFailedEventDetails != nil:
		d := e.TaskFailedEventDetails
		return aws.ToString(d.Error), aws.ToString(d.Cause), true
	case e.TaskTimedOutEventDetails != nil:
		d := e.TaskTimedOutEventDetails
		return aws.ToString(d.Error), aws.ToString(d.Cause), true
	case e.TaskStartFailedEventDetails != nil:
		d := e.TaskStartFailedEventDetails
		return aws.ToString(d.Error), aws.ToString(d.Cause), true
	case e.TaskSubmitFailedEventDetails != nil:
		d := e.TaskSubmitFailedEventDetails
		return aws.ToString(d.Error), aws.ToString(d.Cause), true
	}
	return "", "", false
}
