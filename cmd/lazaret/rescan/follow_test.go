package rescan

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

type fakeHistory struct {
	get func(token *string) (*sfn.GetExecutionHistoryOutput, error)
}

func (f fakeHistory) GetExecutionHistory(_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error) {
	return f.get(in.NextToken)
}

// tape makes histories.
type tape struct {
	t      *testing.T
	events []types.HistoryEvent
}

func (p *tape) add(e types.HistoryEvent) *tape {
	e.Id = int64(len(p.events)) + 1
	e.Timestamp = aws.Time(time.Unix(100, 0).Add(time.Duration(len(p.events)) * time.Second))
	p.events = append(p.events, e)
	return p
}

func (p *tape) json(j job.Job) *string {
	data, err := json.Marshal(j)
	if err != nil {
		p.t.Fatal(err)
	}
	return aws.String(string(data))
}

func (p *tape) enter(state string, j job.Job) *tape {
	return p.add(types.HistoryEvent{StateEnteredEventDetails: &types.StateEnteredEventDetails{Name: &state, Input: p.json(j)}})
}

func (p *tape) kind(kind types.HistoryEventType) *tape { return p.add(types.HistoryEvent{Type: kind}) }

func (p *tape) failed(name, cause string) *tape {
	return p.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskFailed, TaskFailedEventDetails: &types.TaskFailedEventDetails{Error: &name, Cause: &cause}})
}

func (p *tape) succeeded(j job.Job) *tape {
	return p.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionSucceeded, ExecutionSucceededEventDetails: &types.ExecutionSucceededEventDetails{Output: p.json(j)}})
}

var object = job.Job{Version: 1, Object: job.Object{Bucket: "b", Key: "k", VersionID: "v"}}

func judged(s job.Scan) job.Job {
	j := object
	j.Scan = &s
	return j
}

// follow reads a history that is whole.
func follow(t *testing.T, events []types.HistoryEvent) ([]Event, End) {
	t.Helper()
	var told []Event
	end, err := Follow(t.Context(), fakeHistory{func(*string) (*sfn.GetExecutionHistoryOutput, error) {
		return &sfn.GetExecutionHistoryOutput{Events: events}, nil
	}}, "arn", func(e Event) { told = append(told, e) })
	if err != nil {
		t.Fatal(err)
	}
	return told, end
}

func TestEvents(t *testing.T) {
	t.Parallel()
	p := (&tape{t: t}).kind(types.HistoryEventTypeExecutionStarted).enter("Fetch", object).kind(types.HistoryEventTypeTaskScheduled).
		failed("Transient", `{"errorMessage":"get s3://b/k: slow down","errorType":"Transient"}`).kind(types.HistoryEventTypeTaskScheduled).
		add(types.HistoryEvent{Type: types.HistoryEventTypeTaskTimedOut, TaskTimedOutEventDetails: &types.TaskTimedOutEventDetails{Error: aws.String("States.Timeout")}}).
		enter("DeadLetter", object).kind(types.HistoryEventTypeTaskScheduled).succeeded(object)
	got, _ := follow(t, p.events)
	want := []Event{
		{After: time.Second, State: "Fetch"},
		{After: 3 * time.Second, Error: "Transient", Cause: "get s3://b/k: slow down"},
		{After: 4 * time.Second, Again: true},
		{After: 5 * time.Second, Error: "States.Timeout"},
		{After: 6 * time.Second, State: "DeadLetter"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	clean := judged(job.Scan{Verdict: job.Clean})
	infected := judged(job.Scan{Verdict: job.Infected, Signature: "X"})
	handed := infected
	handed.Error = &job.Failure{Error: "AccessDenied", Cause: `{"errorMessage":"publish: denied"}`}
	tests := []struct {
		name    string
		tape    func(p *tape)
		verdict job.Verdict
		dead    bool
		error   string
		cause   string
		scan    string // what was found, as Outcome says it
	}{
		{"clean", func(p *tape) { p.enter("Done", clean).succeeded(clean) }, job.Clean, false, "", "", "CLEAN"},
		{"infected", func(p *tape) { p.enter("Done", infected).succeeded(infected) }, job.Infected, false, "", "", "INFECTED X"},
		{"clean, and a newer one was promoted", func(p *tape) { p.enter("Superseded", clean).succeeded(clean) }, job.Clean, false, "", "", "CLEAN"},
		{"gone", func(p *tape) { p.enter("Gone", object).succeeded(object) }, "", false, "", "", "no verdict"},
		{"clean, then gone", func(p *tape) { p.enter("Gone", clean).succeeded(clean) }, "", false, "", "", "CLEAN"},
		{"done without a verdict", func(p *tape) { p.enter("Done", object).succeeded(object) }, "", false, "", "", "no verdict"},
		{"infected, and not announced", func(p *tape) {
			p.enter("DeadLetter", handed).enter("Failed", handed).add(types.HistoryEvent{
				Type:                        types.HistoryEventTypeExecutionFailed,
				ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: aws.String("DeadLettered"), Cause: aws.String("publish")},
			})
		}, "", true, "AccessDenied", "publish: denied", "INFECTED X"},
		{"failed outside every Catch", func(p *tape) {
			p.enter("Scan", object).add(types.HistoryEvent{
				Type:                        types.HistoryEventTypeExecutionFailed,
				ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: aws.String("States.Runtime"), Cause: aws.String("path")},
			})
		}, "", true, "States.Runtime", "path", "no verdict"},
		{"failed outside every Catch, after one", func(p *tape) {
			p.enter("Scan", handed).add(types.HistoryEvent{
				Type:                        types.HistoryEventTypeExecutionFailed,
				ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: aws.String("States.Runtime"), Cause: aws.String("path")},
			})
		}, "", true, "States.Runtime", "path", "INFECTED X"},
		{"timed out", func(p *tape) { p.enter("Scan", object).kind(types.HistoryEventTypeExecutionTimedOut) }, "", true, "", "", "no verdict"},
		{"stopped by hand", func(p *tape) {
			p.enter("Done", clean).add(types.HistoryEvent{
				Type:                         types.HistoryEventTypeExecutionAborted,
				ExecutionAbortedEventDetails: &types.ExecutionAbortedEventDetails{Error: aws.String("me")},
			})
		}, "", true, "me", "", "CLEAN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &tape{t: t}
			tt.tape(p)
			_, end := follow(t, p.events)
			if end.Verdict() != tt.verdict || end.DeadLetter() != tt.dead || end.Error != tt.error || end.Cause != tt.cause || end.Job.Scan.Outcome() != tt.scan {
				t.Errorf("verdict %q, dead letter %v, %q %q, found %s", end.Verdict(), end.DeadLetter(), end.Error, end.Cause, end.Job.Scan.Outcome())
			}
		})
	}
}

