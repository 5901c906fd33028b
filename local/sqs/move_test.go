package sqs_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// bury lets a message fail three times, so that redrive takes it to the dead letters.
func bury(t *testing.T, s service, body string) {
	t.Helper()
	send(t, s, uploads, body)
	for range 3 {
		for _, m := range receive(t, s, uploads) {
			if err := s.Release(t.Context(), uploads, m.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := receive(t, s, uploads); len(got) != 0 {
		t.Fatalf("still in uploads: %v", got)
	}
}

// finished is the newest task of the dead letters.
func finished(t *testing.T, client *api.Client) types.ListMessageMoveTasksResultEntry {
	t.Helper()
	out, err := client.ListMessageMoveTasks(t.Context(), &api.ListMessageMoveTasksInput{SourceArn: aws.String(dead)})
	if err != nil || len(out.Results) != 1 {
		t.Fatalf("tasks %v, %v", out, err)
	}
	return out.Results[0]
}

func TestMoveTasks(t *testing.T) {
	tests := []struct {
		name        string
		direct      bool // one message was sent to the dead letters by the application itself
		destination string
		status      string
		reason      string
		back        []string // in uploads afterwards
	}{
		{"back to the source", false, "", "COMPLETED", "", []string{"failed"}},
		{"to a destination", false, uploads, "COMPLETED", "", []string{"failed"}},
		{"sent directly, back to the source", true, "", "FAILED", "CouldNotDetermineMessageSource", []string{"failed"}},
		{"sent directly, to a destination", true, uploads, "COMPLETED", "", []string{"failed", "handed off"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, pair())
			client, _ := overHTTP(t, s)
			bury(t, s, "failed")
			if tt.direct {
				send(t, s, dead, "handed off")
			}
			in := &api.StartMessageMoveTaskInput{SourceArn: aws.String(dead)}
			if tt.destination != "" {
				in.DestinationArn = aws.String(tt.destination)
			}
			if _, err := client.StartMessageMoveTask(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			task := finished(t, client)
			if *task.Status != tt.status || aws.ToString(task.FailureReason) != tt.reason || task.TaskHandle != nil {
				t.Errorf("task %s %s %v", *task.Status, aws.ToString(task.FailureReason), task.TaskHandle)
			}
			if task.ApproximateNumberOfMessagesMoved != int64(len(tt.back)) {
				t.Errorf("moved %d, want %d", task.ApproximateNumberOfMessagesMoved, len(tt.back))
			}
			got := receive(t, s, uploads)
			if diff := cmp.Diff(tt.back, bodies(got)); diff != "" {
				t.Fatalf("in uploads (-want +got):\n%s", diff)
			}
			if n := got[0].Attributes["ApproximateReceiveCount"]; n != "1" {
				t.Errorf("receive count %s after the move, want a fresh one", n)
			}
			if _, ok := got[0].Attributes["DeadLetterQueueSourceArn"]; ok {
				t.Error("a moved message still names a source")
			}
			if left := receive(t, s, dead); tt.status == "FAILED" != (len(left) == 1) {
				t.Errorf("left in the dead letters: %v", left)
			}
		})
	}
}

func TestMoveTaskCannotStart(t *testing.T) {
	t.Parallel()
	client, _ := overHTTP(t, newService(t, pair()))
	tests := []struct {
		name                string
		source, destination string
		want                string
	}{
		{"not a dead-letter queue", uploads, "", "InvalidParameterValue"},
		{"no such source", uploads + "x", "", "ResourceNotFoundException"},
		{"no such destination", dead, uploads + "x", "ResourceNotFoundException"},
		{"to itself", dead, dead, "InvalidParameterValue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := &api.StartMessageMoveTaskInput{SourceArn: aws.String(tt.source)}
			if tt.destination != "" {
				in.DestinationArn = aws.String(tt.destination)
			}
			_, err := client.StartMessageMoveTask(t.Context(), in)
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
