package sqs_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// bury lets a message fail three times, so that redrive takes it to the dead letters.
func bury(t *testing.T, s service, body string) {
	t.Helper()
	send(t, s, uploads, body)
	for range 3 {
		for _, m := range receive(t, s, uploads) {
			if err := s.Release(uploads, m.ReceiptHandle); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := receive(t, s, uploads); len(got) != 0 {
		t.Fatalf("got %v in uploads, want nothing", got)
	}
}

func TestMoveTask(t *testing.T) {
	t.Parallel()
	s := newService(t, pair())
	client, _ := overHTTP(t, s)
	bury(t, s, "failed")
	send(t, s, dead, "sent")
	in := &api.StartMessageMoveTaskInput{SourceArn: aws.String(dead), DestinationArn: aws.String(uploads)}
	if _, err := client.StartMessageMoveTask(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	got := receive(t, s, uploads)
	if diff := cmp.Diff([]string{"failed", "sent"}, bodies(got)); diff != "" {
		t.Fatalf("in uploads (-want +got):\n%s", diff)
	}
	if n := got[0].Attributes["ApproximateReceiveCount"]; n != "1" {
		t.Errorf("got receive count %s after the move, want 1", n)
	}
	if left := receive(t, s, dead); len(left) != 0 {
		t.Errorf("got %v in the dead letters after the move, want nothing", bodies(left))
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
		{"not a dead-letter queue", uploads, dead, "InvalidParameterValue"},
		{"no such source", uploads + "x", dead, "ResourceNotFoundException"},
		{"no such destination", dead, uploads + "x", "ResourceNotFoundException"},
		{"no destination", dead, "", "MissingParameter"},
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
