package pages

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// Run is one run of freshclam, as its log says.
type Run struct {
	Time      time.Time
	Outcome   string
	Detail    string
	Version   int
	Published bool
}

// DefinitionsRead are the generations and the last runs.
type DefinitionsRead struct {
	Listing update.Listing
	Runs    []Run  // the newest first
	NoRuns  string // why they are not known
}

// Definitions is the page about definitions, and changes which of them are used.
type Definitions struct {
	View *view.View
	Read *latest.Value[DefinitionsRead]
	// Ask sends a request to freshclam; answer is an update.Listing, or an update.Status for an update.
	Ask     func(ctx context.Context, request update.Request, answer any) error
	Tasks   *task.Registry
	Changed func() // what other pages say about definitions is too old
}

var (
	definitionsPage = parse("definitions.html")
	changePage      = parse("change.html")
)

const definitionsEvery = 10 * time.Second

// Routes adds the pages.
func (d Definitions) Routes(mux *http.ServeMux) {
	mux.Handle("GET /definitions", d.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		c := newDefinitions(d.Read.Get(r.Context(), patience))
		return d.View.Render(w, r, definitionsPage, view.Page{Title: "Definitions", Section: "/definitions", Content: c})
	}))
	mux.Handle("GET /definitions/live", d.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return d.View.Stream(w, r, definitionsPage, "definitions", definitionsEvery,
			func(ctx context.Context) (any, bool, error) {
				return newDefinitions(d.Read.Get(ctx, time.Minute)), false, nil
			})
	}))
	mux.Handle("GET /definitions/change", d.View.Handler(d.ask))
	mux.Handle("POST /definitions/change", d.View.Handler(d.change))
}

// generation is one line of the page.
type generation struct {
	definitions.Generation
	Current, Previous, Pinned, Held bool
}

// shownRun is a run with how it is shown.
type shownRun struct {
	Run
	Mood view.Mood
}

// shownDefinitions is the content of the page.
type shownDefinitions struct {
	Ready       bool
	Trouble     string
	Listing     update.Listing
	Current     *generation
	Generations []generation
	Runs        []shownRun
	NoRuns      string
	Fine        bool // the last run was
}

func newDefinitions(read latest.Reading[DefinitionsRead]) shownDefinitions {
	c := shownDefinitions{Ready: !read.At.IsZero(), Listing: read.Value.Listing, NoRuns: read.Value.NoRuns}
	if read.Err != nil {
		c.Trouble = awsclient.Says(read.Err)
	}
	l := c.Listing
	c.Fine = l.Status.Held == nil && (l.Status.Outcome == "" || update.Good(l.Status.Outcome))
	for _, g := range l.Generations {
		c.Generations = append(c.Generations, generation{
			Generation: g, Current: g.Fingerprint == l.Current, Previous: g.Fingerprint == l.Previous,
			Pinned: g.Fingerprint == l.Pinned,
			Held:   l.Status.Held != nil && g.Fingerprint == l.Status.Held.Generation.Fingerprint,
		})
	}
	if i := slices.IndexFunc(c.Generations, func(g generation) bool { return g.Current }); i >= 0 {
		c.Current = &c.Generations[i]
	}
	for _, run := range read.Value.Runs {
		mood := view.Bad
		if update.Good(freshclam.Outcome(run.Outcome)) {
			mood = view.Good
		}
		c.Runs = append(c.Runs, shownRun{run, mood})
	}
	return c
}

// kind is a change of the definitions that the page offers.
type kind struct {
	Do       string
	Title    string // a question, without its mark
	Says     string // what will happen
	Button   string
	Named    string // what the request names: "", "generation" or "signature"
	Updates  bool   // an update follows
	Careful  bool
	onlyThat bool // the request is an update
}

