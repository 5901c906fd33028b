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

// details are the part of an event that depends on its type. They must not be changed once recorded.
type details map[string]any

// event is one entry of an execution's history.
type event struct {
	ID, Previous int64
	At           time.Time
	Type         string
	Details      details
}

func (e event) json() map[string]any {
	field := strings.ToLower(e.Type[:1]) + e.Type[1:]
	for _, shared := range []string{"StateEntered", "StateExited"} { // all types of states have these details
		if strings.HasSuffix(e.Type, shared) {
			field = "s" + shared[1:]
		}
	}
	return map[string]any{
		"id":                   e.ID,
		"previousEventId":      e.Previous,
		"timestamp":            epoch(e.At),
		"type":                 e.Type,
		field + "EventDetails": e.Details,
	}
}

// epoch is a timestamp of the API: seconds, with milliseconds as decimals.
func epoch(t time.Time) json.Number {
	ms := t.UnixMilli()
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

// complete marks data as whole. The API never shortens data of Standard workflows.
var complete = map[string]any{"truncated": false}

// withError returns the details of failure events. The API leaves empty members out.
func withError(f *failure) details {
	d := details{"error": f.name, "cause": f.cause}
	maps.DeleteFunc(d, func(_ string, text any) bool { return text == "" })
	return d
}

// text returns a member of the details; a missing one is empty.
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

// record appends an event and returns its id. A full history ends the execution, so that a machine whose states lead in
// a circle does not fill the disk.
func (x *execution) record(kind string, d details) int64 {
	x.count++
	x.pending = append(x.pending, event{ID: x.count, Previous: x.last, At: x.service.now(x.name), Type: kind, Details: d})
	if x.last = x.count; x.count == 1 {
		x.last = 0 // so it is on AWS: the first state's event follows number 0 and not ExecutionStarted
	}
	if x.count == mostEvents-1 && !x.machine.Express {
		x.cancel(errHistoryFull)
	}
	return x.count
}

// mostPending bounds the events of a machine that never waits.
const mostPending = 100

// flush stores the events that were recorded since the last flush, in one transaction with change, which may run more
// than once and may record events. It is called before every wait, so that GetExecutionHistory answers all events.
// While the store cannot be written, because the disk is full, the execution waits. Events of an Express execution go
// to its log after the transaction.
func (x *execution) flush(change func(tx *bbolt.Tx) error) error {
	if x.machine.Express && change == nil {
		x.publish()
		return nil
	}
	before := x.tail
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		if x.service.ctx.Err() != nil {
			return errClosed
		}
		err := x.service.config.Store.Update(func(tx *bbolt.Tx) error {
			x.tail = before
			if change != nil {
				if err := change(tx); err != nil {
					return err
				}
			}
			if len(x.pending) == 0 || x.machine.Express {
				return nil
			}
			return x.machine.archive(tx).addEvents(x.number, x.pending)
		})
		if err == nil {
			x.publish()
			return nil
		}
		x.service.report(err)
		pause(x.service.ctx, wait)
	}
}

// report warns that executions wait for the store.
func (s *Service) report(err error) {
	if s.mayWarn() {
		slog.Warn("executions wait until the store can be written", "error", err)
	}
}

// mayWarn is true at most every ten seconds.
func (s *Service) mayWarn() bool {
	const pause = 10 * time.Second
	last, at := s.warned.Load(), time.Now().UnixNano()
	return at-last > int64(pause) && s.warned.CompareAndSwap(last, at)
}
