package decide_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
)

// asks is a Client whose function answers with f.
func asks(f func(in decision.Request) (decision.Answer, error)) *decide.Client {
	return &decide.Client{By: "anna", Interval: time.Millisecond, Ask: func(
		ctx context.Context, in decision.Request,
	) (decision.Answer, error) {
		if err := ctx.Err(); err != nil {
			return decision.Answer{}, err
		}
		return f(in)
	}}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	pages := map[string]decision.Answer{
		"":  {Copies: []decision.Copy{{Copy: "a"}, {Copy: "b", Released: true}}, Next: "2"},
		"2": {Next: "3"},
		"3": {Copies: []decision.Copy{{Copy: "c"}}},
	}
	c := asks(func(in decision.Request) (decision.Answer, error) {
		if in.Action != decision.ActionFind || in.Signature != "X" {
			return decision.Answer{}, fmt.Errorf("asked %+v", in)
		}
		return pages[in.Next], nil
	})
	left, released, err := c.Copies(t.Context(), "X")
	if err != nil || released != 1 {
		t.Errorf("%d released, %v, want 1", released, err)
	}
	if diff := cmp.Diff([]decision.Copy{{Copy: "a"}, {Copy: "c"}}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	broken := asks(func(decision.Request) (decision.Answer, error) { return decision.Answer{}, errors.New("broken") })
	if _, _, err := broken.Copies(t.Context(), "X"); err == nil {
		t.Error("got no error, want the function's")
	}
}

// TestRelease checks what is asked for and what is reported of each answer.
func TestRelease(t *testing.T) {
	t.Parallel()
	record := &decision.Record{Object: "s3://uploads/a?versionId=2", SHA256: "ab"}
	tests := []struct {
		name    string
		answers []decision.Answer // the last one again and again
		err     error
		noWait  bool
		dryRun  bool
		want    decide.Result // without the copy
		asked   int
	}{
		{
			name: "clean", asked: 3,
			answers: []decision.Answer{
				{Record: record}, {Verdict: &decision.Verdict{}}, {Verdict: &decision.Verdict{Verdict: "CLEAN", Detail: "allowed"}},
			},
			want: decide.Result{Record: record, Verdict: &decision.Verdict{Verdict: "CLEAN", Detail: "allowed"}},
		},
		{
			name: "infected again", asked: 2,
			answers: []decision.Answer{{Record: record}, {Verdict: &decision.Verdict{Verdict: "INFECTED", Detail: "Y"}}},
			want: decide.Result{
				Record: record, Verdict: &decision.Verdict{Verdict: "INFECTED", Detail: "Y"},
				Error: "the new verdict is INFECTED Y",
			},
		},
		{name: "no wait", noWait: true, asked: 1, answers: []decision.Answer{{Record: record}}, want: decide.Result{Record: record}},
		{name: "dry run", dryRun: true, asked: 1, answers: []decision.Answer{{Record: record}}, want: decide.Result{Record: record}},
		{
			name: "done before", noWait: true, asked: 1, answers: []decision.Answer{{Record: record, Done: true}},
			want: decide.Result{Record: record, Done: true},
		},
		{name: "refused", err: errors.New("a newer object is there"), asked: 1, want: decide.Result{Error: "a newer object is there"}},
		{
			name: "another version", answers: []decision.Answer{{}}, asked: 1,
			want: decide.Result{Error: "the function has answered without a record; it is older or newer than this command"},
		},
		{
			name: "no verdict in time", answers: []decision.Answer{{Record: record}, {Verdict: &decision.Verdict{}}}, asked: -1,
			want: decide.Result{Record: record, Error: "no verdict yet: the scan goes on without this command"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked []decision.Request
			c := asks(func(in decision.Request) (decision.Answer, error) {
				asked = append(asked, in)
				if tt.err != nil {
					return decision.Answer{}, tt.err
				}
				return tt.answers[min(len(asked), len(tt.answers))-1], nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if tt.asked < 0 {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			}
			defer cancel()
			const copied = "s3://quarantine/0a?versionId=1"
			in := decision.Request{Reason: "r", DryRun: tt.dryRun, Overwrite: true, Seconds: 9}
			got, err := c.Release(ctx, in, copied, !tt.noWait)
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			tt.want.Copy = copied
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			want := decision.Request{
				Action: "release", Bucket: "quarantine", Key: "0a", VersionID: "1", Reason: "r", By: "anna", Seconds: 9,
				Overwrite: true, DryRun: tt.dryRun,
			}
			if diff := cmp.Diff(want, asked[0]); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if tt.asked > 0 && len(asked) != tt.asked {
				t.Errorf("asked %d times, want %d", len(asked), tt.asked)
			}
			if len(asked) > 1 {
				want := decision.Request{Action: "verdict", Bucket: "uploads", Key: "a", VersionID: "2", SHA256: "ab"}
				if diff := cmp.Diff(want, asked[1]); diff != "" {
					t.Errorf("second request (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestReleaseAll checks that each copy has its result, and that one that fails stops no other.
func TestReleaseAll(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]bool{}
	c := asks(func(in decision.Request) (decision.Answer, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[in.Key] = true
		if in.Key == "7" {
			return decision.Answer{}, errors.New("broken")
		}
		return decision.Answer{Record: &decision.Record{Copy: in.Key}}, nil
	})
	var copies []decision.Copy
	for i := range 20 {
		copies = append(copies, decision.Copy{Copy: fmt.Sprintf("s3://q/%d", i)})
	}
	last := 0
	results := c.ReleaseAll(t.Context(), decision.Request{Reason: "r"}, copies, false, func(done int) { last = done })
	if len(asked) != 20 || last != 20 {
		t.Errorf("asked for %d copies, told of %d, want 20", len(asked), last)
	}
	for i, r := range results {
		key := fmt.Sprint(i)
		if r.Copy != "s3://q/"+key || (i == 7) != (r.Error == "broken") || i != 7 && r.Record.Copy != key {
			t.Errorf("result %d is %+v, want that of its copy", i, r)
		}
	}
	bad, err := c.Release(t.Context(), decision.Request{}, "quarantine/0a", false)
	if err == nil || !strings.Contains(bad.Error, "want s3://") {
		t.Errorf("got %+v, %v, want an error about the address", bad, err)
	}
}
