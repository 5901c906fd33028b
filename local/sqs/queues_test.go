package sqs_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

func TestQueuesOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := newService(t, pair())
	client, _ := overHTTP(t, s)
	made, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("mine"), Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"` + dead + `","maxReceiveCount":"2"}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("mine")})
	if err != nil || *again.QueueUrl != *made.QueueUrl {
		t.Errorf("made again: %v, %v", again, err)
	}
	if _, err := client.SetQueueAttributes(t.Context(), &api.SetQueueAttributesInput{QueueUrl: made.QueueUrl, Attributes: map[string]string{
		"VisibilityTimeout": "7", "MessageRetentionPeriod": "60", "DelaySeconds": "1", "ReceiveMessageWaitTimeSeconds": "2", "Policy": "{}",
	}}); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetQueueAttributes(t.Context(), &api.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"QueueArn":                    "arn:aws:sqs:us-east-1:000000000000:mine",
		"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
		"VisibilityTimeout": "7", "MessageRetentionPeriod": "60", "DelaySeconds": "1", "ReceiveMessageWaitTimeSeconds": "2",
		"MaximumMessageSize": "1048576", "Policy": "{}",
		"RedrivePolicy": `{"deadLetterTargetArn":"` + dead + `","maxReceiveCount":2}`,
	}
	if diff := cmp.Diff(want, got.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if _, err := client.DeleteQueue(t.Context(), &api.DeleteQueueInput{QueueUrl: made.QueueUrl}); err != nil {
		t.Fatal(err)
	}
	left, err := client.ListQueues(t.Context(), &api.ListQueuesInput{QueueNamePrefix: aws.String("m")})
	if err != nil || len(left.QueueUrls) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestDeletingAQueueEndsItsReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		failed := make(chan error, 1)
		go func() {
			_, err := s.Receive(context.Background(), uploads, 1, time.Hour)
			failed <- err
		}()
		synctest.Wait()
		if _, err := inBubble(s).DeleteQueue(t.Context(), &api.DeleteQueueInput{QueueUrl: aws.String(uploads)}); err != nil {
			t.Fatal(err)
		}
		want := "QueueDoesNotExist: The specified queue does not exist."
		if err := <-failed; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}
