package notice

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// status is the detail of EventBridge's "Step Functions Execution Status Change".
type status struct {
	Status        string
	Error, Cause  string
	Input, Output string
	StartDate     int64 // Unix time in ms
	StopDate      int64 // 0 while the execution runs
}

// StatusChanged takes note of an execution's new status, and makes a notice of its last one.
func (w *Watch) StatusChanged(detail json.RawMessage) { w.ended(detail, false) }

// ExpressEnded takes note of the end of an Express execution. One that came neither to a verdict nor to a dead letter
// is not the end of its job: dispatch starts a Standard execution, which gets a notice of its own.
func (w *Watch) ExpressEnded(detail json.RawMessage) { w.ended(detail, true) }

func (w *Watch) ended(detail json.RawMessage, express bool) {
	if bytes.Contains(detail, []byte(`"stopDate":null`)) {
		return // it runs; within a string the quotes would be escaped
	}
	var s status
	if json.Unmarshal(detail, &s) != nil || s.StopDate == 0 {
		return
	}
	var j job.Job
	if json.Unmarshal([]byte(cmp.Or(s.Output, s.Input)), &j) != nil || j.Object.Key == "" {
		return // of another state machine than the application's
	}
	n := Notice{
		Time: time.UnixMilli(s.StopDate), Subject: j.Object.String(),
		Took: time.Duration(s.StopDate-s.StartDate) * time.Millisecond,
	}
	n.What, n.Detail = outcome(s, j)
	if express && n.What == NoVerdict && s.Error != deadLettered {
		n.What = Again
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verdicts[n.What]++
	w.tell(n)
}

// deadLettered is the error of an execution whose job is a dead letter.
const deadLettered = "DeadLettered"

// outcome returns Notice.What and Notice.Detail of an execution that ended.
func outcome(s status, j job.Job) (what, detail string) {
	infected := j.Scan.Known() && j.Scan.Verdict == job.Infected
	switch {
	case s.Status != "SUCCEEDED":
		return NoVerdict, s.failure()
	case j.Error != nil && j.Error.Error == job.Name(job.ErrSuperseded):
		return Superseded, ""
	case j.Vanished() != nil && !infected, !j.Scan.Known():
		return Gone, ""
	}
	what = string(j.Scan.Verdict)
	detail = strings.TrimPrefix(strings.TrimPrefix(j.Scan.Outcome(), what), " ")
	switch {
	case j.Copy != nil:
		detail = strings.TrimPrefix(detail+", moved to "+j.Copy.String(), ", ")
	case j.Vanished() != nil:
		detail += ", gone before it was moved"
	}
	return what, detail
}

// failure returns the error of an execution that did not succeed. An execution that ended as DeadLettered has the error
// that led to the dead letter in its cause.
func (s status) failure() string {
	name := s.Error
	if name == deadLettered {
		var e struct {
			Type string `json:"errorType"`
		}
		_ = json.Unmarshal([]byte(s.Cause), &e) // without it the status stands for the error
		name = e.Type
	}
	text := cmp.Or(name, s.Status)
	if message := job.Message(s.Cause); message != "" {
		text += ": " + message
	}
	return text
}
