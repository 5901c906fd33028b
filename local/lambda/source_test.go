package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

const uploads = "arn:aws:sqs:us-east-1:000000000000:lazaret-uploads"

// fakeQueue hands out its messages once, and counts what becomes of them.
type fakeQueue struct {
	mu       sync.Mutex
	messages []events.SQSMessage
	fail     error // answered once, before any message
	deleted  []string
	released []string
	changed  chan struct{} // one for each long poll that finds nothing
}

func newFakeQueue(bodies ...string) *fakeQueue {
	q := &fakeQueue{changed: make(chan struct{}, 100)}
	for i, body := range bodies {
		id := fmt.Sprintf("m%d", i)
		q.messages = append(q.messages, events.SQSMessage{MessageId: id, ReceiptHandle: "r-" + id, Body: body})
	}
	return q
}

func (q *fakeQueue) Receive(
	ctx context.Context,
	arn string,
	limit int,
	wait time.Duration,
) ([]events.SQSMessage, error) {
	q.mu.Lock()
	err := q.fail
	q.fail = nil
	n := min(limit, len(q.messages))
	got := q.messages[:n]
	q.messages = q.messages[n:]
	q.mu.Unlock()
	if err != nil || n > 0 {
		return got, err
	}
	q.changed <- struct{}{}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(wait):
		return nil, nil
	}
}

func (q *fakeQueue) Delete(_, receipt string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted = append(q.deleted, receipt)
	return nil
}

func (q *fakeQueue) Release(_, receipt string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.released = append(q.released, receipt)
	return nil
}

// pollUntilEmpty polls with one worker until it has asked for more in vain.
func pollUntilEmpty(t *testing.T, h *Host, q *fakeQueue) {
	t.Helper()
	ctx, cancel := withCancel(t)
	done := make(chan error)
	go func() { done <- h.Poll(ctx) }()
	<-q.changed
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		bodies  []string
		source  template.QueueSource
		change  func(*template.Function)
		fail    error
		batches string
		deleted string
	}{
		{name: "all succeed", bodies: []string{"a", "b"}, batches: "2", deleted: "r-m0 r-m1"},
		{
			name: "batch size", bodies: []string{"a", "b", "c"}, source: template.QueueSource{BatchSize: 2},
			batches: "2 1", deleted: "r-m0 r-m1 r-m2",
		},
		{
			name: "some fail", bodies: []string{"a", "fail", "c"}, source: template.QueueSource{ReportFailures: true},
			batches: "3", deleted: "r-m0 r-m2",
		},
		{name: "failures not asked for", bodies: []string{"a", "fail"}, batches: "2", deleted: "r-m0 r-m1"},
		{name: "function error", bodies: []string{"a", "break"}, source: template.QueueSource{ReportFailures: true}},
		{
			name: "throttled", bodies: []string{"a"},
			change: func(f *template.Function) { f.Reserved, f.Timeout = new(int), 200*time.Millisecond },
		},
		{name: "receive fails", bodies: []string{"a"}, fail: context.DeadlineExceeded, batches: "1", deleted: "r-m0"},
		{
			name:    "batch over 6 MB",
			bodies:  []string{strings.Repeat("x", 4<<20), strings.Repeat("x", 4<<20)},
			batches: "1 1",
			deleted: "r-m0 r-m1",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var logs logbook
			q := newFakeQueue(tt.bodies...)
			q.fail = tt.fail
			tt.source.QueueARN, tt.source.MaxConcurrency = uploads, 1
			spec := fn("f", func(f *template.Function) { f.Sources = []template.QueueSource{tt.source} })
			if tt.change != nil {
				tt.change(&spec)
			}
			h := startHost(t, Config{Functions: []template.Function{spec}, Queue: q, Logs: logs.write})
			pollUntilEmpty(t, h, q)
			if got := strings.Join(logs.find("f: batch of "), " "); got != tt.batches {
				t.Errorf("batches of %q, want %q", got, tt.batches)
			}
			if got := strings.Join(q.deleted, " "); got != tt.deleted {
				t.Errorf("deleted %q, want %q", got, tt.deleted)
			}
			if len(q.released) > 0 {
				t.Errorf("released %v, want nothing", q.released)
			}
		})
	}
}

