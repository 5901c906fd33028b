package deployment_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// fakeSQS has the queues of a stack; urlError is the answer to GetQueueUrl.
type fakeSQS struct {
	urlError func(name string) error
	arn      string
}

func (f fakeSQS) GetQueueUrl(
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	if err := f.urlError(*in.QueueName); err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String("https://sqs/" + *in.QueueName)}, nil
}

func (f fakeSQS) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	if !strings.HasSuffix(*in.QueueUrl, "-uploads") {
		return nil, errors.New("not the uploads queue")
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"QueueArn": f.arn}}, nil
}

func TestFind(t *testing.T) {
	t.Parallel()
	exists := func(string) error { return nil }
	const arn = "arn:aws-us-gov:sqs:us-gov-west-1:111122223333:av-uploads"
	tests := []struct {
		name     string
		urlError func(string) error
		arn      string
		fails    bool
		notFound bool
		says     string // in the error
	}{
		{name: "all queues", urlError: exists, arn: arn},
		{
			name: "no queue", urlError: func(string) error { return &types.QueueDoesNotExist{} },
			arn: arn, fails: true, notFound: true,
		},
		{
			name: "a stack of an older version",
			urlError: func(name string) error {
				if name == "av-rescans" {
					return &types.QueueDoesNotExist{}
				}
				return nil
			},
			arn: arn, fails: true, notFound: true, says: "older than this command",
		},
		{
			name: "refused", urlError: func(string) error { return errors.New("AccessDenied") },
			arn: arn, fails: true,
		},
		{name: "invalid ARN", urlError: exists, arn: "x", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := deployment.Find(t.Context(), fakeSQS{urlError: test.urlError, arn: test.arn}, "av")
			if (err != nil) != test.fails || errors.Is(err, deployment.ErrNotFound) != test.notFound {
				t.Fatalf("got error %v, want one: %v, ErrNotFound: %v", err, test.fails, test.notFound)
			}
			if err != nil {
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("got error %v, want %q in it", err, test.says)
				}
				return
			}
			executions := s.Executions()
			const machine = "arn:aws-us-gov:states:us-gov-west-1:111122223333:stateMachine:av-scan"
			for what, pair := range map[string][2]string{
				"uploads queue":     {s.Uploads, "https://sqs/av-uploads"},
				"rescans queue":     {s.Rescans, "https://sqs/av-rescans"},
				"dead-letter queue": {s.DeadLetters, "https://sqs/av-dead-letters"},
				"function":          {s.Function("dispatch"), "av-dispatch"},
				"bucket":            {s.Bucket("clean"), "av-clean-111122223333-us-gov-west-1"},
				"STANDARD machine":  {executions.Standard, machine},
				"EXPRESS machine":   {executions.Express, machine + "-express"},
				"sweeps":            {s.Sweeps().Standard, strings.TrimSuffix(machine, "scan") + "sweep"},
				"log group":         {s.LogGroup(), "/lazaret/av"},
				"account":           {s.Account(), "111122223333"},
				"region":            {s.Region(), "us-gov-west-1"},
				"EXPRESS log":       {executions.ExpressLog, "/aws/vendedlogs/states/av-express"},
			} {
				if got, want := pair[0], pair[1]; got != want {
					t.Errorf("%s: got %s, want %s", what, got, want)
				}
			}
		})
	}
}
