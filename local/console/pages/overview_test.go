package pages

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/numbers"
)

// counted are numbers of a day: the last hour has one of each outcome.
func counted() numbers.Numbers {
	n := numbers.Numbers{LastHour: numbers.Counts{CameIn: 5, Clean: 1, Infected: 1, Unscannable: 1, Failed: 1}}
	n.LastDay = n.LastHour
	n.LastDay.Clean = 1234
	begin := time.Date(2026, 11, 29, 10, 30, 0, 0, time.UTC)
	for i := range 24 {
		n.Hours = append(n.Hours, numbers.Hour{Begins: begin.Add(time.Duration(i) * time.Hour)})
	}
	n.Hours[23].Counts = n.LastHour
	return n
}

// While another page reads the dead letters, the overview says of when it is.
func TestOverviewOld(t *testing.T) {
	t.Parallel()
	report := status.Report{Time: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), Next: "nothing to do"}
	page := Overview{
		View: site(), Status: fixed(t, report, errors.New("busy")), Numbers: fixed(t, counted(), nil),
	}
	_, body := get(t, page, "/")
	wants(t, body, "could not be looked at since 2026-11-30 09:00:00: busy", "nothing to do")
	page.Status = fixed(t, status.Report{}, errors.New("busy"))
	_, body = get(t, page, "/")
	wants(t, body, "could not be looked at: busy", "Looking at the stack")
}

func TestOverview(t *testing.T) {
	t.Parallel()
	oldest := int64(130)
	wrong := status.Report{
		Wrong: true, Next: "lazaret dead-letters list --stack-name ward",
		Uploads: status.Queue{Answer: status.Answer{State: status.OK}, Waiting: 3, Oldest: &oldest},
		DeadLetters: status.DeadLetters{Answer: status.Answer{
			State: status.Wrong, Says: "7: " + hostileKey, Do: "lazaret dead-letters list",
		}, Count: 7},
	}
	for name, test := range map[string]struct {
		report status.Report
		counts numbers.Numbers
		err    error
		want   []string
	}{
		"wrong": {wrong, counted(), nil, []string{
			"7 dead letters wait", "lazaret dead-letters list --stack-name ward", `href="/dead-letters"`, "1\u2009234 in 24 hours",
			"the oldest for 2 min", `\u202e`, "<svg class=\"chart\"", "24 hours",
		}},
		"fine": {status.Report{Next: "nothing to do"}, counted(), nil, []string{"Nothing is wrong", "nothing to do"}},
		"without numbers": {status.Report{}, numbers.Numbers{}, errors.New("may not: " + hostileKey), []string{
			"may not", "not known", "Not known.",
		}},
		"nothing yet": {status.Report{}, numbers.Numbers{Hours: make([]numbers.Hour, 24)}, nil, []string{"Nothing was scanned"}},
	} {
		page := Overview{
			View: site(), Status: fixed(t, test.report, nil), Numbers: fixed(t, test.counts, test.err),
		}
		code, body := get(t, page, "/")
		if code != 200 {
			t.Errorf("%s: got %d", name, code)
		}
		wants(t, body, test.want...)
	}
}

// While the status is not known yet, the page says so, and says nothing about the stack.
func TestOverviewLoading(t *testing.T) {
	t.Parallel()
	page := Overview{
		View: site(), Numbers: fixed(t, counted(), nil),
		Status: latest.New(t.Context(), time.Hour, func(ctx context.Context) (status.Report, error) {
			<-ctx.Done()
			return status.Report{}, nil
		}),
	}
	_, body := get(t, page, "/")
	wants(t, body, "Looking at the stack", `aria-busy="true"`)
	if strings.Contains(body, "is wrong") {
		t.Error("the page says how the stack is before it is known")
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	wrong := status.Answer{State: status.Wrong}
	for want, r := range map[string]status.Report{
		"":                                       {},
		"It is not known whether all is well":    {Wrong: true},
		"1 upload waits too long, 2 alarms ring": {Wrong: true, Uploads: status.Queue{Answer: wrong, Waiting: 1}, Alarms: status.Alarms{Answer: wrong, Ringing: []string{"a", "b"}}},
		"Definitions are not up to date, 1 dead letter waits": {Wrong: true, Definitions: status.Definitions{Answer: wrong}, DeadLetters: status.DeadLetters{Answer: wrong, Count: 1}},
	} {
		if got := headline(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]next{
		"nothing to do":                      {Text: "nothing to do"},
		"lazaret dead-letters list":          {"lazaret dead-letters list", true, "/dead-letters", "Dead letters"},
		"lazaret definitions update":         {"lazaret definitions update", true, "/definitions", "Definitions"},
		"lazaret reconcile --stack-name x":   {Text: "lazaret reconcile --stack-name x", Command: true},
		"read about the alarm: docs/x.md#y":  {Text: "read about the alarm: docs/x.md#y"},
		"ask for the permission sqs:Receive": {Text: "ask for the permission sqs:Receive"},
	} {
		if got := nextOf(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestRoundUp(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]float64{
		0: 0, 1: 2, 2: 2, 3: 4, 9: 10, 11: 20, 39: 40, 101: 200, 999: 1000, 1001: 2000,
	} {
		if got := roundUp(n); got != want {
			t.Errorf("%g: got %g, want %g", n, got, want)
		}
	}
}

func TestChart(t *testing.T) {
	t.Parallel()
	n := counted()
	n.Hours[0].Clean = 100000
	c := draw(n)
	if len(c.Bars) != 24 || c.Most != 100000 || len(c.Bars[0].Pieces) != 1 || len(c.Bars[23].Pieces) != 4 {
		t.Fatalf("got %d bars to %g, with %d and %d pieces", len(c.Bars), c.Most, len(c.Bars[0].Pieces), len(c.Bars[23].Pieces))
	}
	if got := c.Bars[0].Pieces[0]; got.Y != "0.0" || got.Height != "120.0" {
		t.Errorf("the highest bar: got %+v", got)
	}
	for _, p := range c.Bars[23].Pieces { // one of 100,000 is seen
		if p.Height != "1.5" {
			t.Errorf("one object: got the height %s, want 1.5", p.Height)
		}
	}
}
