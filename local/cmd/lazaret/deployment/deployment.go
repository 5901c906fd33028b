// Package deployment finds the queues, buckets and executions of a deployed stack by the names that template.yaml gives
// them, so that an operator types the stack's name only. It asks SQS alone: the ARN of a queue contains the partition,
// the region and the account.
package deployment

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// ErrNotFound says that the account has no such stack in this region.
var ErrNotFound = errors.New("no such stack")

// queues are the operations that Find calls.
type queues interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	GetQueueAttributes(
		context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
}

// Stack is a deployed stack.
type Stack struct {
	Name        string
	Uploads     string // URL of the uploads queue
	Rescans     string // URL of the rescans queue
	DeadLetters string // URL of the dead-letter queue

	uploadsARN arn.ARN
}

// Find returns the stack with this name. The error is an ErrNotFound if one of its queues does not exist.
func Find(ctx context.Context, client queues, name string) (Stack, error) {
	s := Stack{Name: name}
	for _, queue := range []struct {
		short string
		url   *string
	}{{"uploads", &s.Uploads}, {"dead-letters", &s.DeadLetters}, {"rescans", &s.Rescans}} {
		out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(s.Queue(queue.short))})
		if _, ok := errors.AsType[*types.QueueDoesNotExist](err); ok {
			return Stack{}, notFound(s, queue.short)
		}
		if err != nil {
			return Stack{}, fmt.Errorf("find queue %s: %w", s.Queue(queue.short), err)
		}
		*queue.url = aws.ToString(out.QueueUrl)
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &s.Uploads, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return Stack{}, fmt.Errorf("get the ARN of queue %s-uploads: %w", name, err)
	}
	s.uploadsARN, err = arn.Parse(out.Attributes[string(types.QueueAttributeNameQueueArn)])
	if err != nil {
		return Stack{}, fmt.Errorf("parse the ARN of queue %s-uploads: %w", name, err)
	}
	return s, nil
}

// notFound is the error about a stack without this queue. Versions before the queue of rescans had the two others.
func notFound(s Stack, queue string) error {
	err := fmt.Errorf("%w: %q: this account and region have no queue %s", ErrNotFound, s.Name, s.Queue(queue))
	if queue == "rescans" {
		return fmt.Errorf("%w; the stack is older than this command: deploy it again", err)
	}
	return err
}

// Function returns the name of one of the stack's functions, such as "dispatch".
func (s Stack) Function(short string) string { return s.Name + "-" + short }

// Queue returns the name of one of the stack's queues, such as "uploads".
func (s Stack) Queue(short string) string { return s.Name + "-" + short }

// Account returns the id of the account that the stack is in.
func (s Stack) Account() string { return s.uploadsARN.AccountID }

// Partition returns the partition that the stack is in, such as "aws".
func (s Stack) Partition() string { return s.uploadsARN.Partition }

// Region returns the region that the stack is in.
func (s Stack) Region() string { return s.uploadsARN.Region }

// IsLocal reports whether the stack is one of lazaret local, which uses test definitions and runs no schedule.
func (s Stack) IsLocal() bool { return s.uploadsARN.AccountID == "000000000000" }

// Sweeps says where the executions of the state machine are that looks through whole buckets.
func (s Stack) Sweeps() history.Source {
	machine := s.uploadsARN
	machine.Service, machine.Resource = "states", "stateMachine:"+s.Name+"-sweep"
	return history.Source{Standard: machine.String()}
}

// LogGroup returns the name of the log group of all functions.
func (s Stack) LogGroup() string { return "/lazaret/" + s.Name }

// Executions says where the stack's executions are. With Workflow=STANDARD there is no log group of express executions.
func (s Stack) Executions() history.Source {
	machine := s.uploadsARN
	machine.Service, machine.Resource = "states", "stateMachine:"+s.Name+"-scan"
	return history.Source{
		Standard: machine.String(), Express: machine.String() + "-express",
		ExpressLog: "/aws/vendedlogs/states/" + s.Name + "-express", FunctionLog: s.LogGroup(),
	}
}

// SweepMachine returns the ARN of the state machine of sweeps.
func (s Stack) SweepMachine() string {
	machine := s.uploadsARN
	machine.Service, machine.Resource = "states", "stateMachine:"+s.Name+"-sweep"
	return machine.String()
}

// Bucket returns the name of the stack's own bucket "uploads", "quarantine", "clean" or "records".
func (s Stack) Bucket(name string) string {
	return s.Name + "-" + name + "-" + s.uploadsARN.AccountID + "-" + s.uploadsARN.Region
}
