package history_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// lanes are Step Functions and CloudWatch while an execution of the name "a" runs.
type lanes struct {
	*sfn.Client // nothing else is called

	history func(token *string) (*sfn.GetExecutionHistoryOutput, error)
	lines   []string // of the log
	logs    error
	since   []int64 // StartTime of each request
}

func (l *lanes) GetExecutionHistory(
	_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options),
) (*sfn.GetExecutionHistoryOutput, error) {
	if l.history == nil {
		return nil, &types.ExecutionDoesNotExist{}
	}
	return l.history(in.NextToken)
}

func (l *lanes) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	l.since = append(l.since, *in.StartTime)
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	for _, line := range l.lines {
		out.Events = append(out.Events, logtypes.FilteredLogEvent{Message: aws.String(line)})
	}
	return out, l.logs
}

func (l *lanes) watch(name string) *history.Watch {
	return history.New(l, l, history.Source{Standard: machine, Express: machine + "-express", ExpressLog: logGroup}).
		Watch(name, time.Now())
}

// has makes the STANDARD execution have these events, the first of them with id 1.
func (l *lanes) has(events ...types.HistoryEvent) {
	for i := range events {
		events[i].Id = int64(i) + 1
		events[i].Timestamp = aws.Time(time.Now())
	}
	l.history = func(*string) (*sfn.GetExecutionHistoryOutput, error) {
		return &sfn.GetExecutionHistoryOutput{Events: events}, nil
	}
}

var (
	started   = types.HistoryEvent{Type: types.HistoryEventTypeExecutionStarted}
	succeeded = types.HistoryEvent{Type: types.HistoryEventTypeExecutionSucceeded}
)

func entered(state string) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                     types.HistoryEventTypeTaskStateEntered,
		StateEnteredEventDetails: &types.StateEnteredEventDetails{Name: &state},
	}
}

// looks calls Look, and returns what it answered as text: "EXPRESS a:1 RUNNING: 1 2 3".
func looks(t *testing.T, w *history.Watch) string {
	t.Helper()
	e, events, err := w.Look(t.Context())
	if errors.Is(err, history.ErrNotFound) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s %s %s:", e.Lane, e.ARN[strings.LastIndex(e.ARN, ":a")+1:], e.Status)
	for _, event := range events {
		text += fmt.Sprintf(" %d", event.ID)
	}
	if e.Settled() {
		text += " settled"
	}
	return text
}

// TestWatch looks again and again while something happens, 5 seconds apart.
func TestWatch(t *testing.T) {
	t.Parallel()
	type step struct {
		happens func(*lanes)
		want    string
	}
	logged := func(lines ...string) func(*lanes) {
		return func(l *lanes) { l.lines = append(l.lines, lines...) }
	}
	express := func(id int, kind, execution string) string {
		return line(id, kind, time.Now().Add(time.Duration(id)*time.Millisecond), execution, `"name":"Fetch"`)
	}
	dead := line(4, "ExecutionFailed", time.Now(), "a:1", `"error":"DeadLettered"`)
	for name, steps := range map[string][]step{
		"STANDARD": {
			{func(*lanes) {}, "none"},
			{func(l *lanes) { l.has(started) }, "STANDARD a RUNNING: 1"},
			{func(l *lanes) { l.has(started, entered("Fetch")) }, "STANDARD a RUNNING: 2"},
			{func(*lanes) {}, "STANDARD a RUNNING:"},
			{func(l *lanes) { l.has(started, entered("Fetch"), succeeded) }, "STANDARD a SUCCEEDED: 3 settled"},
		},
		"EXPRESS": {
			{func(*lanes) {}, "none"},
			{logged(express(1, "ExecutionStarted", "a:1")), "EXPRESS a:1 RUNNING: 1"},
			{func(*lanes) {}, "EXPRESS a:1 RUNNING:"},
			{
				logged(express(2, "TaskStateEntered", "a:1"), express(3, "ExecutionSucceeded", "a:1")),
				"EXPRESS a:1 SUCCEEDED: 2 3 settled",
			},
		},
		"EXPRESS, a dead letter": {
			{
				logged(express(1, "ExecutionStarted", "a:1"), express(2, "X", "a:1"), express(3, "X", "a:1"), dead),
				"EXPRESS a:1 FAILED: 1 2 3 4 settled",
			},
		},
		"EXPRESS, in another order": {
			{logged(express(2, "TaskStateEntered", "a:1")), "EXPRESS a:1 RUNNING:"},
			{logged(express(1, "ExecutionStarted", "a:1")), "EXPRESS a:1 RUNNING: 1 2"},
			{logged(express(4, "ExecutionSucceeded", "a:1")), "EXPRESS a:1 RUNNING:"},
			{logged(express(3, "TaskStateExited", "a:1")), "EXPRESS a:1 SUCCEEDED: 3 4 settled"},
		},
		"EXPRESS, an event is lost": {
			{logged(express(1, "ExecutionStarted", "a:1"), express(3, "ExecutionSucceeded", "a:1")), "EXPRESS a:1 RUNNING: 1"},
			{func(*lanes) {}, "EXPRESS a:1 RUNNING:"},
			{func(*lanes) {}, "EXPRESS a:1 SUCCEEDED: 3 settled"},
		},
		"EXPRESS, the first event is lost": {
			{logged(express(2, "TaskStateEntered", "a:1"), express(3, "ExecutionSucceeded", "a:1")), "EXPRESS a:1 RUNNING:"},
			{func(*lanes) {}, "EXPRESS a:1 RUNNING:"},
			{func(*lanes) {}, "EXPRESS a:1 SUCCEEDED: 2 3 settled"},
		},
		"EXPRESS, then STANDARD": {
			{logged(express(1, "ExecutionStarted", "a:1"), express(2, "ExecutionTimedOut", "a:1")), "EXPRESS a:1 TIMED_OUT: 1 2"},
			{func(*lanes) {}, "EXPRESS a:1 TIMED_OUT:"},
			{func(l *lanes) { l.has(started) }, "STANDARD a RUNNING: 1"},
			{func(l *lanes) { l.has(started, succeeded) }, "STANDARD a SUCCEEDED: 2 settled"},
		},
		"EXPRESS, and again": {
			{logged(express(1, "ExecutionStarted", "a:1")), "EXPRESS a:1 RUNNING: 1"},
			{logged(express(1, "ExecutionStarted", "a:2")), "EXPRESS a:2 RUNNING: 1"},
			{logged(express(2, "ExecutionSucceeded", "a:2")), "EXPRESS a:2 SUCCEEDED: 2 settled"},
			{logged(express(2, "ExecutionSucceeded", "a:1")), "EXPRESS a:2 SUCCEEDED: settled"},
		},
		"EXPRESS, and the first ends": {
			{logged(express(1, "ExecutionStarted", "a:1")), "EXPRESS a:1 RUNNING: 1"},
			{logged(express(1, "ExecutionStarted", "a:2")), "EXPRESS a:2 RUNNING: 1"},
			{logged(express(2, "ExecutionSucceeded", "a:1")), "EXPRESS a:1 SUCCEEDED: 1 2 settled"},
		},
		"without a log group": {
			{func(l *lanes) { l.logs = &logtypes.ResourceNotFoundException{} }, "none"},
			{func(l *lanes) { l.has(started, succeeded) }, "STANDARD a SUCCEEDED: 1 2 settled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &lanes{}
				w := l.watch("a")
				for i, s := range steps {
					// Events are logged with the time of this bubble, in which a:1 and a:2 start seconds apart.
					before := len(l.lines)
					s.happens(l)
					for n := before; n < len(l.lines); n++ {
						l.lines[n] = retimed(l.lines[n])
					}
					if got := looks(t, w); got != s.want {
						t.Fatalf("after step %d Look() = %q, want %q", i, got, s.want)
					}
					time.Sleep(5 * time.Second)
				}
			})
		})
	}
}

