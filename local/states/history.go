package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// mostEvents is the service quota "Maximum execution history size".
const mostEvents = 25_000

var errHistoryFull = errors.New("the execution reached the maximum number of history events (25000)")

// details are the type-specific part of an event. Values are shared between
// events and must not be changed.
type details map[string]any

// event is one entry of an execution's history.
type event struct {
	id, previous int64
	at           time.Time
	kind         string
	field        string // the member that holds details, "" for none
	details      details
}

// dataMembers are what includeExecutionData=false leaves out.
var dataMembers = []string{"input", "inputDetails", "output", "outputDetails", "parameters"}

func (e event) json(includeData bool) map[string]any {
	out := map[string]any{"id": e.id, "previousEventId": e.previous, "timestamp": epoch(e.at), "type": e.kind}
	if e.field == "" {
		return out
	}
	d := details{}
	for k, v := range e.details {
		d[k] = v
	}
	if !includeData {
		for _, name := range dataMembers {
			delete(d, name)
		}
	}
	out[e.field] = d
	return out
}

// epoch is a timestamp of the API: seconds, with milliseconds as decimals.
func epoch(t time.Time) json.Number {
	ms := t.UnixMilli()
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

// complete marks data that the API did not shorten. It never does for Standard
// workflows; the member is there because the type has it.
var complete = map[string]any{"truncated": false}

func withInput(name, text string) details {
	return details{"name": name, "input": text, "inputDetails": complete}
}

func withOutput(name, text string) details {
	return details{"name": name, "output": text, "outputDetails": complete}
}

// withError is what every kind of failure event holds.
func withError(f *failure) details {
	d := details{}
	f.describe(d)
	return d
}

// record appends an event and returns its id. A full history ends the execution:
// a machine that goes round in circles must not fill the memory.
func (x *execution) record(previous int64, kind, field string, d details) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := event{id: int64(len(x.history)) + 1, previous: previous, at: now(), kind: kind, field: field, details: d}
	x.history = append(x.history, e)
	for _, v := range d {
		if s, ok := v.(string); ok {
			x.size += len(s)
		}
	}
	x.size += 256 // about what an event takes without its strings
	if e.id == mostEvents-1 {
		x.cancel(errHistoryFull)
	}
	return e.id
}

// record appends an event that follows the frame's last one and becomes it.
func (f *frame) record(kind, field string, d details) int64 {
	f.last = f.x.record(f.last, kind, field, d)
	return f.last
}

// aside appends an event that the next one does not follow, as AWS places the
// Succeeded of a Parallel or Map and the Aborted and Failed of what ended inside.
func (f *frame) aside(kind, field string, d details) {
	f.x.record(f.last, kind, field, d)
}
