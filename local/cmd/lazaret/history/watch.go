package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// gapPatience is how long a Watch waits for events of an express execution that are missing between others. The
	// log gets events in any order, and may have lost some.
	gapPatience = 10 * time.Second
	// arrival is how late the log may get an event, and by how much AWS's clock and this computer's may differ.
	arrival = 2 * time.Minute
)

// Watch follows the executions of one name while they run. A job may have several: an express execution that did not
// settle it is followed by another one, or by a STANDARD one. It is not for concurrent use.
type Watch struct {
	reader  *Reader
	name    string
	current Execution // as far as its events were returned

	standard standardHistory

	since   time.Time // of the search in the log
	events  found     // of the log
	shown   int64     // id of the last event of the current express execution that was returned
	missing time.Time // since when an event before others has been missing
}

// Watch returns a Watch of the executions with a name that started at this time or later.
func (r *Reader) Watch(name string, since time.Time) *Watch {
	return &Watch{
		reader: r, name: name, since: since.Add(-arrival), events: found{},
		standard: standardHistory{arn: executionARN(r.source.Standard, "execution", name)},
	}
}

// Look asks once, and returns the execution that runs or ran last, with those of its events that no earlier call has
// returned. Before one has started, the error is an ErrNotFound; it is an ErrRefused too if the caller may not look at
// the log group, where one may have started. If the execution is another one than before, its events begin with the
// first. The caller pauses between two calls, and ends when the execution is Settled.
func (w *Watch) Look(ctx context.Context) (Execution, []Event, error) {
	events, notStandard := w.standard.read(ctx, w.reader.states)
	if notStandard == nil {
		if w.current.ARN != w.standard.arn {
			w.current = summarize(w.standard.arn, nil)
		}
		for _, e := range events {
			w.current.apply(e)
		}
		return w.current, events, nil
	}
	if !errors.Is(notStandard, ErrNotFound) {
		return w.current, nil, notStandard
	}
	err := w.search(ctx)
	switch {
	case err == nil && len(w.events) == 0, errors.Is(err, ErrNoExpress):
		return w.current, nil, notStandard
	case errors.Is(err, ErrRefused):
		return w.current, nil, fmt.Errorf("%w; %w", notStandard, err)
	case err != nil:
		return w.current, nil, err
	}
	return w.current, w.fresh(w.choose()), nil
}

// search adds what the log has got about express executions of the name.
func (w *Watch) search(ctx context.Context) error {
	began := time.Now()
	arns := executionARN(w.reader.source.Express, "express", w.name+":*")
	events, err := w.reader.search(ctx, quoted("$.execution_arn", arns), Window{Since: w.since})
	if err != nil {
		return err
	}
	for arn, byID := range events {
		for _, e := range byID {
			w.events.add(arn, e)
		}
	}
	if since := began.Add(-arrival); since.After(w.since) { // what is older has arrived
		w.since = since
	}
	return nil
}

// choose returns the events of the express execution that settled the job, or else of the newest, in their order.
func (w *Watch) choose() (arn string, events []Event) {
	var best Execution
	for arn, byID := range w.events {
		inOrder := inOrder(byID)
		x := summarize(arn, inOrder)
		if events == nil || x.Settled() && !best.Settled() ||
			x.Settled() == best.Settled() && x.started().After(best.started()) {
			best, events = x, inOrder
		}
	}
	return best.ARN, events
}

// fresh returns those events of an execution that were not returned yet, up to the first that is missing. After a time
// it no longer waits for that one.
func (w *Watch) fresh(arn string, events []Event) []Event {
	if arn != w.current.ARN {
		w.current, w.shown, w.missing = summarize(arn, nil), 0, time.Time{}
	}
	events = slices.DeleteFunc(events, func(e Event) bool { return e.ID <= w.shown })
	whole := 0
	for whole < len(events) && events[whole].ID == w.shown+int64(whole)+1 {
		whole++
	}
	switch {
	case whole == len(events):
		w.missing = time.Time{}
	case w.missing.IsZero():
		w.missing = time.Now()
	}
	if !w.missing.IsZero() && time.Since(w.missing) < gapPatience {
		events = events[:whole]
	}
	for _, e := range events {
		w.shown = e.ID
		w.current.apply(e)
	}
	w.current = w.current.withoutEnd()
	return events
}
