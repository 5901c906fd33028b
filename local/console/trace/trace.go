// Package trace makes of an execution's events, of either lane, what happened in each state: which were entered, when,
// with which input, output, error and attempts, and what is happening now.
package trace

import (
	"slices"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/graph"
)

// Trace is the course of an execution.
type Trace struct {
	Visits []Visit // in their order
	taken  map[graph.Way]bool
}

// Visit is one stay in a state. An execution may be in a state more than once.
type Visit struct {
	State   string
	Number  int       // which visit of this state it is, from 1
	Entered time.Time // zero if the event was lost
	Left    time.Time // zero while it lasts; also the end of the execution
	Input   string    // JSON
	Output  string    // JSON; empty while it lasts, and after a failure that no Catch names
	Cut     bool      // the log has only the beginning of Input or Output
	Error   string    // of the last failure
	Cause   string    // the text of Error
	Status  graph.Status

	Attempts []Attempt // at the task; other states have none
}

// Attempt is one call of a task.
type Attempt struct {
	Number       int // from 1
	Begun, Ended time.Time
	Error, Cause string // of a failure
	Output       string // JSON, of a success
}

// Failed reports whether the attempt has ended with an error.
func (a Attempt) Failed() bool { return a.Error != "" }

// Failures is the number of attempts that failed.
func (v Visit) Failures() (n int) {
	for _, a := range v.Attempts {
		if a.Failed() {
			n++
		}
	}
	return n
}

// Lasted is how long the visit lasted, or has lasted until now. It is zero if its beginning is not known.
func (v Visit) Lasted(now time.Time) time.Duration { return lasted(v.Entered, v.Left, now) }

// Lasted is how long the attempt lasted, or has lasted until now.
func (a Attempt) Lasted(now time.Time) time.Duration { return lasted(a.Begun, a.Ended, now) }

func lasted(from, to, now time.Time) time.Duration {
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		return 0
	}
	return max(0, to.Sub(from))
}

// Waits is how long a failed attempt was, or has been, followed by a pause before the next one. It is zero for the last
// attempt of a visit that has ended.
func (v Visit) Waits(attempt int, now time.Time) time.Duration {
	a := v.Attempts[attempt]
	if !a.Failed() {
		return 0
	}
	if attempt+1 < len(v.Attempts) {
		return lasted(a.Ended, v.Attempts[attempt+1].Begun, now)
	}
	if v.Left.IsZero() {
		return lasted(a.Ended, time.Time{}, now)
	}
	return 0
}

// Read returns the trace of events in their order. The status is the execution's.
func Read(events []history.Event, status history.Status) Trace {
	t := Trace{taken: map[graph.Way]bool{}}
	from := -1 // the visit that was left last, and has not led on yet
	for _, e := range events {
		switch e.Kind {
		case history.Entered:
			v := t.enter(e)
			v.Input, v.Cut = e.Data, e.Cut
			if from >= 0 {
				t.taken[graph.Way{From: t.Visits[from].State, To: e.State, Caught: t.Visits[from].Status == graph.Caught}] = true
				from = -1
			}
		case history.Attempted:
			v := t.open(e)
			v.Attempts = append(v.Attempts, Attempt{Number: len(v.Attempts) + 1, Begun: e.Time})
		case history.AttemptSucceeded:
			a := t.open(e).last(e)
			a.Ended, a.Output = e.Time, e.Data
		case history.AttemptFailed:
			v := t.open(e)
			a := v.last(e)
			a.Ended, a.Error, a.Cause = e.Time, e.Error, e.Cause
			if a.Error == "" {
				a.Error = e.Type // so that it counts as a failure
			}
			v.Error, v.Cause = a.Error, a.Cause
		case history.Left:
			t.open(e).leave(e)
			from = t.index(e.State)
		}
	}
	t.end(events, status)
	return t
}

// enter begins a visit.
func (t *Trace) enter(e history.Event) *Visit {
	v := Visit{State: e.State, Number: 1, Entered: e.Time, Status: graph.Running}
	for _, earlier := range t.Visits {
		if earlier.State == e.State {
			v.Number++
		}
	}
	t.Visits = append(t.Visits, v)
	return &t.Visits[len(t.Visits)-1]
}

// index returns the last visit of a state, or -1.
func (t *Trace) index(state string) int {
	for i, v := range slices.Backward(t.Visits) {
		if v.State == state {
			return i
		}
	}
	return -1
}

// open returns the visit that an event belongs to. If the log has lost its beginning, it begins here.
func (t *Trace) open(e history.Event) *Visit {
	if i := t.index(e.State); i >= 0 && t.Visits[i].Left.IsZero() {
		return &t.Visits[i]
	}
	v := t.enter(e)
	v.Entered = time.Time{}
	return v
}

// last returns the attempt that has not ended. If the log has lost its beginning, it begins here.
func (v *Visit) last(e history.Event) *Attempt {
	if n := len(v.Attempts); n > 0 && v.Attempts[n-1].Ended.IsZero() {
		return &v.Attempts[n-1]
	}
	v.Attempts = append(v.Attempts, Attempt{Number: len(v.Attempts) + 1})
	return &v.Attempts[len(v.Attempts)-1]
}

// leave ends a visit that leads on. A Catch has led on if the last attempt failed.
func (v *Visit) leave(e history.Event) {
	v.Left, v.Output, v.Cut = e.Time, e.Data, v.Cut || e.Cut
	switch n := len(v.Attempts); {
	case n > 0 && v.Attempts[n-1].Failed():
		v.Status = graph.Caught
	case v.Failures() > 0:
		v.Status = graph.Retried
		v.Error, v.Cause = "", ""
	default:
		v.Status = graph.Succeeded
	}
}

// end gives the visits that were not left the status that follows from the execution's.
func (t *Trace) end(events []history.Event, status history.Status) {
	var last history.Event
	if len(events) > 0 {
		last = events[len(events)-1]
	}
	for i := range t.Visits {
		v := &t.Visits[i]
		if !v.Left.IsZero() {
			continue
		}
		switch status {
		case history.Running:
			if v.Failures() > 0 {
				v.Status = graph.Retrying
			}
			continue
		case history.Failed:
			v.Status = graph.Failed
		default:
			v.Status = graph.Stopped
		}
		if last.Kind == history.Ended {
			v.Left = last.Time
			if last.Error != "" {
				v.Error, v.Cause = last.Error, last.Cause
			}
		}
		if n := len(v.Attempts); n > 0 && v.Attempts[n-1].Ended.IsZero() {
			v.Attempts[n-1].Ended = v.Left
		}
	}
}

// Of returns the visits of a state.
func (t Trace) Of(state string) (visits []Visit) {
	for _, v := range t.Visits {
		if v.State == state {
			visits = append(visits, v)
		}
	}
	return visits
}

// Notable returns the state to look at first: the one that runs, or else the last one that failed, or else whose error
// was caught, or else the last one that was entered. It is empty if none was entered.
func (t Trace) Notable() string {
	best, state := -1, ""
	ranks := map[graph.Status]int{
		graph.Caught: 1, graph.Failed: 2, graph.Stopped: 2, graph.Running: 3, graph.Retrying: 3,
	}
	for _, v := range t.Visits {
		// A Fail state repeats the error of the state before it.
		rank := ranks[v.Status]
		if v.Status == graph.Failed && len(v.Attempts) == 0 {
			rank = 0
		}
		if rank >= best {
			best, state = rank, v.State
		}
	}
	return state
}

// Ways returns the ways between states that were taken.
func (t Trace) Ways() map[graph.Way]bool { return t.taken }
