package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// execution is the execution of a probe, or the last one of several.
type execution struct {
	arn     string
	lane    history.Lane
	began   time.Time
	visits  []visit
	status  history.Status // empty until it has ended
	job     job.Job        // the output, or the input of DeadLetter
	problem string         // why the execution has not ended
	err     error          // of the requests for its history
}

// visit is one stay in a state.
type visit struct {
	state       string
	input       string
	began, left time.Time
	done        bool     // its task succeeded
	errors      []string // of failed attempts at its task
}

// failureText returns the state that failed and its error, or the status of the execution.
func (s execution) failureText() string {
	if s.job.Error != nil {
		for _, v := range s.visits {
			if len(v.errors) > 0 && !v.done {
				return v.state + ": " + brief(s.job.Error.Error+": "+job.Message(s.job.Error.Cause))
			}
		}
		return brief(s.job.Error.Error + ": " + job.Message(s.job.Error.Cause))
	}
	return string(s.status)
}

// retries returns the number of failed attempts, and the first error.
func (s execution) retries() (n int, first string) {
	for _, v := range s.visits {
		for _, e := range v.errors {
			if n++; first == "" {
				first = v.state + " " + e
			}
		}
	}
	return n, first
}

// follow waits for the end of a probe's execution. After r.blocked is set, it waits for a few seconds only.
func (r *run) follow(ctx context.Context, p *probe) execution {
	var s execution
	watch := r.histories.Watch(nameOf(p.object), p.at)
	const shortestPause, longestPause = 20 * time.Millisecond, time.Second
	for pause := shortestPause; ; pause = min(pause*3/2, longestPause) {
		x, events, err := watch.Look(ctx)
		switch {
		case err == nil:
			s.read(x, events)
			if s.status != "" {
				return s
			}
			if r.waitsForDefinitions(p, &s) {
				r.blocked.Store(true)
				r.keepsPermits.Store(true)
				return s
			}
		case ctx.Err() != nil:
			if s.err = err; s.problem == "" {
				s.problem = "no execution was started in the time there was: " +
					r.queueState(context.WithoutCancel(ctx))
			}
			return s
		case errors.Is(err, history.ErrRefused), !errors.Is(err, history.ErrNotFound):
			s.err = err
			return s
		case time.Since(p.at) > r.startLimit():
			s.problem = fmt.Sprintf("no execution was started within %s: %s", r.startLimit(), r.queueState(ctx))
			r.blocked.Store(true)
			return s
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// nameOf returns the name of the execution that an upload's event starts.
func nameOf(o job.Object) string { return job.Job{Object: o}.ExecutionName() }

// startLimit returns how long an execution may take to start.
func (r *run) startLimit() time.Duration {
	if r.blocked.Load() {
		return min(r.StartWithin, 5*time.Second)
	}
	return r.StartWithin
}

// waitsForDefinitions reports whether a running execution waits for definitions. The state machine retries for hours,
// for which this run does not wait.
func (r *run) waitsForDefinitions(p *probe, s *execution) bool {
	s.problem = "its execution runs for " + time.Since(p.at).Round(time.Second).String()
	if len(s.visits) == 0 {
		return false
	}
	last := s.visits[len(s.visits)-1]
	if len(last.errors) == 0 {
		return false
	}
	failure := last.errors[len(last.errors)-1]
	s.problem = fmt.Sprintf("its execution is still in %s, which failed %s: %s",
		last.state, times(len(last.errors)), failure)
	return strings.HasPrefix(failure, job.Name(job.ErrDefinitionsNotReady))
}

// read adds new events of an execution. If it is another one than before, it forgets what the former one did.
func (s *execution) read(x history.Execution, events []history.Event) {
	if x.ARN != s.arn {
		*s = execution{arn: x.ARN, lane: x.Lane}
	}
	for _, e := range events {
		s.readEvent(e)
	}
	if !x.Settled() && x.Status != history.Unknown {
		return
	}
	s.status = x.Status
	if x.Status == history.Succeeded {
		_ = json.Unmarshal([]byte(x.Output), &s.job) // without output there is no verdict
	}
}

func (s *execution) readEvent(e history.Event) {
	if s.began.IsZero() {
		s.began = e.Time
	}
	if n := len(s.visits); n > 0 {
		s.visits[n-1].left = e.Time
	}
	if e.Kind == history.Entered {
		s.visits = append(s.visits, visit{state: e.State, input: e.Data, began: e.Time, left: e.Time})
		if e.State == "DeadLetter" {
			_ = json.Unmarshal([]byte(e.Data), &s.job) // without a job nothing is known of it
		}
		return
	}
	if len(s.visits) == 0 {
		return
	}
	v := &s.visits[len(s.visits)-1]
	switch e.Kind {
	case history.AttemptFailed:
		v.errors = append(v.errors, brief(e.Error+": "+job.Message(e.Cause)))
	case history.AttemptSucceeded:
		v.done = true
	}
}

// brief returns text of others on one line of at most 240 characters.
func brief(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.TrimSuffix(terminal.Shorten(s, 240), ":")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
