package local

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/template"
)

// Notice is something that happened in a stack and that a person who watches it
// wants to see: an execution that ended, or a function that failed.
type Notice struct {
	Time time.Time
	// What is the verdict; NoVerdict, Gone or Superseded where an execution ended
	// without; FunctionFailed or FunctionRecovered.
	What string
	// Subject is the address of the object, or the function's name.
	Subject string
	// Detail says more: a signature, a reason, where the object is now, an error.
	Detail string
	// Took is the duration of an execution.
	Took time.Duration
	// Times counts the failures that this notice stands for.
	Times int
}

// What happened, when it was no verdict.
const (
	NoVerdict         = "NO VERDICT" // a dead letter
	Gone              = "GONE"       // the object was deleted or overwritten
	Superseded        = "SUPERSEDED" // a newer version is in the clean bucket
	FunctionFailed    = "FAILED"
	FunctionRecovered = "RECOVERED"
	LeftOut           = "LEFT OUT" // of the notices: they were not read
)

// quiet is how long failures of one kind are only counted after one was told.
const quiet = 10 * time.Second

// watch makes notices of what the services say, and keeps what health tells.
// Its methods are called from several goroutines.
type watch struct {
	tell   func(Notice) // one call at a time
	prefix string       // of the functions' names, which notices leave out
	now    func() time.Time

	mu        sync.Mutex
	functions map[string]*functionWatch // by name without prefix
	verdicts  map[string]int            // by Notice.What
}

// FunctionHealth is how the invocations of one function went since the stack was
// started.
type FunctionHealth struct {
	Invocations int       `json:"invocations"`
	Failures    int       `json:"failures"`
	InARow      int       `json:"failuresInARow"` // up to now
	LastError   string    `json:"lastError,omitempty"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
}

// functionWatch is what is remembered of one function.
type functionWatch struct {
	FunctionHealth
	told    time.Time // when the last failure was
	untold  int       // failures since
	errType string    // of what was told
}

func newWatch(app *template.Application, tell func(Notice)) *watch {
	if tell == nil {
		tell = func(Notice) {}
	}
	return &watch{
		tell: tell, prefix: app.Name + "-", now: time.Now,
		functions: map[string]*functionWatch{}, verdicts: map[string]int{},
	}
}

// outcomes are errors by which a function tells the state machine what is the
// case. They are no failures: the execution's end says what came of it.
var outcomes = map[string]bool{
	job.Name(job.ErrObjectGone): true, job.Name(job.ErrObjectChanged): true,
	job.Name(job.ErrSuperseded): true, job.Name(job.ErrTagLimit): true,
}

// invoked hears how an invocation ended.
func (w *watch) invoked(function string, result lambda.Result, err error) {
	name := strings.TrimPrefix(function, w.prefix)
	kind, text := failure(name, result, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.functions[name]
	if f == nil {
		f = &functionWatch{}
		w.functions[name] = f
	}
	f.Invocations++
	n := Notice{Time: w.now(), Subject: name}
	if text == "" {
		if n.What, n.Times = FunctionRecovered, f.InARow; n.Times > 0 {
			w.tell(n)
		}
		f.InARow, f.untold, f.errType = 0, 0, ""
		return
	}
	f.Failures++
	f.InARow++
	f.untold++
	f.LastError, f.LastFailure = text, n.Time
	if kind == f.errType && n.Time.Sub(f.told) < quiet {
		return
	}
	n.What, n.Detail, n.Times = FunctionFailed, text, f.untold
	f.told, f.errType, f.untold = n.Time, kind, 0
	w.tell(n)
}

// failure is the kind of a failed invocation and what to say of it, "" of one
// that did its work. Messages that a function gives back to its queue are one
// too: dispatch fails so when it cannot start executions.
func failure(name string, result lambda.Result, err error) (kind, text string) {
	switch {
	case err != nil:
		return "not run", err.Error()
	case result.FunctionError != "":
		var e struct {
			Type    string `json:"errorType"`
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(result.Payload, &e) != nil {
			return "", string(result.Payload)
		}
		if outcomes[e.Type] {
			return "", ""
		}
		return e.Type, e.Type + ": " + e.Message
	}
	var batch struct {
		Failures []struct{} `json:"batchItemFailures"`
	}
	if json.Unmarshal(result.Payload, &batch) == nil && len(batch.Failures) > 0 {
		return "gave back", fmt.Sprintf("gave %d messages back to its queue: logs/%s.log says why", len(batch.Failures), name)
	}
	return "", ""
}

// statusChanged hears of every status of an execution, and tells of the last one.
func (w *watch) statusChanged(detail json.RawMessage) {
	var d struct {
		Status        string
		Error, Cause  string
		Input, Output string
		StartDate     int64
		StopDate      int64 // Unix time in ms, 0 while it runs
	}
	if json.Unmarshal(detail, &d) != nil || d.StopDate == 0 {
		return
	}
	var j job.Job
	if json.Unmarshal([]byte(cmp.Or(d.Output, d.Input)), &j) != nil || j.Object.Key == "" {
		return // of another machine than ours
	}
	n := Notice{Time: time.UnixMilli(d.StopDate), Subject: j.Object.String(), Took: time.Duration(d.StopDate-d.StartDate) * time.Millisecond}
	switch infected := j.Scan.Known() && j.Scan.Verdict == job.Infected; {
	case d.Status != "SUCCEEDED":
		n.What, n.Detail = NoVerdict, why(d.Status, d.Error, d.Cause)
	case j.Error != nil && j.Error.Error == job.Name(job.ErrSuperseded):
		n.What = Superseded
	case j.Vanished() != nil && !infected, !j.Scan.Known():
		n.What = Gone
	default:
		n.What = string(j.Scan.Verdict)
		n.Detail = strings.TrimPrefix(strings.TrimPrefix(j.Scan.Outcome(), n.What), " ")
		switch {
		case j.Copy != nil:
			n.Detail = strings.TrimPrefix(n.Detail+", moved to "+j.Copy.String(), ", ")
		case j.Vanished() != nil:
			n.Detail += ", gone before it was moved"
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verdicts[n.What]++
	w.tell(n)
}

// why is the error of an execution that ended without success. Of one that
// handed its job over, it is the error that made it do so.
func why(status, name, cause string) string {
	if name == "DeadLettered" {
		var e struct {
			Type string `json:"errorType"`
		}
		name = ""
		if json.Unmarshal([]byte(cause), &e) == nil {
			name = e.Type
		}
	}
	text := cmp.Or(name, status)
	if message := job.Message(cause); message != "" {
		text += ": " + message
	}
	return text
}