// TestPollStops shows that a batch that comes while polling ends goes back at once.
func TestPollStops(t *testing.T) {
	t.Parallel()
	q := newFakeQueue("a", "b")
	source := template.QueueSource{QueueARN: uploads, MaxConcurrency: 1}
	ctx, cancel := withCancel(t)
	h := startHost(t, Config{
		Functions: []template.Function{fn("f", func(f *template.Function) { f.Sources = []template.QueueSource{source} })},
		Queue:     lateQueue{q, cancel},
	})
	if err := h.Poll(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"r-m0", "r-m1"}, q.released); diff != "" || len(q.deleted) > 0 {
		t.Errorf("released (-want +got):\n%s deleted %v", diff, q.deleted)
	}
}

// lateQueue ends polling in the moment in which it answers.
type lateQueue struct {
	*fakeQueue
	stop context.CancelFunc
}

func (q lateQueue) Receive(
	ctx context.Context,
	arn string,
	limit int,
	wait time.Duration,
) ([]events.SQSMessage, error) {
	q.stop()
	return q.fakeQueue.Receive(ctx, arn, limit, wait)
}

func TestThrottledBatchWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	q := newFakeQueue("a")
	source := template.QueueSource{QueueARN: uploads, MaxConcurrency: 1}
	h := startHost(t, Config{Queue: q, Functions: []template.Function{
		fn("f", reserved(1), func(f *template.Function) { f.Sources = []template.QueueSource{source} }),
	}})
	busy := make(chan int)
	go func() { busy <- mustInvoke[int](t, h, "f", request("visit", g.url)) }()
	<-g.visitors
	ctx, cancel := withCancel(t)
	done := make(chan error)
	go func() { done <- h.Poll(ctx) }()
	eventually(t, "the batch is taken", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.messages) == 0
	})
	close(g.open)
	<-busy
	<-q.changed
	cancel()
	if err := <-done; err != nil || len(q.deleted) != 1 {
		t.Errorf("deleted %v, %v, want one message", q.deleted, err)
	}
}

func TestPollEndsWithHost(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	source := template.QueueSource{QueueARN: uploads, MaxConcurrency: 1}
	h := startHost(t, Config{Queue: q, Functions: []template.Function{
		fn("f", func(f *template.Function) { f.Sources = []template.QueueSource{source} }),
	}})
	done := make(chan error)
	go func() { done <- h.Poll(context.Background()) }()
	<-q.changed
	h.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPollWithoutQueue(t *testing.T) {
	t.Parallel()
	h := startHost(t, Config{Functions: []template.Function{
		fn("f", func(f *template.Function) { f.Sources = []template.QueueSource{{QueueARN: uploads}} }),
	}})
	if err := h.Poll(t.Context()); err == nil {
		t.Error("got no error for a source without a queue, want one")
	}
}

func TestSucceeded(t *testing.T) {
	t.Parallel()
	batch := []events.SQSMessage{{MessageId: "a"}, {MessageId: "b"}, {MessageId: "c"}}
	tests := []struct{ name, response, want string }{
		{"nothing", "", "abc"},
		{"null", "null", "abc"},
		{"empty object", "{}", "abc"},
		{"null list", `{"batchItemFailures":null}`, "abc"},
		{"empty list", `{"batchItemFailures":[]}`, "abc"},
		{"one", `{"batchItemFailures":[{"itemIdentifier":"b"}]}`, "ac"},
		{"one twice", `{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}`, "ac"},
		{"all", `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"},{"itemIdentifier":"c"}]}`, ""},
		{"empty identifier", `{"batchItemFailures":[{"itemIdentifier":""}]}`, ""},
		{"null identifier", `{"batchItemFailures":[{"itemIdentifier":null}]}`, ""},
		{"wrong key", `{"batchItemFailures":[{"id":"a"}]}`, ""},
		{"unknown identifier", `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}`, ""},
		{"not JSON", `{`, ""},
		{"not an object", `"done"`, ""},
		{"identifier of another type", `{"batchItemFailures":[{"itemIdentifier":7}]}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for report, want := range map[bool]string{true: tt.want, false: "abc"} {
				s := &source{QueueSource: template.QueueSource{ReportFailures: report}}
				got := ""
				for _, m := range s.succeeded([]byte(tt.response), slices.Clone(batch)) {
					got += m.MessageId
				}
				if got != want {
					t.Errorf("asked for failures %t: %q succeeded, want %q", report, got, want)
				}
			}
		})
	}
}
