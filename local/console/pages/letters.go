package pages

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// mostLetters is how many dead letters are read for the page. Reading hides them from others for as long as it takes,
// some five seconds for a thousand.
const mostLetters = 1000

// Letters are the dead letters as they were read.
type Letters struct {
	Groups  []*redrive.Group
	All     []redrive.Letter // with their causes, which those in Groups do not have, and without their bodies
	Count   int
	Remarks []string
	Partial bool // there are more than were read
}

// ReadLetters reads the dead letters. Who calls it lets no other reader at the queue meanwhile.
func ReadLetters(ctx context.Context, list func(
	context.Context, int, func(redrive.Letter) bool,
) (redrive.Result, error),
) (Letters, error) {
	var groups redrive.Groups
	var all []redrive.Letter
	result, err := list(ctx, mostLetters, func(l redrive.Letter) bool {
		groups.Add(l)
		l.Body = ""
		all = append(all, l)
		return true
	})
	return Letters{
		Groups: groups.Sorted(), All: all, Count: groups.Count, Remarks: result.Remarks(),
		Partial: groups.Count >= mostLetters,
	}, err
}

// DeadLetters is the page about the dead letters, and sends them back.
type DeadLetters struct {
	View    *view.View
	Read    *latest.Value[Letters]
	Redrive func(
		ctx context.Context, choose func(redrive.Letter) bool, progress func(redrive.Result),
	) (redrive.Result, error)
	Tasks   *task.Registry
	Reading *sync.Mutex // held while the queue is read: readers hide letters from each other
	Changed func()      // what other pages say about the letters is too old
}

var (
	lettersPage = parse("letters.html")
	redrivePage = parse("redrive.html")
)

const lettersEvery = 5 * time.Second

// Routes adds the pages.
func (d DeadLetters) Routes(mux *http.ServeMux) {
	mux.Handle("GET /dead-letters", d.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		c := newLetters(d.Read.Get(r.Context(), 3*patience))
		return d.View.Render(w, r, lettersPage, view.Page{Title: "Dead letters", Section: "/dead-letters", Content: c})
	}))
	mux.Handle("GET /dead-letters/live", d.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return d.View.Stream(w, r, lettersPage, "letters", lettersEvery, func(ctx context.Context) (any, bool, error) {
			return newLetters(d.Read.Get(ctx, time.Minute)), false, nil
		})
	}))
	mux.Handle("GET /dead-letters/redrive", d.View.Handler(d.ask))
	mux.Handle("POST /dead-letters/redrive", d.View.Handler(d.redrive))
}

// letters is the content of the page.
type letters struct {
	Ready   bool
	Trouble string
	Letters
	Shown []shownGroup
}

// shownGroup is a group, of which the page names some letters.
type shownGroup struct {
	*redrive.Group
	Number int // on the page
	Named  []redrive.Letter
	Back   bool // it can be sent back: dispatch can read it
}

// mostNamed is how many letters of a group the page names.
const mostNamed = 100

func newLetters(read latest.Reading[Letters]) letters {
	c := letters{Ready: !read.At.IsZero(), Letters: read.Value}
	if read.Err != nil {
		c.Trouble = awsclient.Says(read.Err)
	}
	for i, g := range c.Groups {
		c.Shown = append(c.Shown, shownGroup{
			Group: g, Number: i + 1, Named: g.Letters[:min(len(g.Letters), mostNamed)],
			Back: g.Error != redrive.NotUnderstood,
		})
	}
	return c
}

// choice is which letters are sent back.
type choice struct {
	All   bool
	Error string
	Match string
	IDs   []string
}

func newChoice(r *http.Request) (choice, error) {
	if err := r.ParseForm(); err != nil {
		return choice{}, view.Wrong("The form cannot be read.")
	}
	c := choice{All: r.Form.Get("all") != "", Error: r.Form.Get("error"), Match: r.Form.Get("match"), IDs: r.Form["id"]}
	n := 0
	for _, set := range []bool{c.All, c.Error != "", c.Match != "", len(c.IDs) > 0} {
		if set {
			n++
		}
	}
	if n != 1 {
		return c, view.Wrong("Choose which dead letters are sent back: all, those of one error, those that contain a " +
			"text, or some by their boxes.")
	}
	return c, nil
}

