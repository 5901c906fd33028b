package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/job"
)

// longestText is how much of a text is in a filter pattern, in bytes: it is there twice. All of it is compared with
// what was found.
const longestText = 200

// functionLine is a line of a function about an execution: that of dispatch when it has started a STANDARD one or when
// an EXPRESS one has ended, or that of scan with the verdict.
type functionLine struct {
	Time      time.Time `json:"time"`
	Execution string    `json:"execution"` // the name
	Lane      string    `json:"lane"`      // set by dispatch for EXPRESS
	Function  string    `json:"function"`
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	VersionID string    `json:"versionId"`
	Outcome   string    `json:"outcome"` // of scan: the verdict, and its signature or reason
}

// anyTwice are two signs that stand for any characters, or more.
var anyTwice = regexp.MustCompile(`\*\*+`)

// comparison returns the filter pattern for the lines that a query wants. Characters that have a meaning there stand
// for any: what was found is compared again.
func (q Query) comparison() string {
	line := quoted("$.function", "dispatch") + " && " + quoted("$.execution", "*")
	if q.Verdict != "" {
		line = quoted("$.function", "scan") + " && " + quoted("$.outcome", string(q.Verdict)+"*")
	}
	if q.Text == "" {
		return line
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`"\*{}|&`, r) {
			return '*'
		}
		return r
	}, q.Text)
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "")
	}
	text = anyTwice.ReplaceAllString("*"+text+"*", "*")
	// && binds closer than ||.
	return line + " && " + quoted("$.key", text) + " || " + line + " && " + quoted("$.execution", text)
}

// wants reports whether a line is one that was asked for.
func (q Query) wants(l functionLine) bool {
	verdict, _, _ := strings.Cut(l.Outcome, " ")
	return l.Execution != "" && (q.Verdict == "" || verdict == string(q.Verdict)) &&
		(strings.Contains(l.Key, q.Text) || strings.Contains(l.Execution, q.Text))
}

// queryLog returns a page of executions that the functions' log names.
func (r *Reader) queryLog(ctx context.Context, q Query, from cursor) (page Page, err error) {
	if from.Log.Ended {
		return page, nil
	}
	left := pageRequests
	search := from.Log.search(filter{
		group: r.source.FunctionLog, comparison: q.comparison(), window: q.Window, limit: q.Limit, requests: &left,
	})
	var batch []functionLine
	pass := func() {
		page.note(r.addRows(ctx, q, batch, &left, &page))
		batch = nil
	}
	from.Log.Ended = true
	for text, err := range r.filter(ctx, search) {
		if err != nil {
			pass()
			from.Log.Ended = !from.Log.pause(err)
			if from.Log.Ended && len(page.Rows) == 0 {
				return Page{}, err
			}
			page.note(err)
			break
		}
		var l functionLine
		if json.Unmarshal([]byte(text), &l) != nil {
			continue // a line that only looks like one
		}
		ms := l.Time.UnixMilli()
		if !from.Log.past(ms, l.Execution) {
			continue
		}
		if len(page.Rows)+len(batch) == q.Limit {
			if pass(); len(page.Rows) >= q.Limit {
				from.Log.Ended = false
				break
			}
		}
		from.Log.take(ms, l.Execution)
		same := func(x functionLine) bool { return x.Execution == l.Execution }
		if q.wants(l) && !slices.ContainsFunc(batch, same) && !page.has(l.Execution) {
			batch = append(batch, l)
		}
	}
	pass()
	if !from.Log.Ended {
		page.Next = from.encode()
	}
	return page, nil
}

// has reports whether the page has an execution of this name.
func (p *Page) has(name string) bool {
	return slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Name == name })
}

// addRows adds the executions that lines name to the page: those of EXPRESS, and those of STANDARD unless an EXPRESS
// one has settled the job.
func (r *Reader) addRows(ctx context.Context, q Query, lines []functionLine, left *int, page *Page) error {
	if len(lines) == 0 {
		return nil
	}
	express, err := r.expressOf(ctx, q, lines, left)
	if errors.Is(err, ErrNoExpress) {
		err = nil
	}
	standard := make([]*Execution, len(lines))
	var all errgroup.Group
	all.SetLimit(describedAtOnce)
	for i, l := range lines {
		settled := slices.ContainsFunc(express[l.Execution], Execution.Settled)
		if q.Lane == Express || settled || l.Lane != "" && len(express[l.Execution]) > 0 {
			continue
		}
		all.Go(func() error {
			e, err := r.describe(ctx, executionARN(r.source.Standard, "execution", l.Execution))
			if err == nil {
				standard[i] = &e
			} else if errors.Is(err, ErrNotFound) {
				err = nil
			}
			return err
		})
	}
	err = errors.Join(err, all.Wait())
	for i, l := range lines {
		executions := express[l.Execution]
		if standard[i] != nil {
			executions = append([]Execution{*standard[i]}, executions...)
		}
		if len(executions) == 0 { // Step Functions has forgotten it, or its events have not arrived in the log yet
			executions = []Execution{{
				ARN:  executionARN(r.source.Standard, "execution", l.Execution),
				Name: l.Execution, Lane: Standard, Status: Unknown,
			}}
			if l.Lane != "" {
				executions[0].Lane = Express
			}
		}
		for _, e := range executions {
			if row := l.row(e); row.fits(q) {
				page.Rows = append(page.Rows, row)
			}
		}
	}
	return err
}

// row returns an execution with what the line says about it.
func (l functionLine) row(e Execution) Row {
	row := newRow(e)
	if row.Object.Key == "" {
		row.Object = job.Object{Bucket: l.Bucket, Key: l.Key, VersionID: l.VersionID}
	}
	if verdict, detail, _ := strings.Cut(l.Outcome, " "); row.Verdict == "" && l.Function == "scan" {
		row.Verdict = job.Verdict(verdict)
		if row.Detail == "" {
			row.Detail = detail
		}
	}
	return row
}

// expressOf returns the express executions of the names in lines, the newest first. Their events are near the lines.
func (r *Reader) expressOf(
	ctx context.Context, q Query, lines []functionLine, left *int,
) (map[string][]Execution, error) {
	if r.source.Express == "" || q.Lane == Standard {
		return nil, nil
	}
	var names []string
	window := Window{Since: lines[0].Time, Until: lines[0].Time}
	for _, l := range lines {
		names = append(names, tail(l.Execution))
		if l.Time.Before(window.Since) {
			window.Since = l.Time
		}
		if l.Time.After(window.Until) {
			window.Until = l.Time
		}
	}
	events := found{}
	err := r.lookUp(ctx, window, names, "*:*", left, func(e Event, arn string) { events.add(arn, e) })
	executions := map[string][]Execution{}
	for arn, byID := range events {
		e := summarize(arn, inOrder(byID))
		executions[e.Name] = append(executions[e.Name], e)
	}
	for _, all := range executions {
		slices.SortFunc(all, func(a, b Execution) int { return b.started().Compare(a.started()) })
	}
	if err != nil {
		return executions, fmt.Errorf("look up express executions: %w", err)
	}
	return executions, nil
}

// tail returns enough of a name's end to find it by: names end in a hash.
func tail(name string) string { return name[max(0, len(name)-16):] }