// retimed returns an event of the log that happens now.
func retimed(line string) string {
	before, after, _ := strings.Cut(line, `"event_timestamp":"`)
	_, after, _ = strings.Cut(after, `"`)
	return fmt.Sprintf(`%s"event_timestamp":"%d"%s`, before, time.Now().UnixMilli(), after)
}

// TestWatchPages checks that each event of a growing history, over several pages, is returned once.
func TestWatchPages(t *testing.T) {
	t.Parallel()
	all := []types.HistoryEvent{started, entered("Fetch"), entered("Scan"), succeeded}
	for i := range all {
		all[i].Id = int64(i) + 1
	}
	requests := []struct {
		token    string // the NextToken of the request
		from, to int    // the events of the answer
		next     string // the NextToken of the answer
	}{
		{"", 0, 1, ""}, {"", 0, 2, "second"}, {"second", 2, 2, ""}, {"second", 2, 3, ""}, {"second", 2, 4, ""},
	}
	n := 0
	l := &lanes{history: func(token *string) (*sfn.GetExecutionHistoryOutput, error) {
		r := requests[n]
		if n++; aws.ToString(token) != r.token {
			t.Errorf("request %d has the token %q, want %q", n, aws.ToString(token), r.token)
		}
		out := &sfn.GetExecutionHistoryOutput{Events: all[r.from:r.to]}
		if r.next != "" {
			out.NextToken = &r.next
		}
		return out, nil
	}}
	w := l.watch("a")
	var got []string
	for range 4 {
		got = append(got, looks(t, w))
	}
	want := []string{
		"STANDARD a RUNNING: 1", "STANDARD a RUNNING: 2", "STANDARD a RUNNING: 3", "STANDARD a SUCCEEDED: 4 settled",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Look() (-want +got):\n%s", diff)
	}
}

// TestWatchRefused checks that a caller without permission for one lane sees the other.
func TestWatchRefused(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
	l := &lanes{logs: denied}
	w := l.watch("a")
	if _, _, err := w.Look(t.Context()); !errors.Is(err, history.ErrNotFound) || !errors.Is(err, history.ErrRefused) {
		t.Errorf("the log is refused: Look() = %v, want %v and %v", err, history.ErrNotFound, history.ErrRefused)
	}
	l.has(started)
	if got, want := looks(t, w), "STANDARD a RUNNING: 1"; got != want {
		t.Errorf("the log is refused: Look() = %q, want %q", got, want)
	}
	l = &lanes{history: func(*string) (*sfn.GetExecutionHistoryOutput, error) { return nil, denied }}
	if _, _, err := l.watch("a").Look(t.Context()); !errors.Is(err, history.ErrRefused) || errors.Is(err, history.ErrNotFound) {
		t.Errorf("Step Functions refuses: Look() = %v, want %v alone", err, history.ErrRefused)
	}
}

// TestWatchReadsNewLogOnly checks that a long watch does not read the log from its beginning each time.
func TestWatchReadsNewLogOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{}
		w := l.watch("a")
		began := time.Now()
		for range 3 {
			looks(t, w)
			time.Sleep(10 * time.Minute)
		}
		var got []time.Duration
		for i, since := range l.since {
			got = append(got, time.UnixMilli(since).Sub(began.Add(time.Duration(i)*10*time.Minute)))
		}
		if want := []time.Duration{-2 * time.Minute, -12 * time.Minute, -12 * time.Minute}; !cmp.Equal(want, got) {
			t.Errorf("searches began %v before their requests, want %v", got, want)
		}
	})
}
