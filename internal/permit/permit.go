// Package permit limits how many objects are in work at once. A queue of SQS holds one message, a
// permit, for each object that may be in work. Whoever starts a scan takes a permit first, and keeps it
// invisible to others while the scan runs; or he deletes it, and somebody sends a new one when the scan
// ends. Waiting for a permit is a receive that waits, so that nobody polls.
//
// A permit is lost or doubled where a reply is lost or a process is killed between two calls. Counter
// finds that out and mends it. Until then one scan more or fewer runs, and nothing else depends on it.
package permit

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// API is what the package calls of SQS.
type API interface {
	LeaseAPI
	AttributesAPI
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	SendMessageBatch(
		context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.SendMessageBatchOutput, error)
}

// Pool is the queue of permits.
type Pool struct {
	SQS API
	URL string
}

// Take receives a permit, and waits for one for up to wait: whole seconds, 20 at most. The result is nil
// if none was free. A permit that is not kept (Lease.Keep) is free again after Term.
func (p Pool) Take(ctx context.Context, wait time.Duration) (*Lease, error) {
	out, err := p.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &p.URL, MaxNumberOfMessages: 1,
		WaitTimeSeconds: int32(wait / time.Second), VisibilityTimeout: int32(Term / time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("take a permit: %w", err)
	}
	if len(out.Messages) == 0 {
		return nil, nil //nolint:nilnil // that no permit is free is no error
	}
	return NewLease(p.SQS, p.URL, aws.ToString(out.Messages[0].ReceiptHandle)), nil
}

// Free returns about how many permits nobody has.
func (p Pool) Free(ctx context.Context) (int, error) {
	free, _, err := Depth(ctx, p.SQS, p.URL)
	return free, err
}
