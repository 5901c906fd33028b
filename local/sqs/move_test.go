package sqs_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/sqs"
)

// bury lets a message fail three times, so that redrive takes it to the dead letters.
func bury(t *testing.T, s *sqs.Service, body string) {
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

// finished is the newest task of the dead letters, once it has ended.
func finished(t *testing.T, client *api.Client) types.ListMessageMoveTasksResultEntry {
	t.Helper()
	for {
		out, err := client.ListMessageMoveTasks(t.Context(), &api.ListMessageMoveTasksInput{SourceArn: aws.String(dead)})
		if err != nil {
			t.Fatal(err)
		}
		if task := out.Results[0]; *task.Status != "RUNNING" {
			return task
		}
	}
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
			s := sqs.New(pair())
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
	client, _ := overHTTP(t, sqs.New(pair()))
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

func TestMoveTaskRateAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sqs.New(pair())
		client := inBubble(s)
		for _, body := range []string{"1", "2", "3"} {
			send(t, s, dead, body)
		}
		start := func() (*api.StartMessageMoveTaskOutput, error) {
			return client.StartMessageMoveTask(t.Context(), &api.StartMessageMoveTaskInput{SourceArn: aws.String(dead), DestinationArn: aws.String(uploads), MaxNumberOfMessagesPerSecond: aws.Int32(1)})
		}
		started, err := start()
		if err != nil {
			t.Fatal(err)
		}
		var e smithy.APIError
		if _, err := start(); !errors.As(err, &e) || e.ErrorCode() != "InvalidParameterValue" {
			t.Errorf("a second task at once: %v", err)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		out, err := client.ListMessageMoveTasks(t.Context(), &api.ListMessageMoveTasksInput{SourceArn: aws.String(dead), MaxResults: aws.Int32(10)})
		if err != nil || len(out.Results) != 1 {
			t.Fatalf("tasks %v, %v", out, err)
		}
		task := out.Results[0]
		if *task.Status != "RUNNING" || *task.TaskHandle != *started.TaskHandle || task.ApproximateNumberOfMessagesMoved != 2 || *task.ApproximateNumberOfMessagesToMove != 3 {
			t.Errorf("after 1.5 s: %s, %d of %d moved", *task.Status, task.ApproximateNumberOfMessagesMoved, *task.ApproximateNumberOfMessagesToMove)
		}
		cancel := func() (*api.CancelMessageMoveTaskOutput, error) {
			return client.CancelMessageMoveTask(t.Context(), &api.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle})
		}
		cancelled, err := cancel()
		if err != nil || cancelled.ApproximateNumberOfMessagesMoved != 2 {
			t.Fatalf("cancelled %v, %v", cancelled, err)
		}
		if task := finished(t, client); *task.Status != "CANCELLED" {
			t.Errorf("status %s", *task.Status)
		}
		var unsupported *types.UnsupportedOperation
		if _, err := cancel(); !errors.As(err, &unsupported) {
			t.Errorf("cancelled twice: %v", err)
		}
		if got := receive(t, s, uploads); len(got) != 2 {
			t.Errorf("in uploads: %v", got)
		}
	})
}

func TestCloseStopsMoveTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sqs.New(pair())
		send(t, s, dead, "1")
		send(t, s, dead, "2")
		if _, err := inBubble(s).StartMessageMoveTask(t.Context(), &api.StartMessageMoveTaskInput{SourceArn: aws.String(dead), DestinationArn: aws.String(uploads), MaxNumberOfMessagesPerSecond: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("close waited %v for the task", waited)
		}
	})
}
