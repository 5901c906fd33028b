package permit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/permit"
)

// fakeExecutions answers with what its fields return.
type fakeExecutions struct {
	running func() (int, error)
	any     func() (bool, error)
}

func (f fakeExecutions) Running(context.Context, int) (int, error) { return f.running() }

func (f fakeExecutions) Any(context.Context) (bool, error) { return f.any() }

// inTurn returns a function that answers with its values in turn, and with the last one ever after.
func inTurn(values ...int) func() (int, error) {
	return func() (int, error) {
		v := values[0]
		if len(values) > 1 {
			values = values[1:]
		}
		return v, nil
	}
}

func TestMend(t *testing.T) {
	t.Parallel()
	const second = time.Second
	tests := []struct {
		name    string
		permits int // in the queue
		held    int // of them, invisible
		running []int
		started bool // whether an execution was ever started
		after   int  // permits in the queue afterwards
		took    time.Duration
		want    permit.Counted
	}{
		{
			name: "the first run", running: []int{0},
			after: 20, want: permit.Counted{Want: 20, Sent: 20},
		},
		{
			name: "emptied later", running: []int{0}, started: true,
			after: 20, took: 10 * second, want: permit.Counted{Want: 20, Sent: 20},
		},
		{
			name: "all free", permits: 20, running: []int{0},
			after: 20, want: permit.Counted{Want: 20, Free: 20},
		},
		{
			name: "all in work", held: 3, permits: 3, running: []int{17}, started: true,
			after: 3, want: permit.Counted{Want: 20, Held: 3, Running: 17},
		},
		{
			name: "three missing", permits: 10, held: 2, running: []int{7}, started: true,
			after: 13, took: 10 * second, want: permit.Counted{Want: 20, Free: 8, Held: 2, Running: 7, Sent: 3},
		},
		{
			name: "one missing in every reading", permits: 10, running: []int{5, 9, 7}, started: true,
			after: 11, took: 10 * second, want: permit.Counted{Want: 20, Free: 10, Running: 9, Sent: 1},
		},
		{
			name: "under way at the first reading", permits: 10, running: []int{5, 10}, started: true,
			after: 10, took: 5 * second, want: permit.Counted{Want: 20, Free: 10, Running: 10},
		},
		{
			name: "under way in both directions", permits: 10, running: []int{9, 11}, started: true,
			after: 10, took: 5 * second, want: permit.Counted{Want: 20, Free: 10, Running: 11},
		},
		{
			name: "two too many", permits: 15, running: []int{8, 7, 9}, started: true,
			after: 13, took: 10 * second, want: permit.Counted{Want: 20, Free: 15, Running: 7, Removed: 2},
		},
		{
			name: "too many, and all in use", permits: 4, held: 4, running: []int{21}, started: true,
			after: 4, took: 10 * second, want: permit.Counted{Want: 20, Held: 4, Running: 21},
		},
		{
			name: "more executions than permits", permits: 5, held: 1, running: []int{30}, started: true,
			after: 1, took: 10 * second, want: permit.Counted{Want: 20, Free: 4, Held: 1, Running: 30, Removed: 4},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, queues := pool(tt.permits)
				for range tt.held {
					lease := take(t, p)
					defer lease.Keep(t.Context(), func(err error) { t.Error(err) })()
				}
				c := permit.Counter{Pool: p, Max: 20, Executions: fakeExecutions{
					running: inTurn(tt.running...), any: func() (bool, error) { return tt.started, nil },
				}}
				began := time.Now()
				got, err := c.Mend(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("Mend() (-want +got):\n%s", diff)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("Mend() took %v, want %v", took, tt.took)
				}
				if got := len(queues.Bodies(url)); got != tt.after {
					t.Errorf("got %d permits in the queue, want %d", got, tt.after)
				}
			})
		})
	}
}

// TestMendAfterLostReplies loses a request or a reply of each operation of a count. The next counts mend
// what the first one left.
func TestMendAfterLostReplies(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for permits, operations := range map[int][]string{
		0:  {"GetQueueAttributes", "SendMessageBatch"},
		25: {"GetQueueAttributes", "ReceiveMessage", "DeleteMessage"},
	} {
		for _, operation := range operations {
			for _, before := range []bool{true, false} {
				t.Run(operation, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						p, queues := pool(permits)
						c := permit.Counter{Pool: p, Max: 20, Executions: fakeExecutions{
							running: inTurn(0), any: func() (bool, error) { return false, nil },
						}}
						lose := func(o string) error {
							if o == operation {
								return lost
							}
							return nil
						}
						if before {
							queues.Before = lose
						} else {
							queues.After = lose
						}
						if counted, err := c.Mend(t.Context()); !errors.Is(err, lost) {
							t.Errorf("Mend() = %+v, %v, want %v", counted, err, lost)
						}
						queues.Before, queues.After = nil, nil
						time.Sleep(time.Minute)
						if _, err := c.Mend(t.Context()); err != nil {
							t.Fatal(err)
						}
						if got := len(queues.Bodies(url)); got != 20 {
							t.Errorf("got %d permits after the next count, want 20", got)
						}
					})
				})
			}
		}
	}
}

func TestMendFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("AccessDeniedException")
	p, queues := pool(0)
	for name, e := range map[string]fakeExecutions{
		"running": {running: func() (int, error) { return 0, refused }},
		"ever":    {running: inTurn(0), any: func() (bool, error) { return false, refused }},
	} {
		if _, err := (permit.Counter{Pool: p, Max: 2, Executions: e}).Mend(t.Context()); !errors.Is(err, refused) {
			t.Errorf("%s: Mend() = %v, want %v", name, err, refused)
		}
	}
	if got := len(queues.Bodies(url)); got != 0 {
		t.Errorf("got %d permits, want none: nothing is known", got)
	}
}
