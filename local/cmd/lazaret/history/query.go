package history

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
)

const (
	// pageSize is how many rows a page has by default.
	pageSize = 50
	// mostRows is how many rows a page may have: each STANDARD one takes a request of its own, of which AWS answers some
	// ten a second.
	mostRows = 200
	// pageRequests bounds the requests to the log for one page. The page then has what was found, and the next one goes
	// on.
	pageRequests = 40
	// describedAtOnce is how many STANDARD executions are read at once.
	describedAtOnce = 8
)

// Query says which executions are wanted. The zero Query is the newest ones of the last 24 hours.
type Query struct {
	Status  Status      // empty for any
	Verdict job.Verdict // empty for any, and for none
	Text    string      // a part of the object's key or of the execution's name; or a whole name or ARN, of any time
	Lane    Lane        // empty for both
	Window  Window      // the zero Window is the last 24 hours
	Limit   int         // rows in a page; 0 for 50
	Cursor  string      // Next of the page before; empty for the first
}

// Row is one execution of a page.
type Row struct {
	Execution
	Object  job.Object  // zero if it is not known
	Verdict job.Verdict // empty if there is none
	Detail  string      // the signature, the reason of UNSCANNABLE, or the cause of a failure
}

// Page is a part of a list, the newest first.
type Page struct {
	Rows    []Row
	Next    string // the cursor of the next page; empty at the end
	Partial string // in words, what could not be looked at; empty if all was
}

// Query returns a page of executions of both lanes. It asks for no more than the page shows.
//
// Without Verdict and Text, executions are in the order of their starts. Step Functions lists those of STANDARD, and
// the log group of express executions has the others; with a Status other than RUNNING they are in the order of their
// ends there. With Verdict or Text, the functions' log has the names, in the order of its lines: of the verdict, or of
// the start (STANDARD) or end (EXPRESS). An execution whose start is lost in the log is not in a list, but List has it.
//
// An error about one lane or one log is in Partial, if the other has an answer. An error is returned if there is none.
func (r *Reader) Query(ctx context.Context, q Query) (Page, error) {
	at, err := decodeCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	q.Window = at.window(q.Window)
	if q.Limit <= 0 {
		q.Limit = pageSize
	}
	q.Limit = min(q.Limit, mostRows)
	q.Text = strings.TrimSpace(q.Text)
	switch {
	case nameOf(q.Text) != "":
		return r.queryName(ctx, q)
	case q.Verdict != "" || q.Text != "":
		return r.queryLog(ctx, q, at)
	}
	return r.queryList(ctx, q, at)
}

// wholeName is a name that job.Job.ExecutionName has made: it ends in a hash.
var wholeName = regexp.MustCompile(`^[0-9A-Za-z._-]{0,39}-[0-9a-f]{40}$`)

// nameOf returns the execution's name if a text is a whole name or an ARN.
func nameOf(text string) string {
	if strings.HasPrefix(text, "arn:") {
		return Name(text)
	}
	return wholeName.FindString(text)
}

// queryName returns the executions of one name.
func (r *Reader) queryName(ctx context.Context, q Query) (page Page, err error) {
	executions, err := r.FindName(ctx, nameOf(q.Text), q.Window)
	if err != nil && len(executions) == 0 {
		if errors.Is(err, ErrNotFound) {
			return Page{}, nil
		}
		return Page{}, err
	}
	page.note(err)
	for _, e := range executions {
		if row := newRow(e); row.fits(q) {
			page.Rows = append(page.Rows, row)
		}
	}
	return page, nil
}

// newRow reads what an execution says about its object.
func newRow(e Execution) Row {
	row := Row{Execution: e}
	for _, text := range []string{e.Input, e.Output} {
		var j job.Job
		if json.Unmarshal([]byte(text), &j) != nil || j.Object.Key == "" {
			continue
		}
		row.Object = j.Object
		if text == e.Output && j.Scan != nil { // an input may have the verdict of an earlier attempt
			row.Verdict = j.Scan.Verdict
			_, row.Detail, _ = strings.Cut(j.Scan.Outcome(), " ")
		}
	}
	if e.Status != Succeeded && row.Verdict == "" {
		row.Detail = job.Message(e.Cause)
		if e.Error != "" && e.Error != deadLettered {
			row.Detail = strings.TrimSuffix(e.Error+": "+row.Detail, ": ")
		}
	}
	return row
}

// fits reports whether a row is one that was asked for, as far as the search did not see to that.
func (r Row) fits(q Query) bool {
	return (q.Status == "" || r.Status == q.Status) && (q.Verdict == "" || r.Verdict == q.Verdict) &&
		(q.Lane == "" || r.Lane == q.Lane)
}

// note adds an error to what the page lacks. That the stack has no express executions is none.
func (p *Page) note(err error) {
	if err == nil || errors.Is(err, ErrNoExpress) {
		return
	}
	if p.Partial != "" {
		p.Partial += "; "
	}
	p.Partial += awsclient.Says(err)
}

// describeRows reads the STANDARD executions among these, some at a time. Those that could not be read stay as they
// are; the error is that of one of them.
func (r *Reader) describeRows(ctx context.Context, executions []Execution) error {
	var all errgroup.Group // without a common context: one failure does not end the others
	all.SetLimit(describedAtOnce)
	for i, e := range executions {
		if e.Lane != Standard {
			continue
		}
		all.Go(func() error {
			described, err := r.describe(ctx, e.ARN)
			if err == nil {
				executions[i] = described
			}
			return err
		})
	}
	return all.Wait()
}
