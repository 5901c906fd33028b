package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// TestMessages checks what becomes of each kind of message.
func TestMessages(t *testing.T) {
	t.Parallel()
	dead := job.Job{
		Version: 1, Object: job.Object{Bucket: "b", Key: "dead", ETag: "e"}, Copy: &job.Copy{Bucket: "q", Key: "h"},
		Lane: job.NewLane(),
	}
	const bridged = `{"detail-type":"Object Created",` +
		`"detail":{"bucket":{"name":"b"},"object":{"key":"c","sequencer":"06"}}}`
	const good, unknown = `"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"odd"`,
		`"ObjectCreate:Put","s3":{"bucket":{"name":"b"},"object":{"key":"odd"`
	tests := []struct {
		name    string
		body    string
		started []string // keys
		split   []string // keys of the messages into which it was split
		dead    bool     // whether the message becomes a dead letter
	}{
		{name: "an upload", body: event("a"), started: []string{"a"}},
		{name: "an upload through EventBridge", body: bridged, started: []string{"c"}},
		{name: "a test of S3", body: `{"Event":"s3:TestEvent"}`},
		{name: "not understood", body: "garbage", dead: true},
		{name: "several uploads", body: event("a", "b", "c"), split: []string{"a", "b", "c"}},
		{
			name:    "an upload and a record that is not understood",
			body:    strings.Replace(event("a", "odd"), good, unknown, 1),
			started: []string{"a"},
			dead:    true,
		},
		{
			name:  "several uploads and a record that is not understood",
			body:  strings.Replace(event("a", "odd", "b"), good, unknown, 1),
			split: []string{"a", "b"},
			dead:  true,
		},
		{name: "a dead letter", body: encode(t, upload.DeadLetter{Job: dead}), started: []string{"dead"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 2)
			if !b.upload(t, tt.body) {
				t.Error("the message was handed back, want it done")
			}
			if diff := cmp.Diff(tt.started, keys(b.started)); diff != "" {
				t.Errorf("started (-want +got):\n%s", diff)
			}
			for _, j := range b.started {
				if j.Lane != "" {
					t.Errorf("started the STANDARD execution of %s with lane %q, want none", j.Object.Key, j.Lane)
				}
			}
			var split []string
			for _, body := range b.queues.Bodies(uploadsURL) {
				m, err := upload.Decode([]byte(body))
				if err != nil {
					t.Error(err)
				}
				split = append(split, keys(m.Jobs)...)
			}
			if diff := cmp.Diff(tt.split, split); diff != "" {
				t.Errorf("messages of one object (-want +got):\n%s", diff)
			}
			var dead []string
			if tt.dead {
				dead = []string{tt.body}
			}
			if diff := cmp.Diff(dead, b.queues.Bodies(deadURL)); diff != "" {
				t.Errorf("dead letters (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSplitKeepsJobs splits a list of 25 objects in the queue of rescans, and checks that the messages
// stay there and start the same jobs as the list would.
func TestSplitKeepsJobs(t *testing.T) {
	t.Parallel()
	list := upload.List{Run: "rescan-7", Stays: true}
	for i := range 25 {
		list.Objects = append(list.Objects, upload.Listed{
			Object:  job.Object{Bucket: "b", Key: string(rune('a' + i)), ETag: "e", Size: int64(i)},
			Earlier: &job.Earlier{Verdict: job.Clean, Definitions: i},
		})
	}
	body := encode(t, list)
	want, err := upload.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, 2)
	b.queues.Put(rescansURL, body)
	if !b.deliver(t.Context(), t, rescansURL, rescansARN) {
		t.Fatal("the list was handed back, want it done")
	}
	var got []job.Job
	for _, body := range b.queues.Bodies(rescansURL) {
		m, err := upload.Decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Jobs...)
	}
	if diff := cmp.Diff(want.Jobs, got); diff != "" {
		t.Errorf("jobs of the messages (-want +got):\n%s", diff)
	}
	if len(b.started) != 0 || len(b.queues.Bodies(uploadsURL)) != 0 {
		t.Errorf("started %d executions, sent %d uploads, want none", len(b.started), len(b.queues.Bodies(uploadsURL)))
	}
}

// TestSplitFails checks that a list stays when one of its messages was perhaps not sent.
func TestSplitFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	sent := 0
	b.network.After = func(operation string) error {
		if operation == "SendMessageBatch" {
			if sent++; sent == 2 {
				return errors.New("connection reset")
			}
		}
		return nil
	}
	if b.upload(t, event(strings.Split("abcdefghijklmnopqrst", "")...)) {
		t.Error("the message is done, want it handed back")
	}
	if got := len(b.queues.Bodies(uploadsURL)); got != 21 {
		t.Errorf("got %d messages, want the list and 20 of one object each", got)
	}
}

// TestOnlyOwnUploadsArePromoted checks that an object outside the upload bucket is not promoted,
// whichever message asks for its scan.
func TestOnlyOwnUploadsArePromoted(t *testing.T) {
	t.Parallel()
	object := job.Object{Bucket: "b", Key: "k", VersionID: "v"}
	replayed := job.Job{Version: 1, Object: object, Policy: job.Policy{PromoteClean: true}}
	bodies := map[string]string{
		"event": event("k"),
		"EventBridge": `{"detail-type":"Object Created",` +
			`"detail":{"bucket":{"name":"b"},"object":{"key":"k","sequencer":"06"}}}`,
		"list":        encode(t, upload.List{Run: "r", Objects: []upload.Listed{{Object: object}}}),
		"dead letter": encode(t, upload.DeadLetter{Job: replayed}),
	}
	for uploads, promoted := range map[string]bool{"": true, "b": true, "uploads": false} {
		for name, body := range bodies {
			b := newBench(t, 1)
			b.uploads, b.policy = uploads, job.Policy{PromoteClean: true, AnnounceClean: true}
			if !b.upload(t, body) || len(b.started) != 1 {
				t.Fatalf("%s: started %d executions, want one", name, len(b.started))
			}
			want := job.Policy{PromoteClean: promoted, AnnounceClean: true}
			if got := b.started[0].Policy; got != want {
				t.Errorf("%s, upload bucket %q: got policy %+v, want %+v", name, uploads, got, want)
			}
		}
	}
}

// TestRetroScansPromoteNothing: what is CLEAN in the uploads bucket of three-bucket was superseded, or was there before
// the clean bucket. Neither the scan nor the replay of its dead letter promotes it.
func TestRetroScansPromoteNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	b.uploads, b.policy = "b", job.Policy{PromoteClean: true}
	object := job.Object{Bucket: "b", Key: "k", VersionID: "v"}
	list := encode(t, upload.List{Run: "r", Stays: true, Objects: []upload.Listed{{Object: object}}})
	if !b.upload(t, list) || len(b.started) != 1 {
		t.Fatalf("started %d executions, want one", len(b.started))
	}
	if !b.upload(t, encode(t, upload.DeadLetter{Job: b.started[0]})) || len(b.started) != 2 {
		t.Fatalf("started %d executions, want two", len(b.started))
	}
	for _, j := range b.started {
		if j.Policy.PromoteClean {
			t.Errorf("attempt %d: got policy %+v, want nothing promoted", j.Attempt, j.Policy)
		}
	}
}

func TestReplayOfAnEndedExecution(t *testing.T) {
	t.Parallel()
	object := job.Object{Bucket: "b", Key: "k", VersionID: "v"}
	input := job.Job{Version: 1, Object: object}
	found := input
	found.Scan = &job.Scan{Verdict: job.Infected, Signature: "X"}
	found.Copy = &job.Copy{Bucket: "q", Key: "h"}
	found.Earlier = &job.Earlier{Verdict: job.Clean, Definitions: 1} // tag reads it once, before it writes
	exited := func(output string) types.HistoryEvent {
		return types.HistoryEvent{StateExitedEventDetails: &types.StateExitedEventDetails{Output: &output}}
	}
	tests := []struct {
		name    string
		history []types.HistoryEvent
		pages   int
		err     error
		want    job.Job // of the replay
		fails   bool
	}{
		{
			name:    "aborted after quarantine",
			history: []types.HistoryEvent{{}, exited(encode(t, found)), exited(encode(t, input))},
			want:    found,
		},
		{
			name:    "aborted after many retries of Notify",
			history: []types.HistoryEvent{exited(encode(t, found))},
			pages:   4,
			want:    found,
		},
		{name: "a later page cannot be read", pages: 2, err: errors.New("ThrottlingException"), fails: true},
		{name: "aborted before any state ended", history: []types.HistoryEvent{{}}, want: input},
		{name: "an output that is no job", history: []types.HistoryEvent{exited("[]")}, want: input},
		{name: "the history is gone", err: &types.ExecutionDoesNotExist{}, want: input},
		{name: "the history cannot be read", err: errors.New("ThrottlingException"), fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 1)
			b.stepFunctions = fakeStepFunctions{
				start:   b.stepFunctions.(fakeStepFunctions).start,
				history: func(string) ([]types.HistoryEvent, error) { return tt.history, tt.err },
				pages:   tt.pages,
			}
			done := b.upload(t, encode(t, map[string]any{
				"detail-type": "Step Functions Execution Status Change",
				"detail":      map[string]any{"executionArn": "arn", "input": encode(t, input)},
			}))
			if done == tt.fails {
				t.Errorf("done %t, want %t", done, !tt.fails)
			}
			var want []job.Job
			if !tt.fails {
				tt.want.Attempt, tt.want.Policy = 1, b.policy
				want = []job.Job{tt.want}
			}
			if diff := cmp.Diff(want, b.started); diff != "" {
				t.Errorf("jobs of the replay (-want +got):\n%s", diff)
			}
		})
	}
}
