// Package stack finds the parts of a deployed Lazaret by the names that
// template.yaml gives them, so that an operator types the stack's name and
// nothing else. It asks SQS only: the queue's ARN tells partition, region and
// account too. The operator's commands call it; it never changes anything.
package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// ErrNotFound says that there is no such stack where was looked.
var ErrNotFound = errors.New("no such stack")

// api is what finding takes.
type api interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Stack is a deployed Lazaret.
type Stack struct {
	Name        string
	Uploads     string // the queue's URL
	DeadLetters string // the queue's URL

	uploads arn.ARN
}

// Find looks for the stack called name. The error is an ErrNotFound when one of
// its queues is missing.
func Find(ctx context.Context, client api, name string) (Stack, error) {
	s := Stack{Name: name}
	for queue, url := range map[string]*string{name + "-uploads": &s.Uploads, name + "-dead-letters": &s.DeadLetters} {
		out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
		if _, ok := errors.AsType[*types.QueueDoesNotExist](err); ok {
			return Stack{}, fmt.Errorf("%w: %q: this account and region have no queue %s", ErrNotFound, name, queue)
		}
		if err != nil {
			return Stack{}, fmt.Errorf("find queue %s: %w", queue, err)
		}
		*url = aws.ToString(out.QueueUrl)
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &s.Uploads, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return Stack{}, fmt.Errorf("ask for the ARN of queue %s-uploads: %w", name, err)
	}
	if s.uploads, err = arn.Parse(out.Attributes[string(types.QueueAttributeNameQueueArn)]); err != nil {
		return Stack{}, fmt.Errorf("read the ARN of queue %s-uploads: %w", name, err)
	}
	return s, nil
}

// Execution is the ARN of the scan machine's execution of that name.
func (s Stack) Execution(name string) string {
	a := s.uploads
	a.Service, a.Resource = "states", "execution:"+s.Name+"-scan:"+name
	return a.String()
}

// Bucket is the name of the stack's own bucket "uploads", "quarantine" or "clean".
func (s Stack) Bucket(name string) string {
	return s.Name + "-" + name + "-" + s.uploads.AccountID + "-" + s.uploads.Region
}
