package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/permit"
)

// TestHandleEvents hands each kind of event to the function as Lambda does.
func TestHandleEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		event   string
		want    string // the result as JSON
		started int
		fails   string // beginning of the error
	}{
		{
			name:    "a message",
			event:   encode(t, sqsEvent(events.SQSMessage{MessageId: "1", Body: event("a"), EventSourceARN: uploadsARN})),
			want:    `{"batchItemFailures":null}`,
			started: 1,
		},
		{
			name:  "the schedule",
			event: `{"count":"permits"}`,
			want:  `{"want":2,"free":0,"held":0,"running":0,"sent":2,"removed":0}`,
		},
		{name: "nothing", event: `{}`, fails: `read the event: want an event of SQS or {"count":"permits"}, got {}`},
		{name: "no messages", event: `{"Records":[]}`, fails: "read the event: want an event of SQS"},
		{name: "another count", event: `{"count":"objects"}`, fails: "read the event: want an event of SQS"},
		{name: "an event of S3", event: event("a"), fails: "read the event: want an event of SQS"},
		{name: "null", event: `null`, fails: "read the event: want an event of SQS"},
		{name: "a list", event: `[]`, fails: "read the event: json: cannot unmarshal array"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.started)
			b.maxInWork = 2
			started := b.stepFunctions.(fakeStepFunctions).start
			b.stepFunctions = fakeStepFunctions{
				start: started,
				list: func(*sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
					return &sfn.ListExecutionsOutput{}, nil
				},
			}
			got, err := b.handle(t.Context(), json.RawMessage(tt.event))
			if tt.fails != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.fails) {
					t.Errorf("handle() = %v, %v, want the error %s", got, err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text := encode(t, got); text != tt.want {
				t.Errorf("handle() = %s, want %s", text, tt.want)
			}
			if len(b.started) != tt.started {
				t.Errorf("started %d executions, want %d", len(b.started), tt.started)
			}
		})
	}
}

// TestSampleEvents hands the events in the folder events, with which sam local invokes the function, to
// it.
func TestSampleEvents(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../events/dispatch-*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("find the sample events: got %d, %v", len(samples), err)
	}
	for _, sample := range samples {
		t.Run(filepath.Base(sample), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(sample)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, 2)
			b.stepFunctions = fakeStepFunctions{
				start: b.stepFunctions.(fakeStepFunctions).start,
				list: func(*sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
					return &sfn.ListExecutionsOutput{}, nil
				},
			}
			got, err := b.handle(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			switch got := got.(type) {
			case permit.Counted:
				if diff := cmp.Diff(permit.Counted{Want: 2, Free: 2}, got); diff != "" {
					t.Errorf("count (-want +got):\n%s", diff)
				}
			case events.SQSEventResponse:
				want := 1
				if strings.Contains(sample, "test-event") {
					want = 0
				}
				if len(got.BatchItemFailures) > 0 || len(b.started) != want || len(b.queues.Bodies(deadURL)) > 0 {
					t.Errorf("got failures %v, %d executions, dead letters %q, want %d executions alone",
						got.BatchItemFailures, len(b.started), b.queues.Bodies(deadURL), want)
				}
			}
		})
	}
}

func TestExecutionOfAnUpload(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	names := []string{}
	start := b.stepFunctions.(fakeStepFunctions).start
	b.stepFunctions = fakeStepFunctions{start: func(name, input string) (*sfn.StartExecutionOutput, error) {
		names = append(names, name)
		return start(name, input)
	}}
	if !b.upload(t, event("in/a.txt")) {
		t.Fatal("the message was handed back, want it done")
	}
	want := job.Job{
		Version: job.Version, Policy: job.Policy{AnnounceClean: true},
		Object: job.Object{Bucket: "b", Key: "in/a.txt", VersionID: "v1", Size: 3, Sequencer: "05"},
	}
	if diff := cmp.Diff([]job.Job{want}, b.started); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{want.ExecutionName()}, names); diff != "" {
		t.Errorf("names of executions (-want +got):\n%s", diff)
	}
}
