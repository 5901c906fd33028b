package rescan

import (
	"encoding/json"
	"fmt"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// End is how a job ended.
type End struct {
	Execution string // ARN of the last execution
	Status    history.Status
	State     string  // the last state that was entered: Done, Gone, Superseded, Failed …
	Job       job.Job // the output; of an execution that failed, the input of the last state that got a job
	Error     string  // of an execution that failed: the error in its dead letter, if it sent one
	Cause     string  // the text of Error
}

// Verdict returns the verdict, or "" without one. An infection that could not be announced is no verdict yet, and an
// object that was deleted has no verdict any more.
func (e End) Verdict() job.Verdict {
	done := e.State == "Done" || e.State == "Superseded"
	if e.Status != history.Succeeded || !done || !e.Job.Scan.Known() {
		return ""
	}
	return e.Job.Scan.Verdict
}

// IsDeadLetter reports whether the job is a dead letter. The state DeadLetter sends one; for executions that ended
// outside every Catch, a rule of the stack does.
func (e End) IsDeadLetter() bool { return e.Status != history.Succeeded && e.Status != history.Unknown }

// enter records a state and the job in its input.
func (e *End) enter(state, input string) {
	e.State = state
	var j job.Job
	if json.Unmarshal([]byte(input), &j) == nil && j.Object.Key != "" {
		e.Job = j
	}
}

// finish records the end of the last execution. In the state Failed the execution's own error is "DeadLettered"; the
// error that led there is in the job.
func (e *End) finish(x history.Execution) error {
	e.Status, e.Error, e.Cause = x.Status, x.Error, job.Message(x.Cause)
	if f := e.Job.Error; e.State == "Failed" && f != nil {
		e.Error, e.Cause = f.Error, job.Message(f.Cause)
	}
	if x.Status != history.Succeeded {
		return nil
	}
	e.Job = job.Job{}
	if err := json.Unmarshal([]byte(x.Output), &e.Job); err != nil {
		return fmt.Errorf("decode the output of %s: %w", x.ARN, err)
	}
	return nil
}