// A history that grows while it is read, over several pages, is told once.
func TestFollowWhileItGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := (&tape{t: t}).enter("Fetch", object).enter("Scan", object).enter("Tag", object).succeeded(judged(job.Scan{Verdict: job.Clean}))
		answers := []struct {
			token    string // that is asked for
			from, to int    // of the events, none below zero
			next     string
		}{{"", -1, -1, ""}, {"", 0, 1, ""}, {"", 0, 2, "second"}, {"second", 2, 2, ""}, {"second", 2, 3, ""}, {"second", 2, 4, ""}}
		n := 0
		var states []string
		end, err := Follow(t.Context(), fakeHistory{func(token *string) (*sfn.GetExecutionHistoryOutput, error) {
			a := answers[n]
			if n++; aws.ToString(token) != a.token {
				t.Errorf("request %d asks for page %q", n, aws.ToString(token))
			}
			if a.from < 0 {
				return nil, &types.ExecutionDoesNotExist{}
			}
			out := &sfn.GetExecutionHistoryOutput{Events: p.events[a.from:a.to]}
			if a.next != "" {
				out.NextToken = &a.next
			}
			return out, nil
		}}, "arn", func(e Event) { states = append(states, e.State) })
		if err != nil || end.Job.Scan.Outcome() != "CLEAN" {
			t.Fatalf("%+v, %v", end, err)
		}
		if diff := cmp.Diff([]string{"Fetch", "Scan", "Tag"}, states); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	denied := errors.New("AccessDenied")
	tests := []struct {
		name string
		get  func(*string) (*sfn.GetExecutionHistoryOutput, error)
		want error
	}{
		{"before it begins", func(*string) (*sfn.GetExecutionHistoryOutput, error) { return nil, &types.ExecutionDoesNotExist{} }, ErrNotStarted},
		{"before it ends", func(*string) (*sfn.GetExecutionHistoryOutput, error) { return &sfn.GetExecutionHistoryOutput{}, nil }, ErrRunning},
		{"refused", func(*string) (*sfn.GetExecutionHistoryOutput, error) { return nil, denied }, denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				requests := 0
				_, err := Follow(ctx, fakeHistory{func(token *string) (*sfn.GetExecutionHistoryOutput, error) {
					requests++
					return tt.get(token)
				}}, "arn", func(Event) {})
				if !errors.Is(err, tt.want) {
					t.Errorf("error is %v, want %v", err, tt.want)
				}
				if requests > 50 {
					t.Errorf("%d requests in a minute, of 20 a second that all users have together", requests)
				}
			})
		})
	}
}
