package rescan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// fakeWatch answers each Look.
type fakeWatch func() (history.Execution, []history.Event, error)

func (f fakeWatch) Look(context.Context) (history.Execution, []history.Event, error) { return f() }

// historyBuilder builds an execution and its events, with one second between two of them.
type historyBuilder struct {
	t         *testing.T
	execution history.Execution
	events    []history.Event
}

func newHistory(t *testing.T, lane history.Lane) *historyBuilder {
	t.Helper()
	x := history.Execution{ARN: "arn-" + string(lane), Lane: lane, Status: history.Running}
	return &historyBuilder{t: t, execution: x}
}

func (b *historyBuilder) add(e history.Event) *historyBuilder {
	e.ID = int64(len(b.events)) + 1
	e.Time = time.Unix(100, 0).Add(time.Duration(len(b.events)) * time.Second)
	b.events = append(b.events, e)
	return b
}

func (b *historyBuilder) json(j job.Job) string {
	data, err := json.Marshal(j)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func (b *historyBuilder) enter(state string, j job.Job) *historyBuilder {
	return b.add(history.Event{Kind: history.Entered, State: state, Data: b.json(j)})
}

func (b *historyBuilder) kind(kind history.Kind) *historyBuilder {
	return b.add(history.Event{Kind: kind})
}

func (b *historyBuilder) failed(name, cause string) *historyBuilder {
	return b.add(history.Event{Kind: history.AttemptFailed, Error: name, Cause: cause})
}

func (b *historyBuilder) succeeded(j job.Job) *historyBuilder {
	b.execution.Output = b.json(j)
	return b.ended(history.Succeeded, "", "")
}

func (b *historyBuilder) ended(status history.Status, name, cause string) *historyBuilder {
	b.execution.Status, b.execution.Error, b.execution.Cause = status, name, cause
	return b.add(history.Event{Kind: history.Ended, Status: status, Error: name, Cause: cause})
}

var object = job.Job{Version: 1, Object: job.Object{Bucket: "b", Key: "k", VersionID: "v"}}

func scanned(s job.Scan) job.Job {
	j := object
	j.Scan = &s
	return j
}

// follow follows executions whose histories are complete, one after another.
func follow(t *testing.T, histories ...*historyBuilder) ([]Event, End) {
	t.Helper()
	var reported []Event
	n := 0
	end, err := Follow(t.Context(), fakeWatch(func() (history.Execution, []history.Event, error) {
		h := histories[n]
		n++
		return h.execution, h.events, nil
	}), func(e Event) { reported = append(reported, e) })
	if err != nil {
		t.Fatal(err)
	}
	return reported, end
}

func TestEvents(t *testing.T) {
	t.Parallel()
	h := newHistory(t, history.Standard).kind(history.Began).enter("Fetch", object).kind(history.Attempted).
		failed("Transient", `{"errorMessage":"get s3://b/k: slow down","errorType":"Transient"}`).
		kind(history.Attempted).failed("States.Timeout", "").
		enter("DeadLetter", object).kind(history.Attempted).kind(history.Other).succeeded(object)
	got, _ := follow(t, h)
	want := []Event{
		{Execution: "arn-STANDARD"},
		{After: time.Second, State: "Fetch"},
		{After: 3 * time.Second, Error: "Transient", Cause: "get s3://b/k: slow down"},
		{After: 4 * time.Second, Retried: true},
		{After: 5 * time.Second, Error: "States.Timeout"},
		{After: 6 * time.Second, State: "DeadLetter"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestFollowIntoStandard follows a job whose express execution did not settle it.
func TestFollowIntoStandard(t *testing.T) {
	t.Parallel()
	clean := scanned(job.Scan{Verdict: job.Clean})
	got, end := follow(t,
		newHistory(t, history.Express).kind(history.Began).enter("Fetch", object).failed("E", "").
			ended(history.TimedOut, "States.Timeout", ""),
		newHistory(t, history.Standard).kind(history.Began).kind(history.Attempted).enter("Done", clean).succeeded(clean),
	)
	want := []Event{
		{Execution: "arn-EXPRESS"},
		{After: time.Second, State: "Fetch"},
		{After: 2 * time.Second, Error: "E"},
		{Execution: "arn-STANDARD", Follows: true},
		{After: 2 * time.Second, State: "Done"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if end.Verdict() != job.Clean || end.Error != "" || end.Execution != "arn-STANDARD" {
		t.Errorf("got end %+v, want CLEAN, by arn-STANDARD", end)
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	clean := scanned(job.Scan{Verdict: job.Clean})
	infected := scanned(job.Scan{Verdict: job.Infected, Signature: "X"})
	failed := infected
	failed.Error = &job.Failure{Error: "AccessDenied", Cause: `{"errorMessage":"publish: denied"}`}
	type end struct {
		Verdict      job.Verdict
		IsDeadLetter bool
		Error, Cause string
		Outcome      string // of the scan
	}
	tests := []struct {
		name  string
		lane  history.Lane // STANDARD if empty
		build func(b *historyBuilder)
		want  end
	}{
		{
			name: "clean", build: func(b *historyBuilder) { b.enter("Done", clean).succeeded(clean) },
			want: end{Verdict: job.Clean, Outcome: "CLEAN"},
		},
		{
			name: "infected", build: func(b *historyBuilder) { b.enter("Done", infected).succeeded(infected) },
			want: end{Verdict: job.Infected, Outcome: "INFECTED X"},
		},
		{
			name:  "clean, and a newer version was promoted",
			build: func(b *historyBuilder) { b.enter("Superseded", clean).succeeded(clean) },
			want:  end{Verdict: job.Clean, Outcome: "CLEAN"},
		},
		{
			name: "gone", build: func(b *historyBuilder) { b.enter("Gone", object).succeeded(object) },
			want: end{Outcome: "no verdict"},
		},
		{
			name: "clean, then gone", build: func(b *historyBuilder) { b.enter("Gone", clean).succeeded(clean) },
			want: end{Outcome: "CLEAN"},
		},
		{
			name:  "done without a verdict",
			build: func(b *historyBuilder) { b.enter("Done", object).succeeded(object) },
			want:  end{Outcome: "no verdict"},
		},
		{
			name: "infected, and not announced",
			build: func(b *historyBuilder) {
				b.enter("DeadLetter", failed).enter("Failed", failed).ended(history.Failed, "DeadLettered", "publish")
			},
			want: end{IsDeadLetter: true, Error: "AccessDenied", Cause: "publish: denied", Outcome: "INFECTED X"},
		},
		{
			name: "infected, and not announced, in EXPRESS", lane: history.Express,
			build: func(b *historyBuilder) {
				b.enter("DeadLetter", failed).enter("Failed", failed).ended(history.Failed, "DeadLettered", "publish")
			},
			want: end{IsDeadLetter: true, Error: "AccessDenied", Cause: "publish: denied", Outcome: "INFECTED X"},
		},
		{
			name: "failed outside every Catch",
			build: func(b *historyBuilder) {
				b.enter("Scan", object).ended(history.Failed, "States.Runtime", "path")
			},
			want: end{IsDeadLetter: true, Error: "States.Runtime", Cause: "path", Outcome: "no verdict"},
		},
		{
			name: "failed outside every Catch, after a Catch",
			build: func(b *historyBuilder) {
				b.enter("Scan", failed).ended(history.Failed, "States.Runtime", "path")
			},
			want: end{IsDeadLetter: true, Error: "States.Runtime", Cause: "path", Outcome: "INFECTED X"},
		},
		{
			name:  "timed out",
			build: func(b *historyBuilder) { b.enter("Scan", object).ended(history.TimedOut, "", "") },
			want:  end{IsDeadLetter: true, Outcome: "no verdict"},
		},
		{
			name:  "stopped by an operator",
			build: func(b *historyBuilder) { b.enter("Done", clean).ended(history.Aborted, "me", "") },
			want:  end{IsDeadLetter: true, Error: "me", Outcome: "CLEAN"},
		},
		{
			name: "the log has lost the end", lane: history.Express,
			build: func(b *historyBuilder) { b.enter("Done", clean).execution.Status = history.Unknown },
			want:  end{Outcome: "CLEAN"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lane := history.Standard
			if tt.lane != "" {
				lane = tt.lane
			}
			b := newHistory(t, lane)
			tt.build(b)
			_, e := follow(t, b)
			got := end{
				Verdict: e.Verdict(), IsDeadLetter: e.IsDeadLetter(), Error: e.Error, Cause: e.Cause,
				Outcome: e.Job.Scan.Outcome(),
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFollowUnreadableOutput checks that a job that cannot be read is an error and no end without a verdict.
func TestFollowUnreadableOutput(t *testing.T) {
	t.Parallel()
	h := newHistory(t, history.Standard).ended(history.Succeeded, "", "")
	h.execution.Output = "{"
	look := fakeWatch(func() (history.Execution, []history.Event, error) { return h.execution, h.events, nil })
	if end, err := Follow(t.Context(), look, func(Event) {}); err == nil {
		t.Errorf("got end %+v and no error, want one", end)
	}
}

func TestFollowError(t *testing.T) {
	t.Parallel()
	denied := errors.New("AccessDenied")
	hidden := fmt.Errorf("%w; %w", history.ErrNotFound, history.ErrRefused)
	running := newHistory(t, history.Standard).kind(history.Began)
	tests := []struct {
		name string
		look fakeWatch
		want error
		late bool
		hide bool // the report that it is late says that something may be hidden
	}{
		{
			"before it begins",
			func() (history.Execution, []history.Event, error) {
				return history.Execution{}, nil, history.ErrNotFound
			},
			ErrNotStarted, true, false,
		},
		{
			"where the caller may not look",
			func() (history.Execution, []history.Event, error) { return history.Execution{}, nil, hidden },
			ErrNotStarted, true, true,
		},
		{
			"before it ends",
			func() (history.Execution, []history.Event, error) { return running.execution, running.events, nil },
			ErrRunning, false, false,
		},
		{
			"refused",
			func() (history.Execution, []history.Event, error) { return history.Execution{}, nil, denied },
			denied, false, false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				requests := 0
				var late []Event
				_, err := Follow(ctx, fakeWatch(func() (history.Execution, []history.Event, error) {
					requests++
					x, events, err := tt.look()
					if requests > 1 {
						events = nil
					}
					return x, events, err
				}), func(e Event) {
					if e.Late > 0 {
						late = append(late, e)
					}
				})
				if !errors.Is(err, tt.want) {
					t.Errorf("got error %v, want %v", err, tt.want)
				}
				if requests > 50 {
					t.Errorf("got %d requests in a minute, want 50 at most", requests)
				}
				if (len(late) == 1) != tt.late || tt.hide != (len(late) == 1 && late[0].Hidden != nil) {
					t.Errorf("got the reports %+v, want one that it is late: %v, hidden: %v", late, tt.late, tt.hide)
				}
			})
		})
	}
}
