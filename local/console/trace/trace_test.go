package trace

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/graph"
)

var begin = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

// script makes events of lines, one a second: "in A", "try A", "ok A", "bad A Error", "out A", "end FAILED Error".
func script(lines ...string) (events []history.Event) {
	kinds := map[string]history.Kind{
		"in": history.Entered, "try": history.Attempted, "ok": history.AttemptSucceeded, "bad": history.AttemptFailed,
		"out": history.Left, "end": history.Ended, "begin": history.Began, "other": history.Other,
	}
	for i, line := range lines {
		words := append(strings.Fields(line), "", "")
		e := history.Event{ID: int64(i + 1), Time: at(i), Kind: kinds[words[0]], State: words[1], Error: words[2]}
		if e.Kind == history.Ended {
			e.State, e.Status = "", history.Status(words[1])
		}
		if e.Error != "" {
			e.Cause = "why " + e.Error
		}
		if e.Kind == history.Entered || e.Kind == history.Left {
			e.Data = `"` + line + `"`
		}
		events = append(events, e)
	}
	return events
}

func TestRead(t *testing.T) {
	t.Parallel()
	type ways = map[graph.Way]bool
	for name, c := range map[string]struct {
		events  []history.Event
		status  history.Status
		want    []Visit
		ways    ways
		notable string
	}{
		"nothing yet": {script("begin"), history.Running, nil, ways{}, ""},
		"a success": {
			script("in A", "try A", "other A", "ok A", "out A", "in B", "out B", "end SUCCEEDED"), history.Succeeded,
			[]Visit{
				{
					State: "A", Number: 1, Entered: at(0), Left: at(4), Input: `"in A"`, Output: `"out A"`, Status: graph.Succeeded,
					Attempts: []Attempt{{Number: 1, Begun: at(1), Ended: at(3)}},
				},
				{State: "B", Number: 1, Entered: at(5), Left: at(6), Input: `"in B"`, Output: `"out B"`, Status: graph.Succeeded},
			},
			ways{{From: "A", To: "B"}: true},
			"B",
		},
		"retries that helped": {
			script("in A", "try A", "bad A X", "try A", "ok A", "out A"), history.Running,
			[]Visit{{
				State: "A", Number: 1, Entered: at(0), Left: at(5), Input: `"in A"`, Output: `"out A"`, Status: graph.Retried,
				Attempts: []Attempt{
					{Number: 1, Begun: at(1), Ended: at(2), Error: "X", Cause: "why X"}, {Number: 2, Begun: at(3), Ended: at(4)},
				},
			}},
			ways{},
			"A",
		},
		"a retry that runs": {
			script("in A", "try A", "bad A X", "try A"), history.Running,
			[]Visit{{
				State: "A", Number: 1, Entered: at(0), Input: `"in A"`, Error: "X", Cause: "why X", Status: graph.Retrying,
				Attempts: []Attempt{{Number: 1, Begun: at(1), Ended: at(2), Error: "X", Cause: "why X"}, {Number: 2, Begun: at(3)}},
			}},
			ways{},
			"A",
		},
		"a Catch": {
			script("in A", "try A", "bad A X", "out A", "in B", "end FAILED Y"), history.Failed,
			[]Visit{
				{
					State: "A", Number: 1, Entered: at(0), Left: at(3), Input: `"in A"`, Output: `"out A"`, Error: "X", Cause: "why X",
					Status: graph.Caught, Attempts: []Attempt{{Number: 1, Begun: at(1), Ended: at(2), Error: "X", Cause: "why X"}},
				},
				{
					State: "B", Number: 1, Entered: at(4), Left: at(5), Input: `"in B"`, Error: "Y", Cause: "why Y",
					Status: graph.Failed,
				},
			},
			ways{{From: "A", To: "B", Caught: true}: true},
			"A",
		},
		"a failure that nothing catches": {
			script("in A", "try A", "bad A X", "end FAILED X"), history.Failed,
			[]Visit{{
				State: "A", Number: 1, Entered: at(0), Left: at(3), Input: `"in A"`, Error: "X", Cause: "why X",
				Status: graph.Failed, Attempts: []Attempt{{Number: 1, Begun: at(1), Ended: at(2), Error: "X", Cause: "why X"}},
			}},
			ways{},
			"A",
		},
		"an execution that was stopped": {
			script("in A", "try A", "end ABORTED"), history.Aborted,
			[]Visit{{
				State: "A", Number: 1, Entered: at(0), Left: at(2), Input: `"in A"`, Status: graph.Stopped,
				Attempts: []Attempt{{Number: 1, Begun: at(1), Ended: at(2)}},
			}},
			ways{},
			"A",
		},
		"an execution whose end is not known": {
			script("in A"), history.Unknown,
			[]Visit{{State: "A", Number: 1, Entered: at(0), Input: `"in A"`, Status: graph.Stopped}},
			ways{},
			"A",
		},
		"a state again": {
			script("in A", "out A", "in B", "out B", "in A"), history.Running,
			[]Visit{
				{State: "A", Number: 1, Entered: at(0), Left: at(1), Input: `"in A"`, Output: `"out A"`, Status: graph.Succeeded},
				{State: "B", Number: 1, Entered: at(2), Left: at(3), Input: `"in B"`, Output: `"out B"`, Status: graph.Succeeded},
				{State: "A", Number: 2, Entered: at(4), Input: `"in A"`, Status: graph.Running},
			},
			ways{{From: "A", To: "B"}: true, {From: "B", To: "A"}: true},
			"A",
		},
		"a log that lost events": {
			script("ok A", "out A", "try B", "bad B"), history.Running,
			[]Visit{
				{
					State: "A", Number: 1, Left: at(1), Output: `"out A"`, Status: graph.Succeeded,
					Attempts: []Attempt{{Number: 1, Ended: at(0)}},
				},
				{
					State: "B", Number: 1, Status: graph.Retrying, Error: "TaskFailed",
					Attempts: []Attempt{{Number: 1, Begun: at(2), Ended: at(3), Error: "TaskFailed"}},
				},
			},
			ways{},
			"B",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range c.events {
				if c.events[i].Kind == history.AttemptFailed {
					c.events[i].Type = "TaskFailed"
				}
			}
			got := Read(c.events, c.status)
			if diff := cmp.Diff(c.want, got.Visits, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("visits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.ways, got.Ways()); diff != "" {
				t.Errorf("ways (-want +got):\n%s", diff)
			}
			if got.Notable() != c.notable {
				t.Errorf("got the notable state %q, want %q", got.Notable(), c.notable)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	got := Read(script("in A", "try A", "bad A X", "try A", "ok A", "out A", "in B", "out B", "in A"), history.Running)
	want := map[string]graph.Mark{
		"A": {Status: graph.Running, Note: "2.00 s, visit 2"}, "B": {Status: graph.Succeeded, Note: "1.00 s"},
	}
	if diff := cmp.Diff(want, got.Marks(at(10))); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	got = Read(script("in A", "try A", "bad A X", "try A"), history.Running)
	want = map[string]graph.Mark{"A": {Status: graph.Retrying, Note: "9.00 s, 2 attempts"}}
	if diff := cmp.Diff(want, got.Marks(at(9))); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	v := Read(script("in A", "try A", "bad A X", "other", "try A", "bad A X"), history.Running).Visits[0]
	if got := []time.Duration{v.Waits(0, at(9)), v.Waits(1, at(9))}; got[0] != 2*time.Second || got[1] != 4*time.Second {
		t.Errorf("got the pauses %v, want 2 s, and 4 s until now", got)
	}
}
