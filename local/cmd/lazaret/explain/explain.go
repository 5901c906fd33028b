// Package explain says in one page what happened to an object: its verdict, the executions that worked on it, why it
// may not be read, where it is, and what to do. It only reads. What it cannot find out it names.
package explain

import (
	"context"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// Case is what happened to an object. The values are stable, because programs read them in the JSON.
type Case string

// The cases.
const (
	NotWatched    Case = "not watched"    // the stack does not watch the bucket
	OutsidePrefix Case = "outside prefix" // the key does not begin with KeyPrefix
	NotThere      Case = "not there"      // never uploaded, or deleted, or moved longer ago than was searched
	Deleted       Case = "deleted"        // this version, permanently
	DeleteMarker  Case = "delete marker"  // hides the versions of the key
	NeverStarted  Case = "never started"  // no verdict, no execution, no dead letter, and nothing waits
	Waiting       Case = "waiting"        // no verdict yet, while something waits in the queues
	Running       Case = "running"
	DeadLetter    Case = "dead letter"
	Failed        Case = "failed" // its execution failed, and no dead letter of it is in the queue
	Unscannable   Case = "unscannable"
	Infected      Case = "infected"    // and still where it was uploaded
	Quarantined   Case = "quarantined" // moved to quarantine
	Promoted      Case = "promoted"    // CLEAN, and moved to the clean bucket
	Superseded    Case = "superseded"  // CLEAN, and a newer version is in the clean bucket
	Clean         Case = "clean"
)

// Page is the whole answer, and the output of --output json. Its names are stable.
type Page struct {
	Object  string   `json:"object"` // address
	Case    Case     `json:"case"`
	Says    string   `json:"says"` // the case in words
	Version *Version `json:"version,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
	Copy    string   `json:"copy,omitempty"` // address, if the object was moved

	Reading     *Reading    `json:"reading,omitempty"` // absent if there is nothing to read
	Executions  []Execution `json:"executions"`        // the newest first
	DeadLetters []Letter    `json:"deadLetters"`
	Do          []string    `json:"do"`       // what to do, commands first
	NotKnown    []string    `json:"notKnown"` // what could not be found out, and why

	quoted, quotedCopy string // the addresses as people read them
}

// Version is the version of the object that the page is about, if S3 still has it.
type Version struct {
	ID       string    `json:"id,omitempty"`
	Size     int64     `json:"size"`
	Uploaded time.Time `json:"uploaded"`
	Current  bool      `json:"current"`
}

// Verdict is what the tags and the executions say about the verdict.
type Verdict struct {
	Status      job.Verdict `json:"status"`
	Detail      string      `json:"detail,omitempty"` // the signature or the reason
	Time        string      `json:"time,omitempty"`   // RFC 3339
	Definitions string      `json:"definitions,omitempty"`
	Engine      string      `json:"engine,omitempty"` // known from an execution alone
}

// Execution is one execution about the object.
type Execution struct {
	ARN     string         `json:"arn"`
	Lane    history.Lane   `json:"lane"`
	Status  history.Status `json:"status"`
	Attempt int            `json:"attempt"`
	Run     string         `json:"run,omitempty"` // of a scan that an operator or a schedule asked for
	Was     string         `json:"was,omitempty"` // "was CLEAN since …", if it found what an earlier scan had not
	Started *time.Time     `json:"started,omitempty"`
	Stopped *time.Time     `json:"stopped,omitempty"`
	Error   string         `json:"error,omitempty"`
	States  []State        `json:"states,omitempty"` // of the newest execution alone

	job job.Job
}

// State is a state that an execution entered, or an error in it.
type State struct {
	Name  string  `json:"state"`
	After float64 `json:"after"` // seconds since the execution began
	Error string  `json:"error,omitempty"`
	Cause string  `json:"cause,omitempty"`
}

// Letter is a dead letter about the object.
type Letter struct {
	MessageID string     `json:"messageId"`
	Error     string     `json:"error"`
	Cause     string     `json:"cause,omitempty"`
	Execution string     `json:"execution,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
}

// Explainer explains objects of one stack.
type Explainer struct {
	clients   Clients
	stack     deployment.Stack
	histories *history.Reader
	letters   *redrive.Redriver
	since     time.Duration // how far back executions are looked for whose name cannot be computed
}

// New returns an Explainer. Executions whose name cannot be computed, such as rescans, are looked for among those that
// started within the time since.
func New(clients Clients, stack deployment.Stack, since time.Duration) *Explainer {
	return &Explainer{
		clients: clients, stack: stack, since: since,
		histories: history.New(clients.Machines, clients.Logs, stack.Executions()),
		letters:   redrive.New(clients.Queues, stack),
	}
}

// Explain explains an object of job.ParseAddress. The error says that the bucket could not be read at all.
func (e *Explainer) Explain(ctx context.Context, wanted job.Object) (*Page, error) {
	f, err := e.find(ctx, wanted)
	if err != nil {
		return nil, err
	}
	p := f.page()
	p.Reading = e.reading(ctx, f, p)
	return p, nil
}

// page returns the page, without whether the object may be read.
func (f *found) page() *Page {
	p := &Page{
		Object: f.object.Address(), quoted: f.object.String(), Version: f.version, Verdict: f.verdict,
		Executions: f.executions, DeadLetters: f.letters, NotKnown: f.notKnown,
	}
	if f.copy != nil {
		at := job.Object{Bucket: f.copy.Bucket, Key: f.copy.Key, VersionID: f.copy.VersionID}
		p.Copy, p.quotedCopy = at.Address(), at.String()
	}
	p.Case = f.decide()
	p.Says, p.Do = f.words(p.Case)
	if p.NotKnown == nil {
		p.NotKnown = []string{}
	}
	if p.Do == nil {
		p.Do = []string{}
	}
	return p
}

// command returns a command of lazaret for the stack.
func (e *Explainer) command(format string, args ...any) string {
	text := "lazaret " + fmt.Sprintf(format, args...)
	if e.stack.Name != "lazaret" {
		text += " --stack-name " + e.stack.Name
	}
	return text
}
