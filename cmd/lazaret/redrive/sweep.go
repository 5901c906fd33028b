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
	// batch is SQS's most for every batch operation.
	batch = 10
	// hold is how long a message stays hidden when nobody gives it back: long
	// enough to page through some ten thousand, short enough to wait for after
	// a kill -9.
	hold = 5 * time.Minute
	// patience is how many messages in a row may be none of ours before a sweep
	// ends, over as many as it holds: a queue that fills faster than it is read
	// has no end.
	patience = 100
	// hurry bounds one request that is carried to its end although the command
	// was told to stop, so that its effect is known.
	hurry = 30 * time.Second
)

// sweep receives every message that was in a queue when it began, once. SQS has
// no cursor: what was seen has to stay hidden until the end, and is then given
// back. A standard queue may deliver a message twice, and does so when the
// sweep takes longer than hold.
type sweep struct {
	queue deadLetters
	url   string
	began time.Time         // messages sent later are not part of it
	held  map[string]string // message id -> latest receipt, of what goes back
	gone  map[string]bool   // ids of messages that were deleted, or are to be
	newer int               // messages that arrived since
	lost  int               // answers that did not arrive: their messages are hidden, and nobody has them
	full  bool              // SQS hides no more messages than it did

	idle, limit int // see patience
}

// next receives up to ten messages not seen before. None, without an error, is
// the end of the queue.
func (s *sweep) next(ctx context.Context) ([]types.Message, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		received, err := s.receive(ctx)
		if err != nil || len(received) == 0 {
			return nil, err
		}
		var fresh, again []types.Message
		for _, m := range received {
			id := aws.ToString(m.MessageId)
			_, seen := s.held[id]
			switch {
			case s.gone[id]:
				again = append(again, m)
				continue
			case !seen && s.sent(m).Before(s.began):
				fresh = append(fresh, m)
			case !seen:
				s.newer++
			}
			s.held[id] = aws.ToString(m.ReceiptHandle)
		}
		_, _ = s.remove(ctx, again) // counted when it failed first; what fails again comes again
		if len(fresh) > 0 {
			s.idle, s.limit = 0, len(s.held)+patience
			return fresh, nil
		}
		if s.idle += len(received); s.idle > s.limit {
			return nil, nil
		}
	}
}

// receive is not interrupted: messages whose receipts are lost on the way stay
// hidden for nothing.
func (s *sweep) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := finishing(ctx)
	defer cancel()
	out, err := s.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &s.url, MaxNumberOfMessages: batch, VisibilityTimeout: int32(hold / time.Second),
		WaitTimeSeconds:             1, // a short poll asks a few of SQS's servers, and may find none where there are some
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		MessageAttributeNames:       []string{"All"},
	})
	if _, ok := errors.AsType[*types.OverLimit](err); ok {
		s.full = true
		return nil, nil
	}
	if err != nil {
		s.lost += unanswered(err)
		return nil, err
	}
	attempts, _ := retry.GetAttemptResults(out.ResultMetadata)
	for _, a := range attempts.Results {
		s.lost += unanswered(a.Err)
	}
	return out.Messages, nil
}

// unanswered is 1 for the error of an attempt that SQS may have carried out, 0
// for none and for a refusal.
func unanswered(err error) int {
	if _, refused := errors.AsType[smithy.APIError](err); err == nil || refused {
		return 0
	}
	return 1
}

// sent is when SQS took the message; what brings no time is taken for old.
func (s *sweep) sent(m types.Message) time.Time {
	ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// remove deletes messages and returns how many of them it could not; those
// become visible after hold, and are deleted when this sweep receives them again.
func (s *sweep) remove(ctx context.Context, messages []types.Message) (left int, err error) {
	if len(messages) == 0 {
		return 0, nil
	}
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &s.url}
	for i, m := range messages {
		s.gone[aws.ToString(m.MessageId)] = true
		delete(s.held, aws.ToString(m.MessageId))
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: entry(i), ReceiptHandle: m.ReceiptHandle})
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	out, err := s.queue.DeleteMessageBatch(ctx, in)
	if err != nil {
		return len(messages), err
	}
	return len(messages) - len(out.Successful), nil
}

// giveBack makes what is held visible again, also after ctx has ended, and
// returns how many messages stay hidden until hold is over.
func (s *sweep) giveBack(ctx context.Context) (hidden int) {
	var receipts []string
	for _, receipt := range s.held {
		receipts = append(receipts, receipt)
	}
	unreturned := make([]int, (len(receipts)+batch-1)/batch)
	var group errgroup.Group
	group.SetLimit(4)
	for i := range unreturned {
		group.Go(func() error {
			part := receipts[i*batch : min(len(receipts), (i+1)*batch)]
			unreturned[i] = len(part) - s.show(ctx, part)
			return nil
		})
	}
	_ = group.Wait()
	for _, n := range unreturned {
		hidden += n
	}
	return hidden
}

// show makes up to ten messages visible and returns how many it did. One that
// is visible already, because hold was over, is refused and counts as hidden:
// that errs on the cautious side.
func (s *sweep) show(ctx context.Context, receipts []string) int {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &s.url}
	for i, receipt := range receipts {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: entry(i), ReceiptHandle: aws.String(receipt), VisibilityTimeout: 0})
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	out, err := s.queue.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		return 0
	}
	return len(out.Successful)
}

// entry is the id of a batch's entry i.
func entry(i int) *string { return aws.String(strconv.Itoa(i)) }

// finishing is a context for one request that is not to be interrupted.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), hurry)
}
