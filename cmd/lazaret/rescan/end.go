package rescan

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// End is how an execution ended.
type End struct {
	Status types.ExecutionStatus
	State  string  // the last one entered: Done, Gone, Superseded, Failed …
	Job    job.Job // as it left the machine; of an execution that did not succeed, as far as it came
	Error  string  // why it did not succeed: that of its dead letter, where there is one
	Cause  string  // of Error, readable
}

// Verdict is what the scan established of the object, "" when it did not, or
// not to the end: an infection that could not be announced is no verdict yet,
// and an object that was deleted has none any more.
func (e End) Verdict() job.Verdict {
	done := e.State == "Done" || e.State == "Superseded"
	if e.Status != types.ExecutionStatusSucceeded || !done || !e.Job.Scan.Known() {
		return ""
	}
	return e.Job.Scan.Verdict
}

// DeadLetter reports whether the job waits among the dead letters. The states
// Failed and DeadLetter say so; a rule of the stack's does it for every
// execution that ended otherwise than by succeeding.
func (e End) DeadLetter() bool { return e.Status != types.ExecutionStatusSucceeded }

// enter notes a state and what it was given: the job, as far as it came.
func (e *End) enter(state, input string) {
	e.State = state
	var j job.Job
	if json.Unmarshal([]byte(input), &j) == nil && j.Object.Key != "" {
		e.Job = j
	}
}

// fail notes why. "DeadLettered" says where the job is; what went wrong is in
// the job that was handed over.
func (e *End) fail(status types.ExecutionStatus, name, cause *string) {
	e.Status, e.Error, e.Cause = status, aws.ToString(name), job.Message(aws.ToString(cause))
	if f := e.Job.Error; e.State == "Failed" && f != nil {
		e.Error, e.Cause = f.Error, job.Message(f.Cause)
	}
}
