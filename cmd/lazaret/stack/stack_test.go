package stack_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
)

type fakeSQS struct {
	url func(name string) error
	arn string
}

func (f fakeSQS) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	if err := f.url(*in.QueueName); err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String("https://sqs/" + *in.QueueName)}, nil
}

func (f fakeSQS) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	if !strings.HasSuffix(*in.QueueUrl, "-uploads") {
		return nil, errors.New("not the uploads queue")
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"QueueArn": f.arn}}, nil
}

func TestFind(t *testing.T) {
	t.Parallel()
	there := func(string) error { return nil }
	const arn = "arn:aws-us-gov:sqs:us-gov-west-1:111122223333:av-uploads"
	tests := []struct {
		name     string
		url      func(string) error
		arn      string
		fails    bool
		notFound bool
	}{
		{"there", there, arn, false, false},
		{"no queue", func(string) error { return &types.QueueDoesNotExist{} }, arn, true, true},
		{"one queue of the two", func(name string) error {
			if name == "av-dead-letters" {
				return &types.QueueDoesNotExist{}
			}
			return nil
		}, arn, true, true},
		{"refused", func(string) error { return errors.New("AccessDenied") }, arn, true, false},
		{"an ARN that is none", there, "x", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := stack.Find(t.Context(), fakeSQS{tt.url, tt.arn}, "av")
			if (err != nil) != tt.fails || errors.Is(err, stack.ErrNotFound) != tt.notFound {
				t.Fatalf("error is %v", err)
			}
			if err != nil {
				return
			}
			if s.Uploads != "https://sqs/av-uploads" || s.DeadLetters != "https://sqs/av-dead-letters" {
				t.Errorf("queues %s, %s", s.Uploads, s.DeadLetters)
			}
			if got, want := s.Execution("x"), "arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:av-scan:x"; got != want {
				t.Errorf("execution %s, want %s", got, want)
			}
		})
	}
}
