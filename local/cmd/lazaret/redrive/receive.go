package redrive

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

const (
	// maxBatchMessages is the largest number of messages that SQS takes, or hands out, in one request.
	maxBatchMessages = 10
	// visibilityTimeout is how long a received message stays hidden: long enough to read some ten thousand messages,
	// short enough to wait for after the command was killed.
	visibilityTimeout = 5 * time.Minute
	// maxIdle is how many messages that are not new to the reader it receives in a row, beyond those that it has
	// hidden, before it ends. A queue that fills faster than it is read has no end.
	maxIdle = 100
	// requestTimeout bounds a request that is completed although the command was stopped, so that its effect is known.
	requestTimeout = 30 * time.Second
)

// reader receives each message that was in a queue when the run began, once. SQS has no cursor: received messages stay
// hidden until the end, and are then made visible again. A standard queue may deliver a message twice, and does so if
// the run takes longer than visibilityTimeout.
type reader struct {
	queue source
	url   string
	began time.Time // messages that were sent later are ignored

	receipts    map[string]string // message id -> latest receipt, of messages that are to be made visible again
	deleted     map[string]bool   // ids of messages that were deleted, or could not be deleted yet
	newer       int               // messages that were sent after the run began
	lostAnswers int               // answers that did not arrive; their messages are hidden
	overLimit   bool              // SQS hides no more messages

	idle      int // messages that were not new, in a row
	idleLimit int // see maxIdle
}

func newReader(queue source, url string, began time.Time) *reader {
	return &reader{
		queue: queue, url: url, began: began,
		receipts: map[string]string{}, deleted: map[string]bool{}, idleLimit: maxIdle,
	}
}

// next receives up to ten messages that it has not returned before. It returns none at the end of the queue.
func (r *reader) next(ctx context.Context) ([]types.Message, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		received, err := r.receive(ctx)
		if err != nil || len(received) == 0 {
			return nil, err
		}
		var fresh, redelivered []types.Message
		for _, m := range received {
			id := aws.ToString(m.MessageId)
			_, known := r.receipts[id]
			switch {
			case r.deleted[id]:
				redelivered = append(redelivered, m)
				continue
			case !known && sentAt(m).Before(r.began):
				fresh = append(fresh, m)
			case !known:
				r.newer++
			}
			r.receipts[id] = aws.ToString(m.ReceiptHandle)
		}
		_, _ = r.delete(ctx, redelivered) // already counted when deleting failed first; SQS delivers it again otherwise
		if len(fresh) > 0 {
			r.idle, r.idleLimit = 0, len(r.receipts)+maxIdle
			return fresh, nil
		}
		if r.idle += len(received); r.idle > r.idleLimit {
			return nil, nil
		}
	}
}

// receive is not interrupted: messages whose receipts do not arrive stay hidden.
func (r *reader) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	out, err := r.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:            &r.url,
		MaxNumberOfMessages: maxBatchMessages,
		VisibilityTimeout:   int32(visibilityTimeout / time.Second),
		// Without a wait SQS asks some of its servers only, and may find no message where there are some.
		WaitTimeSeconds:             1,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		MessageAttributeNames:       []string{"All"},
	})
	if _, ok := errors.AsType[*types.OverLimit](err); ok {
		r.overLimit = true
		return nil, nil
	}
	if err != nil {
		r.countLost(err)
		return nil, err
	}
	attempts, _ := retry.GetAttemptResults(out.ResultMetadata)
	for _, a := range attempts.Results {
		r.countLost(a.Err)
	}
	return out.Messages, nil
}

// countLost counts the error of an attempt that SQS may have carried out. An error that SQS has returned is none.
func (r *reader) countLost(err error) {
	if _, returned := errors.AsType[smithy.APIError](err); err != nil && !returned {
		r.lostAnswers++
	}
}

// sentAt returns when SQS accepted the message. A message without that time counts as old.
func sentAt(m types.Message) time.Time {
	text := m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)]
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// delete deletes messages and returns how many were not deleted. Those become visible after visibilityTimeout, and
// are deleted when this reader receives them again.
func (r *reader) delete(ctx context.Context, messages []types.Message) (notDeleted int, err error) {
	if len(messages) == 0 {
		return 0, nil
	}
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &r.url}
	for i, m := range messages {
		r.deleted[aws.ToString(m.MessageId)] = true
		delete(r.receipts, aws.ToString(m.MessageId))
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
			Id: entryID(i), ReceiptHandle: m.ReceiptHandle,
		})
	}
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	out, err := r.queue.DeleteMessageBatch(ctx, in)
	if err != nil {
		return len(messages), err
	}
	return len(messages) - len(out.Successful), nil
}

// release makes the received messages visible again, also after ctx has ended, and returns how many stay hidden until
// visibilityTimeout is over.
func (r *reader) release(ctx context.Context) (hidden int) {
	var receipts []string
	for _, receipt := range r.receipts {
		receipts = append(receipts, receipt)
	}
	hiddenOf := make([]int, (len(receipts)+maxBatchMessages-1)/maxBatchMessages) // by batch
	var group errgroup.Group
	group.SetLimit(4)
	for i := range hiddenOf {
		group.Go(func() error {
			batch := receipts[i*maxBatchMessages : min(len(receipts), (i+1)*maxBatchMessages)]
			hiddenOf[i] = len(batch) - r.makeVisible(ctx, batch)
			return nil
		})
	}
	_ = group.Wait()
	for _, n := range hiddenOf {
		hidden += n
	}
	return hidden
}

// makeVisible makes up to ten messages visible and returns how many it made so. SQS refuses a message that is visible
// already, because visibilityTimeout is over; such a message counts as hidden, which errs on the cautious side.
func (r *reader) makeVisible(ctx context.Context, receipts []string) int {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &r.url}
	for i, receipt := range receipts {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: entryID(i), ReceiptHandle: aws.String(receipt), VisibilityTimeout: 0,
		})
	}
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	out, err := r.queue.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		return 0
	}
	return len(out.Successful)
}

// uninterrupted returns a context for one request that goes on when ctx ends.
func uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
}
