// Package status says in one page whether a stack works now, and what an operator should do next. It only reads, and it
// asks AWS and the local stack the same. What it cannot find out is "not known", and never "ok".
package status

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// State is the answer about one part of a stack. The values are stable, because programs read them in the JSON.
type State string

// The states of a part.
const (
	OK       State = "ok"
	Wrong    State = "wrong"
	NotKnown State = "not known"
)

// Answer is what is said about one part.
type Answer struct {
	State State  `json:"state"`
	Says  string `json:"says"`         // in words
	Do    string `json:"do,omitempty"` // what to do about it, if something is wrong or not known
}

// Report is the whole answer, and the output of --output json. Its names are stable.
type Report struct {
	Stack  string    `json:"stack"`
	Region string    `json:"region"`
	Time   time.Time `json:"time"` // UTC
	Wrong  bool      `json:"wrong"`
	Next   string    `json:"next"` // what to do first

	Definitions Definitions `json:"definitions"`
	Uploads     Queue       `json:"uploads"`
	Rescans     Queue       `json:"rescans"`
	Permits     Permits     `json:"permits"`
	Executions  Executions  `json:"executions"`
	DeadLetters DeadLetters `json:"deadLetters"`
	Unjudged    Unjudged    `json:"unjudged"`
	Canary      Canary      `json:"canary"`
	Alarms      Alarms      `json:"alarms"`
}

// Reader reads the status of one stack, once or again and again. It is not for concurrent use.
type Reader struct {
	clients   Clients
	stack     deployment.Stack
	histories *history.Reader // of scans
	sweeps    *history.Reader
	letters   *redrive.Redriver
	last      lettersRead
}

// New returns a Reader.
func New(clients Clients, stack deployment.Stack) *Reader {
	return &Reader{
		clients: clients, stack: stack,
		histories: history.New(clients.Machines, clients.Logs, stack.Executions()),
		sweeps:    history.New(clients.Machines, clients.Logs, stack.Sweeps()),
		letters:   redrive.New(clients.Queues, stack),
	}
}

// partLimit is how long one part is waited for. A freshclam that was idle for weeks takes half a minute to start.
const partLimit = time.Minute

// Read reads the status. It does not fail: what could not be read is not known.
func (r *Reader) Read(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, partLimit)
	defer cancel()
	report := Report{Stack: r.stack.Name, Region: r.stack.Region(), Time: time.Now().UTC().Truncate(time.Second)}
	described, notDescribed := deployment.Describe(ctx, r.clients.Stacks, r.stack.Name)
	parameters := described.Parameters // empty if they are not known
	var parts sync.WaitGroup
	parts.Go(func() { report.Definitions = r.definitions(ctx, parameters) })
	parts.Go(func() {
		report.Permits = r.permits(ctx, parameters, notDescribed)
		report.Uploads = r.uploads(ctx, report.Permits)
	})
	parts.Go(func() { report.Rescans = r.rescans(ctx) })
	parts.Go(func() { report.Executions = r.executions(ctx) })
	parts.Go(func() { report.DeadLetters = r.deadLetters(ctx) })
	parts.Go(func() { report.Unjudged = r.unjudged(ctx) })
	parts.Go(func() { report.Canary = r.canary(ctx) })
	parts.Go(func() { report.Alarms = r.alarms(ctx, parameters) })
	parts.Wait()
	report.conclude()
	return report
}

// Part is one line of the page.
type Part struct {
	Name string
	Answer
	Reasons []string
}

// Parts returns the lines of the page in their order.
func (r *Report) Parts() []Part {
	return []Part{
		{"definitions", r.Definitions.Answer, nil},
		{"uploads", r.Uploads.Answer, r.Uploads.Reasons},
		{"rescans", r.Rescans.Answer, r.Rescans.Reasons},
		{"permits", r.Permits.Answer, nil},
		{"executions", r.Executions.Answer, nil},
		{"dead letters", r.DeadLetters.Answer, nil},
		{"unjudged", r.Unjudged.Answer, nil},
		{"canary", r.Canary.Answer, nil},
		{"alarms", r.Alarms.Answer, nil},
	}
}

// conclude says whether anything is wrong, and what to do first. Whoever sends dead letters back while uploads are not
// started, or without definitions, gets the same dead letters again: so the order is not that of the page. While scans
// go on with the definitions in use, a mirror that does not answer must not hide what an operator can mend now.
func (r *Report) conclude() {
	order := []Answer{r.Uploads.Answer, r.Rescans.Answer, r.DeadLetters.Answer, r.Unjudged.Answer}
	if r.Definitions.scanning {
		order = append(order, r.Definitions.Answer)
	} else {
		order = slices.Insert(order, 0, r.Definitions.Answer)
	}
	order = append(order, r.Canary.Answer, r.Alarms.Answer, r.Executions.Answer, r.Permits.Answer)
	// Without these two it cannot be said that all is well.
	for _, must := range []Answer{r.Uploads.Answer, r.DeadLetters.Answer} {
		r.Wrong = r.Wrong || must.State == NotKnown
	}
	for _, state := range []State{Wrong, NotKnown} {
		for _, a := range order {
			r.Wrong = r.Wrong || a.State == Wrong
			if a.State != state || a.Do == "" || r.Next != "" {
				continue
			}
			if r.Next = a.Do; !r.Wrong {
				r.Next = "nothing is wrong; for what is not known: " + a.Do
			}
		}
	}
	if r.Next == "" {
		r.Next = "nothing to do"
	}
}

// command returns a command of lazaret for the stack.
func (r *Reader) command(text string) string {
	if r.stack.Name != "lazaret" {
		text += " --stack-name " + r.stack.Name
	}
	return text
}
