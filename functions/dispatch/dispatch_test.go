package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

type fakeStates struct {
	start   func(name, input string) error
	history func(execution string) ([]types.HistoryEvent, error)
	pages   int // of the history, all but the last without an event; 0 is one
}

func (f fakeStates) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	return &sfn.StartExecutionOutput{}, f.start(*in.Name, *in.Input)
}

func (f fakeStates) GetExecutionHistory(_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error) {
	page, _ := strconv.Atoi(aws.ToString(in.NextToken))
	if page < f.pages-1 {
		return &sfn.GetExecutionHistoryOutput{NextToken: aws.String(strconv.Itoa(page + 1))}, nil
	}
	e, err := f.history(*in.ExecutionArn)
	return &sfn.GetExecutionHistoryOutput{Events: e}, err
}

// event is an S3 notification with one record for each key.
func event(keys ...string) string {
	var records []string
	for _, k := range keys {
		records = append(records, `{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"`+k+`","size":3,"versionId":"v1","sequencer":"05"}}}`)
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHandle(t *testing.T) {
	t.Parallel()
	dead := job.Job{Version: 1, Object: job.Object{Bucket: "b", Key: "dead", ETag: "e"}, Attempt: 1, Copy: &job.Copy{Bucket: "q", Key: "h"}}
	tests := []struct {
		name    string
		bodies  []string
		refuse  map[string]error // key -> StartExecution's answer
		started []string         // keys, in order
		failed  []string         // message ids
	}{
		{"one upload", []string{event("a")}, nil, []string{"a"}, nil},
		{"mixed kinds", []string{event("a", "b"), `{"Event":"s3:TestEvent"}`, `{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"c","sequencer":"06"}}}`}, nil, []string{"a", "b", "c"}, nil},
		{"a bad message does not fail", []string{"garbage", event("a")}, nil, []string{"a"}, nil},
		{
			"a bad record takes no other along", []string{strings.Replace(event("a", "odd", "b"), `"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"odd"`,
				`"ObjectCreate:Put","s3":{"bucket":{"name":"b"},"object":{"key":"odd"`, 1)}, nil, []string{"a", "b"}, nil,
		},
		{"a duplicate is no failure", []string{event("a")}, map[string]error{"a": &types.ExecutionAlreadyExists{}}, []string{"a"}, nil},
		{"throttled", []string{event("a"), event("b")}, map[string]error{"a": errors.New("ThrottlingException")}, []string{"a", "b"}, []string{"0"}},
		{"second record throttled", []string{event("a", "b", "c")}, map[string]error{"b": errors.New("ThrottlingException")}, []string{"a", "b"}, []string{"0"}},
		{"dead letter", []string{encode(t, upload.DeadLetter{Job: dead})}, nil, []string{"dead"}, nil},
		{"nothing", nil, nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var started []string
			h := handler{machine: "arn", policy: job.Policy{AnnounceClean: true}, letters: fakeLetters{}, states: fakeStates{start: func(name, input string) error {
				var j job.Job
				if err := json.Unmarshal([]byte(input), &j); err != nil {
					t.Error(err)
				}
				if name != j.ExecutionName() || !j.Policy.AnnounceClean || j.Version != job.Version {
					t.Errorf("started %s with %s", name, input)
				}
				started = append(started, j.Object.Key)
				return tt.refuse[j.Object.Key]
			}}}
			var batch events.SQSEvent
			for i, body := range tt.bodies {
				batch.Records = append(batch.Records, events.SQSMessage{MessageId: string(rune('0' + i)), Body: body})
			}
			response, err := h.handle(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, f := range response.BatchItemFailures {
				failed = append(failed, f.ItemIdentifier)
			}
			if diff := cmp.Diff(tt.started, started); diff != "" {
				t.Errorf("started (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.failed, failed); diff != "" {
				t.Errorf("failed messages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOnlyOwnUploadsArePromoted: an object of an existing bucket stays there,
// whichever way its job comes about.
func TestOnlyOwnUploadsArePromoted(t *testing.T) {
	t.Parallel()
	object := job.Object{Bucket: "b", Key: "k", VersionID: "v"}
	replayed := job.Job{Version: 1, Object: object, Policy: job.Policy{PromoteClean: true}}
	bodies := map[string]string{
		"event":       event("k"),
		"EventBridge": `{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"k","sequencer":"06"}}}`,
		"list":        encode(t, upload.List{Run: "r", Objects: []job.Object{object}}),
		"dead letter": encode(t, upload.DeadLetter{Job: replayed}),
	}
	for uploads, promoted := range map[string]bool{"": true, "b": true, "uploads": false} {
		for name, body := range bodies {
			var got job.Job
			h := handler{uploads: uploads, policy: job.Policy{PromoteClean: true, AnnounceClean: true}, states: fakeStates{
				start: func(_, input string) error { return json.Unmarshal([]byte(input), &got) },
			}}
			if err := h.dispatch(t.Context(), body); err != nil {
				t.Fatal(err)
			}
			if want := (job.Policy{PromoteClean: promoted, AnnounceClean: true}); got.Policy != want {
				t.Errorf("%s, own bucket %q: policy %+v, want %+v", name, uploads, got.Policy, want)
			}
		}
	}
}

func TestReplayOfAnExecutionThatDied(t *testing.T) {
	t.Parallel()
	object := job.Object{Bucket: "b", Key: "k", VersionID: "v"}
	input := job.Job{Version: 1, Object: object}
	found := input
	found.Scan = &job.Scan{Verdict: job.Infected, Signature: "X"}
	found.Copy = &job.Copy{Bucket: "q", Key: "h"}
	exited := func(output string) types.HistoryEvent {
		return types.HistoryEvent{StateExitedEventDetails: &types.StateExitedEventDetails{Output: &output}}
	}
	tests := []struct {
		name    string
		history []types.HistoryEvent
		pages   int
		err     error
		want    job.Job // of the replay, without policy
		fails   bool
	}{
		{"died after quarantine", []types.HistoryEvent{{}, exited(encode(t, found)), exited(encode(t, input))}, 0, nil, found, false},
		{"died after many retries of Notify", []types.HistoryEvent{exited(encode(t, found))}, 4, nil, found, false},
		{"a later page cannot be read", nil, 2, errors.New("ThrottlingException"), job.Job{}, true},
		{"died before any state ended", []types.HistoryEvent{{}}, 0, nil, input, false},
		{"an output that is no job", []types.HistoryEvent{exited("[]")}, 0, nil, input, false},
		{"history is gone", nil, 0, &types.ExecutionDoesNotExist{}, input, false},
		{"history cannot be read now", nil, 0, errors.New("ThrottlingException"), job.Job{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !tt.fails {
				tt.want.Attempt = 1
			}
			var got job.Job
			h := handler{states: fakeStates{
				start:   func(_, input string) error { return json.Unmarshal([]byte(input), &got) },
				history: func(string) ([]types.HistoryEvent, error) { return tt.history, tt.err },
				pages:   tt.pages,
			}}
			body := encode(t, map[string]any{
				"detail-type": "Step Functions Execution Status Change",
				"detail":      map[string]any{"executionArn": "arn", "input": encode(t, input)},
			})
			if err := h.dispatch(t.Context(), body); (err != nil) != tt.fails {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
