// Package execution is the console's page of one execution: its state machine, drawn and coloured by what happened and
// by what is happening, the states with their input, output, errors and attempts, and how long each took.
package execution

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/graph"
	"github.com/lazaret/lazaret/local/console/view"
)

//go:embed templates
var files embed.FS

var page = view.Parse(files, "templates/*.html")

// every are the pauses between two readings of an execution that runs.
const (
	every        = 3 * time.Second
	everyLocal   = time.Second
	everyExpress = 5 * time.Second // CloudWatch answers some five searches a second to all users of an account together
)

// Page shows one execution.
type Page struct {
	View *view.View
	// Read reads an execution of either lane. One of EXPRESS is looked for in the window.
	Read func(ctx context.Context, arn string, w history.Window) (history.Execution, []history.Event, error)
	// Definition returns the definition that an execution runs by.
	Definition func(ctx context.Context, arn string) ([]byte, error)
}

// Routes adds the page.
func (p Page) Routes(mux *http.ServeMux) {
	mux.Handle("GET /executions/{arn}", p.View.Handler(p.show))
	mux.Handle("GET /executions/{arn}/live", p.View.Handler(p.live))
	mux.HandleFunc("GET /assets/graph.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(graph.Style)) // fails when the browser has gone
	})
}

func (p Page) show(w http.ResponseWriter, r *http.Request) error {
	q, err := asked(r)
	if err != nil {
		return err
	}
	machine := p.machine(r.Context(), q.arn)
	c, err := p.read(r.Context(), q, machine)
	if errors.Is(err, history.ErrNotFound) {
		return p.missing(w, r, q)
	}
	if err != nil {
		return err
	}
	return p.View.Render(w, r, page, view.Page{Title: c.Title(), Section: "/executions", Content: c})
}

func (p Page) live(w http.ResponseWriter, r *http.Request) error {
	q, err := asked(r)
	if err != nil {
		return err
	}
	pause := every
	switch {
	case p.View.Stack.IsLocal():
		pause = everyLocal
	case isExpress(q.arn):
		pause = everyExpress
	}
	machine := p.machine(r.Context(), q.arn)
	return p.View.Stream(w, r, page, "execution", pause, func(ctx context.Context) (any, bool, error) {
		c, err := p.read(ctx, q, machine)
		return c, err == nil && c.Live == "", err
	})
}

// missing says that there is no such execution, or that it may be older than what was searched.
func (p Page) missing(w http.ResponseWriter, r *http.Request, q question) error {
	if !isExpress(q.arn) || q.since == longest.name {
		return view.NotFound("There is no execution %s.", view.Plain(q.arn))
	}
	c := struct{ ARN, Older string }{q.arn, q.link("since", longest.name)}
	return p.View.Render(w, r, missingPage, view.Page{Title: "Execution", Section: "/executions", Content: c})
}

var missingPage = view.Parse(files, "templates/missing/missing.html")

// longest is how far back the log group of express executions is searched at most.
var longest = struct {
	name string
	span time.Duration
}{"90d", 90 * 24 * time.Hour}

// question is what a request asks for.
type question struct {
	arn, state, since string
	visit             string
}

// asked reads a request. The ARN is text of whoever made the link.
func asked(r *http.Request) (question, error) {
	form := r.URL.Query()
	q := question{
		arn: r.PathValue("arn"), state: form.Get("state"), visit: form.Get("visit"), since: form.Get("since"),
	}
	if parts := strings.Split(q.arn, ":"); len(parts) < 8 || parts[2] != "states" || history.Name(q.arn) == "" {
		return q, view.Wrong("The address has no ARN of an execution: %s", view.Plain(view.Middle(q.arn, 200)))
	}
	if q.since != "" && q.since != longest.name {
		return q, view.Wrong("The address asks for a time that the page does not have.")
	}
	return q, nil
}

// link returns the URL of the page with other parameters, which are names and values in turn.
func (q question) link(parameters ...any) string {
	return view.Link(view.ExecutionLink(q.arn), append([]any{"since", q.since}, parameters...)...)
}

func (q question) window() history.Window {
	if q.since == longest.name {
		return history.Window{Since: time.Now().Add(-longest.span)}
	}
	return history.Window{}
}

func isExpress(arn string) bool {
	parts := strings.Split(arn, ":")
	return len(parts) > 5 && parts[5] == "express"
}
