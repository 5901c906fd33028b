package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// mostEvents is the service quota "Maximum execution history size".
const mostEvents = 25_000

var errHistoryFull = errors.New("the execution reached the maximum number of history events (25000)")

// details are the type-specific part of an event. They must not be changed once
// recorded.
type details map[string]any

// event is one entry of an execution's history, as it is stored.
type event struct {
	ID, Previous int64
	At           time.Time
	Type         string
	Details      details
}

func (e event) json() map[string]any {
	field := strings.ToLower(e.Type[:1]) + e.Type[1:]
	for _, shared := range []string{"StateEntered", "StateExited"} { // one type of details for all types of states
		if strings.HasSuffix(e.Type, shared) {
			field = "s" + shared[1:]
		}
	}
	return map[string]any{
		"id": e.ID, "previousEventId": e.Previous, "timestamp": epoch(e.At), "type": e.Type, field + "EventDetails": e.Details,
	}
}

// epoch is a timestamp of the API: seconds, with milliseconds as decimals.
func epoch(t time.Time) json.Number {
	ms := t.UnixMilli()
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

// complete marks data that the API did not shorten. It never does for Standard
// workflows; the member is there because the type has it.
var complete = map[string]any{"truncated": false}

// withError is what every kind of failure event holds. The API leaves the member
// of an empty one out.
func withError(f *failure) details {
	d := details{"error": f.name, "cause": f.cause}
	maps.DeleteFunc(d, func(_ string, text any) bool { return text == "" })
	return d
}

// text gives a member of the details, an empty one when it is not there.
func (e event) text(member string) string {
	text, _ := e.Details[member].(string)
	return text
}

// tail is the end of an execution's history.
type tail struct {
	count   int64   // of all events
	last    int64   // id of the event that the next one follows
	pending []event // not yet stored
}

// record appends an event that follows the one before it and returns its id. A
// full history ends the execution: a machine that goes round in circles must not
// fill the disk.
func (x *execution) record(kind string, d details) int64 {
	x.count++
	x.pending = append(x.pending, event{ID: x.count, Previous: x.last, At: now(), Type: kind, Details: d})
	if x.last = x.count; x.count == 1 {
		x.last = 0 // the first state's event follows number 0, not ExecutionStarted: so it is on AWS
	}
	if x.count == mostEvents-1 {
		x.cancel(errHistoryFull)
	}
	return x.count
}

// mostPending bounds the events of a machine that never waits.
const mostPending = 100

// flush stores what has been recorded since the last time, in one transaction
// with what change does, which may run more than once and may record events of
// its own. It is called before everything that takes time, so that those who ask
// for the history see all of it. While the store cannot be written, because the
// disk is full, the execution waits.
func (x *execution) flush(change func(tx *bbolt.Tx, a archive) error) error {
	before := x.tail
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		if x.service.ctx.Err() != nil {
			return errClosed
		}
		err := x.service.config.Store.Update(func(tx *bbolt.Tx) error {
			x.tail = before
			a := x.machine.archive(tx)
			if change != nil {
				if err := change(tx, a); err != nil {
					return err
				}
			}
			if len(x.pending) == 0 {
				return nil
			}
			return a.addEvents(x.number, x.pending)
		})
		if err == nil {
			x.pending = nil
			return nil
		}
		x.service.report(err)
		pause(x.service.ctx, wait)
	}
}

// report tells, now and then, that executions wait for the store.
func (s *Service) report(err error) {
	const often = 10 * time.Second
	last, at := s.told.Load(), time.Now().UnixNano()
	if at-last > int64(often) && s.told.CompareAndSwap(last, at) {
		slog.Warn("executions wait until the store can be written", "error", err)
	}
}
