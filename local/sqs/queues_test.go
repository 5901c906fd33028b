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

func TestCreatedQueue(t *testing.T) {
	t.Parallel()
	client, _ := overHTTP(t, newService(t, pair()))
	made, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("mine")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("mine")})
	if err != nil || *again.QueueUrl != *made.QueueUrl {
		t.Errorf("second CreateQueue: got %v, %v, want %s", again, err, *made.QueueUrl)
	}
	attributes := func(names ...types.QueueAttributeName) map[string]string {
		t.Helper()
		got, err := client.GetQueueAttributes(
			t.Context(),
			&api.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: names},
		)
		if err != nil {
			t.Fatal(err)
		}
		return got.Attributes
	}
	setRedrive := func(policy string) {
		t.Helper()
		in := &api.SetQueueAttributesInput{QueueUrl: made.QueueUrl, Attributes: map[string]string{"RedrivePolicy": policy}}
		if _, err := client.SetQueueAttributes(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	setRedrive(`{"deadLetterTargetArn":"` + dead + `","maxReceiveCount":"2"}`)
	want := map[string]string{
		"QueueArn":                              "arn:aws:sqs:us-east-1:000000000000:mine",
		"ApproximateNumberOfMessages":           "0",
		"ApproximateNumberOfMessagesNotVisible": "0",
		"VisibilityTimeout":                     "30",
		"MessageRetentionPeriod":                "345600",
		"RedrivePolicy":                         `{"deadLetterTargetArn":"` + dead + `","maxReceiveCount":2}`,
	}
	if diff := cmp.Diff(want, attributes("All")); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	setRedrive("")
	if got := attributes("RedrivePolicy"); len(got) != 0 {
		t.Errorf("got %v after the redrive policy was removed, want nothing", got)
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