// has reports whether a letter is chosen. One that dispatch cannot read is sent back with all only, as by the command.
func (c choice) has(l redrive.Letter) bool {
	switch {
	case c.All:
		return true
	case l.Error == redrive.NotUnderstood:
		return false
	case c.Match != "":
		return l.Matches(c.Match)
	case c.Error != "":
		return l.Error == c.Error
	}
	return slices.Contains(c.IDs, l.MessageID)
}

// words says which letters are chosen, after "dead letters".
func (c choice) words() string {
	switch {
	case c.All:
		return "of every error"
	case c.Match != "":
		return fmt.Sprintf("whose error, cause, key or execution contains “%s”", view.Plain(c.Match))
	case c.Error != "":
		return "with the error " + view.Plain(c.Error)
	}
	return "that were chosen"
}

// mostAsked is how many letters the second step names.
const mostAsked = 50

// ask is the second step: it names what will be sent back.
func (d DeadLetters) ask(w http.ResponseWriter, r *http.Request) error {
	c, err := newChoice(r)
	if err != nil {
		return err
	}
	content := struct {
		choice
		Words   string
		Count   int
		Partial bool
		Letters []redrive.Letter
		Queue   string
	}{choice: c, Words: c.words(), Queue: d.View.Stack.Queue("rescans")}
	read := d.Read.Get(r.Context(), time.Minute)
	if read.Err != nil {
		return view.Problem{Status: http.StatusBadGateway, Says: "The dead letters could not be read.", Err: read.Err}
	}
	content.Partial = read.Value.Partial
	for _, l := range read.Value.All {
		if !c.has(l) {
			continue
		}
		if content.Count++; len(content.Letters) < mostAsked {
			content.Letters = append(content.Letters, l)
		}
	}
	return d.View.Render(w, r, redrivePage, view.Page{
		Title: "Send dead letters back", Section: "/dead-letters", Content: content,
	})
}

// redrive sends letters back.
func (d DeadLetters) redrive(w http.ResponseWriter, r *http.Request) error {
	c, err := newChoice(r)
	if err != nil {
		return err
	}
	title := "Send back dead letters " + c.words()
	id := d.Tasks.Start(title, "/dead-letters", func(ctx context.Context, t *task.Task) error {
		t.Say("Waiting until nobody else reads the queue …")
		d.Reading.Lock()
		defer d.Reading.Unlock()
		defer d.Changed()
		t.Say("Reading the queue …")
		result, err := d.Redrive(ctx, c.has, func(so redrive.Result) {
			t.Say("%s sent back, %d seen", redrive.Number(so.Redriven), so.Seen)
		})
		t.Say("%s sent back to %s, %d others seen and left", redrive.Number(result.Redriven),
			d.View.Stack.Queue("rescans"), result.Seen-result.Redriven)
		for _, f := range result.Failures {
			t.Add(task.Line{Mood: "failed", Text: nameOf(f.Letter) + ": " + f.Reason})
		}
		if result.InBoth > 0 {
			t.Add(task.Line{Mood: "not known", Text: redrive.Number(result.InBoth) +
				" sent back and not deleted, so they are in both queues; sending them back again does no harm"})
		}
		for _, remark := range result.Remarks() {
			t.Add(task.Line{Mood: "not known", Text: remark})
		}
		if err == nil && len(result.Failures) > 0 {
			err = fmt.Errorf("%s could not be sent back", redrive.Number(len(result.Failures)))
		}
		return err
	})
	return seeOther(w, r, "/tasks/"+id)
}

// nameOf names a letter by its object, or by its message.
func nameOf(l redrive.Letter) string {
	if len(l.Objects) == 0 {
		return "message " + l.MessageID
	}
	return l.Objects[0].Address()
}
