// Package notice tells a person who watches a local stack what happens in it: which verdict each execution came to, and
// which functions fail. It also answers whether all is well, at /_lazaret/health.
package notice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/lambda"
)

// Notice is one event: an execution has ended, or a function has failed or works again.
type Notice struct {
	Time time.Time
	// What is the verdict, or one of the constants below.
	What string
	// Subject is the address of the object, or the name of the function.
	Subject string
	// Detail is a signature, a reason, where the object is now, or an error.
	Detail string
	// Took is the duration of an execution.
	Took time.Duration
	// Times is the number of failures since the last notice about the function.
	Times int
}

// Values of Notice.What beside the verdicts.
const (
	NoVerdict         = "NO VERDICT" // the execution failed: its job is a dead letter
	Gone              = "GONE"       // the object was deleted or overwritten
	Superseded        = "SUPERSEDED" // a newer version is in the clean bucket
	Again             = "AGAIN"      // an Express execution came to no end: a Standard one follows
	FunctionFailed    = "FAILED"
	FunctionRecovered = "RECOVERED"
	LeftOut           = "LEFT OUT" // notices were dropped, because nobody read them
)

// quietTime is how long a function's failures of one kind are only counted after a notice about one.
const quietTime = 10 * time.Second

// Watch makes notices and counts outcomes. Its methods may be called concurrently.
type Watch struct {
	stack string
	tell  func(Notice) // called by one goroutine at a time
	now   func() time.Time

	mu        sync.Mutex
	functions map[string]*functionState // by name without the stack's
	verdicts  map[string]int            // by Notice.What
}

// functionState is what the watch remembers of one function.
type functionState struct {
	FunctionHealth
	toldAt   time.Time // of the last notice of a failure
	toldKind string
	untold   int // failures since
}

// NewWatch returns a watch over the stack of that name. It calls tell, unless that is nil, with each notice.
func NewWatch(stack string, tell func(Notice)) *Watch {
	if tell == nil {
		tell = func(Notice) {}
	}
	return &Watch{
		stack: stack, tell: tell, now: time.Now, functions: map[string]*functionState{}, verdicts: map[string]int{},
	}
}

// Invoked takes note of how an invocation ended.
func (w *Watch) Invoked(function string, result lambda.Result, err error) {
	name := strings.TrimPrefix(function, w.stack+"-")
	kind, text := failure(name, result, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.functions[name]
	if f == nil {
		f = &functionState{}
		w.functions[name] = f
	}
	f.Invocations++
	n := Notice{Time: w.now(), Subject: name}
	if text == "" {
		if n.What, n.Times = FunctionRecovered, f.InARow; n.Times > 0 {
			w.tell(n)
		}
		f.InARow, f.untold, f.toldKind = 0, 0, ""
		return
	}
	f.Failures++
	f.InARow++
	f.untold++
	f.LastError, f.LastFailure = text, n.Time
	if kind == f.toldKind && n.Time.Sub(f.toldAt) < quietTime {
		return
	}
	n.What, n.Detail, n.Times = FunctionFailed, text, f.untold
	f.toldAt, f.toldKind, f.untold = n.Time, kind, 0
	w.tell(n)
}

// failure returns the kind of a failed invocation and its description, and "" when the invocation did its work.
// Returning messages to the queue is a failure: dispatch does so when it cannot start executions.
func failure(name string, result lambda.Result, err error) (kind, text string) {
	if err != nil {
		return "not run", err.Error()
	}
	if result.FunctionError != "" {
		var e struct {
			Type    string `json:"errorType"`
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(result.Payload, &e) != nil {
			return "", string(result.Payload)
		}
		switch e.Type {
		case job.Name(job.ErrObjectGone), job.Name(job.ErrObjectChanged), job.Name(job.ErrSuperseded),
			job.Name(job.ErrTagLimit):
			return "", "" // an answer to the state machine: the end of the execution tells what came of it
		}
		return e.Type, e.Type + ": " + e.Message
	}
	if !bytes.Contains(result.Payload, []byte(`"batchItemFailures"`)) {
		return "", ""
	}
	var batch struct {
		Failures []struct{} `json:"batchItemFailures"`
	}
	if json.Unmarshal(result.Payload, &batch) == nil && len(batch.Failures) > 0 {
		return "gave back", fmt.Sprintf("gave %d messages back to its queue: logs/%s.log says why",
			len(batch.Failures), name)
	}
	return "", ""
}
