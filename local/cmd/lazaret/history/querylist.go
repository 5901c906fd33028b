package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// taken is an execution of a list, and how the list goes on after it.
type taken struct {
	Execution
	token string // of the page of ListExecutions that it is on
	size  int32  // of that page
	at    int64  // time of the event by which it was found, in Unix ms
	skip  bool   // it has another status than the one that was asked for
}

// queryList returns a page of executions that are chosen by their status and their time alone.
func (r *Reader) queryList(ctx context.Context, q Query, from cursor) (page Page, err error) {
	none := func(func(taken, error) bool) {}
	standard, express := iter.Seq2[taken, error](none), iter.Seq2[taken, error](none)
	if q.Lane != Express && q.Status != Unknown && !from.Standard.Ended {
		standard = r.standardAfter(ctx, q, from.Standard)
	}
	if q.Lane != Standard && !from.Log.Ended {
		express = r.expressAfter(ctx, q, from.Log)
	}
	nextStandard, stopStandard := iter.Pull2(standard)
	defer stopStandard()
	nextExpress, stopExpress := iter.Pull2(express)
	defer stopExpress()
	a, errA, moreA := nextStandard()
	b, errB, moreB := nextExpress()
	var executions []Execution
	paused := false
	for len(executions) < q.Limit && (moreA || moreB) && !paused {
		switch {
		case moreA && errA != nil:
			page.note(errA)
			err = errors.Join(err, errA)
			moreA = false
		case moreB && errB != nil:
			page.note(errB)
			if paused = from.Log.pause(errB); paused {
				continue
			}
			if !errors.Is(errB, ErrNoExpress) {
				err = errors.Join(err, errB)
			}
			moreB = false
		case moreA && (!moreB || a.at >= b.at):
			from.Standard.take(a.at, a.ARN)
			from.Standard.Token, from.Standard.Size = a.token, a.size
			executions = append(executions, a.Execution)
			a, errA, moreA = nextStandard()
		default:
			from.Log.take(b.at, b.ARN)
			if !b.skip {
				executions = append(executions, b.Execution)
			}
			b, errB, moreB = nextExpress()
		}
	}
	from.Standard.Ended, from.Log.Ended = !moreA, !moreB
	if len(executions) == 0 && err != nil {
		return Page{}, err
	}
	page.note(r.describeRows(ctx, executions))
	for _, e := range executions {
		page.Rows = append(page.Rows, newRow(e))
	}
	if !from.Standard.Ended || !from.Log.Ended {
		page.Next = from.encode()
	}
	return page, nil
}

// standardAfter lists STANDARD executions after a place. Step Functions cannot be asked for those before a time: what
// is newer is read a thousand at a time.
func (r *Reader) standardAfter(ctx context.Context, q Query, p place) iter.Seq2[taken, error] {
	in := &sfn.ListExecutionsInput{
		StateMachineArn: &r.source.Standard, StatusFilter: types.ExecutionStatus(q.Status),
		MaxResults: int32(q.Limit), //nolint:gosec // at most mostRows
	}
	switch {
	case p.Token != "":
		in.NextToken, in.MaxResults = aws.String(p.Token), p.Size
	case p.At == 0 && time.Since(q.Window.Until) > 0:
		in.MaxResults = 1000
	}
	return func(yield func(taken, error) bool) {
		for range mostRequests {
			out, err := r.states.ListExecutions(ctx, in)
			if err != nil {
				yield(taken{}, standardError(err, "list the executions of "+r.source.Standard, "states:ListExecutions"))
				return
			}
			items := p.after(out.Executions)
			for _, item := range items {
				x := taken{Execution: standardItem(item), token: aws.ToString(in.NextToken), size: in.MaxResults}
				x.at = x.Started.UnixMilli()
				if x.Started.Before(q.Window.Since) {
					return
				}
				if !x.Started.After(q.Window.Until) && !yield(x, nil) {
					return
				}
			}
			if len(items) > 0 {
				p = place{}
			}
			if out.NextToken == nil {
				return
			}
			in.NextToken = out.NextToken
		}
		yield(taken{}, fmt.Errorf("list the executions of %s: none before %s after %d requests; choose a later time",
			r.source.Standard, q.Window.Until.UTC().Format(time.DateTime), mostRequests))
	}
}

// after returns those of a page of ListExecutions that come after the place. What has started since may have moved the
// last execution that was taken to a later page; or it has another status by now, and is not in the list.
func (p place) after(items []types.ExecutionListItem) []types.ExecutionListItem {
	if p.At == 0 || len(p.Taken) == 0 || len(items) == 0 {
		return items
	}
	last := p.Taken[len(p.Taken)-1]
	for i, item := range items {
		if aws.ToString(item.ExecutionArn) == last {
			return items[i+1:]
		}
	}
	if aws.ToTime(items[len(items)-1].StartDate).UnixMilli() > p.At {
		return nil // all of them are newer
	}
	return slices.DeleteFunc(slices.Clone(items), func(item types.ExecutionListItem) bool {
		return !p.past(aws.ToTime(item.StartDate).UnixMilli(), aws.ToString(item.ExecutionArn))
	})
}

// expressAfter lists express executions after a place. Some lines of the log name them, and others are looked up for
// those alone: those of a whole page at once.
func (r *Reader) expressAfter(ctx context.Context, q Query, p place) iter.Seq2[taken, error] {
	return func(yield func(taken, error) bool) {
		if r.source.Express == "" {
			return
		}
		window := q.Window
		if q.Status == Running {
			if oldest := time.Now().Add(-longestExpress - arrival); window.Since.Before(oldest) {
				window.Since = oldest
			}
		}
		left := pageRequests
		lines := r.filter(ctx, p.search(filter{
			group: r.source.ExpressLog, comparison: quoted("$.type", anchor(q.Status)), window: window, limit: q.Limit,
			requests: &left,
		}))
		var batch []taken
		pass := func() bool {
			err := r.complete(ctx, batch, &left)
			for _, x := range batch {
				x.skip = q.Status != "" && x.Status != q.Status
				if !yield(x, nil) {
					return false
				}
			}
			batch = nil
			if err != nil {
				yield(taken{}, err)
			}
			return err == nil
		}
		seen := map[string]bool{} // the log may have a line twice
		for line, err := range lines {
			var e Event
			var arn string
			if err == nil {
				e, arn, err = decode(line)
			}
			if err != nil {
				if pass() {
					yield(taken{}, err)
				}
				return
			}
			if at := e.Time.UnixMilli(); p.past(at, arn) && !seen[arn] {
				seen[arn] = true
				x := taken{Execution: Execution{ARN: arn, Name: Name(arn), Lane: Express, Status: Running}, at: at}
				x.apply(e)
				batch = append(batch, x)
			}
			if len(batch) == q.Limit && !pass() {
				return
			}
		}
		pass()
	}
}

// anchor is the type of the events by which express executions of a status are found.
func anchor(s Status) string {
	for name, status := range ends {
		if status == s {
			return name
		}
	}
	return "ExecutionStarted"
}