// kinds are the changes, by their names in requests.
var kinds = []kind{
	{
		Do: "update", Title: "Look for new definitions now", Button: "Update now", onlyThat: true,
		Says: "The function freshclam asks the mirror, as its schedule does. New definitions are published when an engine " +
			"has loaded them and has found EICAR with them. It may take minutes.",
	},
	{
		Do: update.Rollback, Title: "Go back to the previous generation", Button: "Roll back", Careful: true,
		Says: "The previous generation is used and pinned: until it is unpinned, there are no updates. Each engine takes " +
			"it within five minutes.",
	},
	{
		Do: update.Pin, Title: "Pin this generation", Button: "Pin", Named: "generation", Careful: true,
		Says: "This generation is used, and until it is unpinned, there are no updates. Each engine takes it within five " +
			"minutes.",
	},
	{
		Do: update.Unpin, Title: "Let updates change the definitions again", Button: "Unpin",
		Says: "Nothing is pinned any more: the next update publishes new definitions.",
	},
	{
		Do: update.Publish, Title: "Publish the generation that is held back", Button: "Publish all the same",
		Named: "generation", Careful: true,
		Says: "It is used although it calls known-clean files infected: objects like these are moved to quarantine.",
	},
	{
		Do: update.Ignore, Title: "Ignore this signature", Button: "Ignore and update", Named: "signature", Updates: true,
		Careful: true,
		Says:    "The signature detects nothing any more, whatever contains it, and an update follows.",
	},
	{
		Do: update.Unignore, Title: "Use this signature again", Button: "Use it and update", Named: "signature",
		Updates: true, Says: "The signature detects again, and an update follows.",
	},
	{
		Do: update.Confirm, Title: "Let this new signature move all objects that it hits", Button: "Confirm",
		Named: "signature", Careful: true,
		Says: "The signature is right: what it hits is moved to quarantine without a limit. Send its dead letters back " +
			"afterwards.",
	},
}

// changeForm is the content of the second step.
type changeForm struct {
	kind
	Name string // of the generation or the signature
}

func newChange(r *http.Request) (changeForm, error) {
	do := r.FormValue("do")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.Do == do })
	if i < 0 {
		return changeForm{}, view.Wrong("Definitions cannot be changed so: %s.", view.Plain(view.Middle(do, 40)))
	}
	f := changeForm{kind: kinds[i]}
	if f.Named != "" {
		if f.Name = strings.TrimSpace(r.FormValue("name")); f.Name == "" {
			return f, view.Wrong("The address names no %s.", f.Named)
		}
	}
	return f, nil
}

// request returns what freshclam is asked.
func (f changeForm) request() update.Request {
	switch {
	case f.onlyThat:
		return update.Request{}
	case f.Named == "generation":
		return update.Request{Definitions: f.Do, Generation: f.Name}
	case f.Named == "signature":
		return update.Request{Definitions: f.Do, Signature: f.Name}
	}
	return update.Request{Definitions: f.Do}
}

func (d Definitions) ask(w http.ResponseWriter, r *http.Request) error {
	f, err := newChange(r)
	if err != nil {
		return err
	}
	// The previous generation may be another one when the button is pressed. Going back to one by name is to pin it.
	if f.Do == update.Rollback {
		if previous := d.Read.Get(r.Context(), patience).Value.Listing.Previous; previous != "" {
			f.Do, f.Named, f.Name = update.Pin, "generation", previous
		}
	}
	return d.View.Render(w, r, changePage, view.Page{Title: f.Title, Section: "/definitions", Content: f})
}

func (d Definitions) change(w http.ResponseWriter, r *http.Request) error {
	f, err := newChange(r)
	if err != nil {
		return err
	}
	title := f.Title
	if f.Name != "" {
		title += ": " + view.Plain(view.Middle(f.Name, 80))
	}
	id := d.Tasks.Start(title, "/definitions", func(ctx context.Context, t *task.Task) error {
		defer d.Changed()
		t.Say("The function freshclam is asked …")
		if !f.onlyThat {
			var listing update.Listing
			if err := d.Ask(ctx, f.request(), &listing); err != nil {
				return err
			}
			t.Say("Generation %s is used.", listing.Current)
			if !f.Updates {
				return nil
			}
			t.Say("It is changed, and an update runs. This may take minutes.")
		}
		var status update.Status
		if err := d.Ask(ctx, update.Request{}, &status); err != nil {
			return err
		}
		t.Say("%s", status.Outcome)
		if status.Detail != "" {
			t.Add(task.Line{Text: status.Detail})
		}
		for _, warning := range status.Warnings {
			t.Add(task.Line{Mood: "not known", Text: warning})
		}
		if !update.Good(status.Outcome) {
			return fmt.Errorf("no new definitions: %s; scans continue with the current ones", status.Outcome)
		}
		return nil
	})
	return seeOther(w, r, "/tasks/"+id)
}
