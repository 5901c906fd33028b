package pages

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/view"
)

// Executions is the list of executions of both lanes.
type Executions struct {
	View  *view.View
	Query func(context.Context, history.Query) (history.Page, error)
	Every time.Duration // between two looks of a page that is open
}

var executionsPage = parse("executions.html")

// executionsRead bounds a page: a search in a large log takes as long as CloudWatch does.
const executionsRead = 90 * time.Second

// Routes adds the page.
func (e Executions) Routes(mux *http.ServeMux) {
	mux.Handle("GET /executions", e.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		c, err := e.read(r.Context(), r)
		if err != nil {
			return err
		}
		return e.View.Render(w, r, executionsPage, view.Page{Title: "Executions", Section: "/executions", Content: c})
	}))
	mux.Handle("GET /executions/live", e.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return e.View.Stream(w, r, executionsPage, "rows", e.Every,
			func(ctx context.Context) (any, bool, error) {
				c, err := e.read(ctx, r)
				return c, false, err
			})
	}))
}

// option is one choice of a filter.
type option struct {
	Value, Name string
	Chosen      bool
}

// spans are the times that the list goes back.
var spans = []struct {
	name string
	span time.Duration
}{{"1h", time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"90d", 90 * 24 * time.Hour}}

// spanNames are their names for people.
var spanNames = map[string]string{"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "90d": "Last 90 days"}

// executions is the content of the page.
type executions struct {
	Text                             string
	Uploads                          string // the bucket that is not named in each row
	Statuses, Verdicts, Lanes, Spans []option
	Filtered                         bool // by more than the time
	Page                             history.Page
	First                            bool   // this is the newest page
	Live, Newest, Older              string // URLs; Live and Older may be empty
}

func (e Executions) read(ctx context.Context, r *http.Request) (executions, error) {
	form := r.URL.Query()
	c := executions{
		Text: form.Get("q"), First: form.Get("cursor") == "", Uploads: e.View.Stack.Bucket("uploads"),
	}
	q := history.Query{
		Status: history.Status(form.Get("status")), Verdict: job.Verdict(form.Get("verdict")),
		Lane: history.Lane(form.Get("lane")), Text: c.Text, Cursor: form.Get("cursor"),
	}
	known := true
	choose := func(value string, options ...option) []option {
		found := value == ""
		for i := range options {
			options[i].Chosen = options[i].Value == value
			found = found || options[i].Chosen
		}
		known = known && found
		return options
	}
	c.Statuses = choose(string(q.Status), option{Name: "Any status"},
		option{Value: string(history.Running), Name: "Running"}, option{Value: string(history.Succeeded), Name: "Succeeded"},
		option{Value: string(history.Failed), Name: "Failed"}, option{Value: string(history.TimedOut), Name: "Timed out"},
		option{Value: string(history.Aborted), Name: "Aborted"})
	c.Verdicts = choose(string(q.Verdict), option{Name: "Any verdict"},
		option{Value: string(job.Clean), Name: "Clean"}, option{Value: string(job.Infected), Name: "Infected"},
		option{Value: string(job.Unscannable), Name: "Unscannable"})
	c.Lanes = choose(string(q.Lane), option{Name: "Both lanes"},
		option{Value: string(history.Standard), Name: "Standard"}, option{Value: string(history.Express), Name: "Express"})
	span := form.Get("since")
	if span == "" {
		span = "24h"
	}
	var options []option
	for _, s := range spans {
		options = append(options, option{Value: s.name, Name: spanNames[s.name]})
		if s.name == span {
			q.Window.Since = time.Now().Add(-s.span)
		}
	}
	c.Spans = choose(span, options...)
	if !known {
		return c, view.Wrong("The address asks for a filter that the list does not have.")
	}
	c.Filtered = c.Text != "" || q.Status != "" || q.Verdict != "" || q.Lane != ""
	filters := []any{"q", c.Text, "status", q.Status, "verdict", q.Verdict, "lane", q.Lane, "since", form.Get("since")}
	c.Newest = view.Link("/executions", filters...)
	ctx, cancel := context.WithTimeout(ctx, executionsRead)
	defer cancel()
	page, err := e.Query(ctx, q)
	if errors.Is(err, history.ErrBadCursor) {
		return c, view.Wrong("The address has no place in the list: begin again with its newest page.")
	}
	if err != nil {
		return c, err
	}
	c.Page = page
	if page.Next != "" {
		c.Older = view.Link("/executions", append(filters, "cursor", page.Next)...)
	}
	if c.First {
		c.Live = view.Link("/executions/live", filters...)
	}
	return c, nil
}
