package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// mostEvents is the service quota "Maximum execution history size".
const mostEvents = 25_000

var errHistoryFull = errors.New("the execution reached the maximum number of history events (25000)")

// details are the type-specific part of an event. They must not be changed once
// recorded.
type details map[string]any

// event is one entry of an execution's history.
type event struct {
	id, previous int64
	at           time.Time
	kind         string
	details      details
}

func (e event) json() map[string]any {
	field := strings.ToLower(e.kind[:1]) + e.kind[1:]
	for _, shared := range []string{"StateEntered", "StateExited"} { // one type of details for all types of states
		if strings.HasSuffix(e.kind, shared) {
			field = "s" + shared[1:]
		}
	}
	return map[string]any{
		"id": e.id, "previousEventId": e.previous, "timestamp": epoch(e.at), "type": e.kind, field + "EventDetails": e.details,
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

// withError is what every kind of failure event holds.
func withError(f *failure) details {
	d := details{}
	f.describe(d)
	return d
}

// record appends an event that follows the one before it and returns its id. A
// full history ends the execution: a machine that goes round in circles must not
// fill the memory.
func (x *execution) record(kind string, d details) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := event{id: int64(len(x.history)) + 1, previous: x.last, at: now(), kind: kind, details: d}
	x.history = append(x.history, e)
	if x.last = e.id; e.id == 1 {
		x.last = 0 // the first state's event follows number 0, not ExecutionStarted: so it is on AWS
	}
	if e.id == mostEvents-1 {
		x.cancel(errHistoryFull)
	}
	return e.id
}
