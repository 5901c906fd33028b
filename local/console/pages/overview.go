package pages

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/numbers"
	"github.com/lazaret/lazaret/local/console/view"
)

// Overview is the page that says whether everything is all right.
type Overview struct {
	View    *view.View
	Status  *latest.Value[status.Report]
	Numbers *latest.Value[numbers.Numbers]
}

var overviewPage = parse("overview.html")

// overviewEvery is the pause between two looks of the page. What it shows is read again when it is too old.
const overviewEvery = 2 * time.Second

// Routes adds the page.
func (o Overview) Routes(mux *http.ServeMux) {
	mux.Handle("GET /{$}", o.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		content := o.read(r.Context(), patience)
		return o.View.Render(w, r, overviewPage, view.Page{Title: "Overview", Section: "/", Content: content})
	}))
	mux.Handle("GET /live", o.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return o.View.Stream(w, r, overviewPage, "overview", overviewEvery,
			func(ctx context.Context) (any, bool, error) { return o.read(ctx, time.Minute), false, nil })
	}))
}

// overview is the content of the page.
type overview struct {
	Ready   bool   // Report is there
	Old     string // why Report is not of now; empty if it is
	Report  status.Report
	Says    string // what is wrong, in a few words; empty if nothing is
	Parts   []part
	Next    next
	Numbers *numbers.Numbers // nil while they are not known
	Trouble string           // why Numbers are not known
	Chart   chart
}

// part is one line about a part of the stack.
type part struct {
	status.Part
	Path string // of the page that says more; may be empty
}

// paths are the pages that say more about parts of the stack.
var paths = map[string]string{
	"definitions": "/definitions", "executions": "/executions?status=RUNNING", "dead letters": "/dead-letters",
}

func (o Overview) read(ctx context.Context, patience time.Duration) overview {
	var c overview
	counted := o.Numbers.Get(ctx, 0) // asked for at the same time
	reading := o.Status.Get(ctx, patience)
	if counted.At.IsZero() {
		counted = o.Numbers.Get(ctx, patience)
	}
	if counted.Err != nil {
		c.Trouble = awsclient.Says(counted.Err)
	} else if !counted.At.IsZero() {
		c.Numbers, c.Chart = &counted.Value, draw(counted.Value)
	}
	if reading.Err != nil {
		c.Old = "The parts of the stack could not be looked at"
		if at := reading.Value.Time; !at.IsZero() {
			c.Old += " since " + at.UTC().Format(time.DateTime)
		}
		c.Old += ": " + awsclient.Says(reading.Err)
	}
	if reading.At.IsZero() || reading.Err != nil && reading.Value.Time.IsZero() {
		return c
	}
	c.Ready, c.Report = true, reading.Value
	for _, p := range c.Report.Parts() {
		c.Parts = append(c.Parts, part{p, paths[p.Name]})
	}
	c.Next, c.Says = nextOf(c.Report.Next), headline(c.Report)
	return c
}

// headline says in a few words what is wrong, and nothing if nothing is.
func headline(r status.Report) string {
	var all []string
	add := func(a status.Answer, words string) {
		if a.State == status.Wrong {
			all = append(all, words)
		}
	}
	add(r.Definitions.Answer, "definitions are not up to date")
	add(r.Uploads.Answer, view.Plural(r.Uploads.Waiting, "upload waits", "uploads wait")+" too long")
	add(r.Rescans.Answer, view.Plural(r.Rescans.Waiting, "rescan waits", "rescans wait")+" too long")
	add(r.Permits.Answer, "permits are not as they should be")
	add(r.Executions.Answer, "executions fail")
	add(r.DeadLetters.Answer, view.Plural(r.DeadLetters.Count, "dead letter waits", "dead letters wait"))
	add(r.Unjudged.Answer, "an object has no verdict")
	add(r.Canary.Answer, "the canary failed")
	add(r.Alarms.Answer, view.Plural(len(r.Alarms.Ringing), "alarm rings", "alarms ring"))
	switch {
	case len(all) == 0 && r.Wrong:
		return "It is not known whether all is well"
	case len(all) == 0:
		return ""
	}
	text := strings.Join(all, ", ")
	return strings.ToUpper(text[:1]) + text[1:]
}
