package history

import (
	"slices"
	"strings"
	"time"
)

// Kind says what an event is about.
type Kind string

// The kinds of events. All others are Other.
const (
	Began            Kind = "began"             // the execution; Data is its input
	Entered          Kind = "entered"           // a state; Data is its input
	Attempted        Kind = "attempted"         // the state's task was begun, or begun again
	AttemptSucceeded Kind = "attempt succeeded" // Data is the task's result
	AttemptFailed    Kind = "attempt failed"    // Error and Cause say why
	Left             Kind = "left"              // a state; Data is its output
	Ended            Kind = "ended"             // the execution, with Status, and Data or Error and Cause
	Other            Kind = "other"
)

// Event is one entry of an execution's history, of either lane.
type Event struct {
	ID     int64 // 1, 2, 3 …
	Time   time.Time
	Kind   Kind
	Type   string // AWS's name, such as TaskStateEntered
	State  string // in which it happened; empty before the first state
	Data   string // JSON, or the beginning of it if it was cut
	Cut    bool   // the log has only the beginning of Data: it was larger than 248 KB
	Error  string
	Cause  string
	Status Status // of the execution, if the Kind is Ended
}

// ends are the types of the events that end an execution.
var ends = map[string]Status{
	"ExecutionSucceeded": Succeeded,
	"ExecutionFailed":    Failed,
	"ExecutionTimedOut":  TimedOut,
	"ExecutionAborted":   Aborted,
}

// failures are the four ways in which an attempt at a task fails.
var failures = []string{"TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"}

// kindOf returns the kind of an event of this type.
func kindOf(name string) Kind {
	switch {
	case name == "ExecutionStarted":
		return Began
	case ends[name] != "":
		return Ended
	case strings.HasSuffix(name, "StateEntered"):
		return Entered
	case strings.HasSuffix(name, "StateExited"):
		return Left
	case name == "TaskScheduled":
		return Attempted
	case name == "TaskSucceeded":
		return AttemptSucceeded
	case slices.Contains(failures, name):
		return AttemptFailed
	}
	return Other
}

// nameStates completes the states of events in their order: only some events name theirs. It returns the state of the
// last one. Before the first one the state is current.
func nameStates(events []Event, current string) string {
	for i := range events {
		switch events[i].Kind {
		case Entered:
			current = events[i].State
		case Ended:
			current = ""
		}
		if events[i].State == "" {
			events[i].State = current
		}
	}
	return current
}

// apply adds what an event says to the execution.
func (e *Execution) apply(event Event) {
	switch event.Kind {
	case Began:
		e.Started, e.Input = event.Time, event.Data
	case Ended:
		e.Status, e.Stopped = event.Status, event.Time
		e.Output, e.Error, e.Cause = event.Data, event.Error, event.Cause
	}
}

// summarize returns the execution with these events.
func summarize(arn string, events []Event) Execution {
	e := Execution{ARN: arn, Name: Name(arn), Lane: laneOf(arn), Status: Running}
	for _, event := range events {
		e.apply(event)
	}
	return e.withoutEnd()
}

// withoutEnd changes the status of an express execution that must have ended, and of whose end the log knows nothing.
func (e Execution) withoutEnd() Execution {
	const late = time.Minute // until the log has the last events
	started := e.Lane == Express && e.Status == Running && !e.Started.IsZero()
	if started && time.Since(e.Started) > longestExpress+late {
		e.Status = Unknown
	}
	return e
}
