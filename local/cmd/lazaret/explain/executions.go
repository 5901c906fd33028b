package explain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

const (
	mostAttempts = 20 // whose names are computed
	// searchLimit is how long executions are looked for whose names cannot be computed. Step Functions lists a thousand
	// executions a request.
	searchLimit = 15 * time.Second
	// mostExecutions is how many executions of one object are named.
	mostExecutions = 10
)

// readExecutions finds the executions about the object. The name of an attempt is computed from bucket, key and
// version. A scan that an operator asked for has a random part in its name, and so has an object without a version id:
// these are looked for by bucket, key and version among what started lately.
func (f *found) readExecutions(ctx context.Context) {
	byARN := map[string]history.Execution{}
	f.attempts(ctx, byARN)
	f.search(ctx, byARN)
	var all []history.Execution
	for _, x := range byARN {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b history.Execution) int {
		return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(a.ARN, b.ARN))
	})
	for i, x := range all[:min(len(all), mostExecutions)] {
		f.executions = append(f.executions, f.describe(ctx, x, i == 0))
	}
}

// attempts adds the executions whose names can be computed: that of the upload's event, and those of redrives.
func (f *found) attempts(ctx context.Context, byARN map[string]history.Execution) {
	if f.object.Pinned() == "" {
		return
	}
	window := history.Window{}
	if at := f.object.LastModified; !at.IsZero() && time.Since(at) > 24*time.Hour {
		window = history.Window{Since: at.Add(-time.Minute), Until: at.Add(24 * time.Hour)}
	}
	for attempt := range mostAttempts {
		name := job.Job{Object: f.object, Attempt: attempt}.ExecutionName()
		executions, err := f.explainer.histories.FindName(ctx, name, window)
		for _, x := range executions {
			byARN[x.ARN] = x
		}
		if errors.Is(err, history.ErrNotFound) {
			return
		}
		if err != nil {
			f.unknown("executions called %s: %v", name, err)
			return
		}
	}
}

// search adds the other executions about the object that started lately.
func (f *found) search(ctx context.Context, byARN map[string]history.Execution) {
	ctx, cancel := context.WithTimeout(ctx, searchLimit)
	defer cancel()
	o := f.object
	o.VersionID = o.Pinned()
	window := history.Window{Since: time.Now().Add(-f.explainer.since)}
	for x, err := range f.explainer.histories.FindObject(ctx, o, window) {
		switch {
		case ctx.Err() != nil:
			f.unknown("rescans of the object: not all executions of the last %v could be looked through in %v (--since)",
				f.explainer.since, searchLimit)
			return
		case err != nil:
			f.unknown("rescans of the object: %v", err)
		default:
			byARN[x.ARN] = x
		}
	}
}

// describe reads an execution, with its states if they are wanted.
func (f *found) describe(ctx context.Context, x history.Execution, states bool) Execution {
	out := Execution{
		ARN: x.ARN, Lane: x.Lane, Status: x.Status, Error: x.Error,
		Started: known(x.Started), Stopped: known(x.Stopped),
	}
	for _, text := range []string{x.Input, x.Output} {
		var j job.Job
		if json.Unmarshal([]byte(text), &j) == nil && j.Object.Key != "" {
			out.job = j
		}
	}
	if states || out.job.Object.Key == "" || x.Status != history.Succeeded {
		events, err := f.explainer.histories.Events(ctx, x.ARN, windowOf(x))
		if err != nil {
			f.unknown("what %s did: %v", x.ARN, err)
		}
		out.follow(x, events, states)
	}
	out.Attempt, out.Run, out.Was = out.job.Attempt, out.job.Run, out.job.WasClean()
	if out.job.Error != nil && out.Error != "" {
		out.Error = out.job.Error.Error
	}
	return out
}

// follow reads the states that an execution entered, and the job as the last of them got it.
func (x *Execution) follow(of history.Execution, events []history.Event, states bool) {
	for _, event := range events {
		after := event.Time.Sub(of.Started).Seconds()
		switch event.Kind {
		case history.Entered:
			var j job.Job
			if json.Unmarshal([]byte(event.Data), &j) == nil && j.Object.Key != "" && of.Status != history.Succeeded {
				x.job = j
			}
			if states {
				x.States = append(x.States, State{Name: event.State, After: after})
			}
		case history.AttemptFailed:
			if states {
				x.States = append(x.States, State{
					Name: event.State, After: after, Error: event.Error, Cause: job.Message(event.Cause),
				})
			}
		}
	}
}

// windowOf returns the window in which the log has the events of an execution.
func windowOf(x history.Execution) history.Window {
	if x.Started.IsZero() {
		return history.Window{}
	}
	return history.Window{Since: x.Started.Add(-time.Minute), Until: x.Started.Add(10 * time.Minute)}
}

// readLetters looks for dead letters about the object, unless it has a verdict and its last execution did not fail.
func (f *found) readLetters(ctx context.Context) {
	settled := f.verdict != nil && (len(f.executions) == 0 || f.executions[0].Status != history.Failed)
	if settled || f.object.Pinned() == "" && f.version == nil {
		return
	}
	_, err := f.explainer.letters.List(ctx, 0, func(l redrive.Letter) bool {
		for _, o := range l.Objects {
			same := o.Bucket == f.object.Bucket && o.Key == f.object.Key &&
				(f.object.Pinned() == "" || o.VersionID == f.object.VersionID)
			if same {
				f.letters = append(f.letters, Letter{
					MessageID: l.MessageID, Error: l.Error, Cause: l.Cause, Execution: l.Execution, Expires: known(l.Expires()),
				})
				return true
			}
		}
		return false
	})
	if err != nil {
		f.unknown("dead letters about the object: %v", err)
	}
}

// known returns nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
