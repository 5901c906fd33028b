// Package redrive reads the dead letters of a stack. It lists them, discards some, or sends them to the stack's rescans
// queue, so that they do not delay what is uploaded now. Each body is sent unchanged: package upload, which dispatch
// calls, derives the next attempt from it. A dead letter that is sent back is deleted only after SQS has accepted its
// copy, so that no interruption loses one. An interruption can leave a letter in both queues, which does no harm,
// because both copies are the same job.
package redrive

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// source are the operations on the dead-letter queue.
type source interface {
	GetQueueAttributes(
		context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(
		context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options),
	) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(
		context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(
		context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// destination is the operation on the rescans queue.
type destination interface {
	SendMessageBatch(
		context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.SendMessageBatchOutput, error)
}

// Queues are the operations on all queues: those of an *sqs.Client.
type Queues interface {
	source
	destination
}

// Redriver reads the dead letters of one stack. It is not for concurrent use.
type Redriver struct {
	deadLetters source
	rescans     destination
	stack       deployment.Stack
}

// New creates a Redriver for the stack.
func New(client Queues, stack deployment.Stack) *Redriver {
	return &Redriver{deadLetters: client, rescans: client, stack: stack}
}

// Result counts the dead letters of a run.
type Result struct {
	Seen     int // in the queue when the run began; each letter counts once
	Chosen   int // of those seen, chosen by the caller
	Redriven int // of those chosen, sent to the rescans queue
	InBoth   int // of those redriven, still in the dead-letter queue too, because deleting failed
	Failures []Failure

	Discarded  int // of those chosen, deleted for good
	NotDeleted int // of those chosen to be discarded, not deleted: SQS refused, or did not answer

	Newer          int  // arrived after the run began; left in the queue
	FailedAgain    int  // about objects that this run has redriven; left in the queue, since most of them failed again
	HiddenByOthers int  // hidden when the run began, because another reader had received them
	LostAnswers    int  // answers of SQS that did not arrive; each hides up to ten letters for five minutes
	StillHidden    int  // could not be made visible again at the end; visible after five minutes
	More           bool // SQS refused to hand out more; a second run finds the rest
}

// Failure is a dead letter that the rescans queue did not take. It stays in the dead-letter queue.
type Failure struct {
	Letter Letter
	Reason string
}

// List calls choose with every dead letter and leaves the queue as it was. With a limit above zero it ends after
// choose has returned true that many times. The result is valid with an error too.
func (r *Redriver) List(ctx context.Context, limit int, choose func(Letter) bool) (Result, error) {
	return r.run(ctx, limit, choose, false, nil)
}

// Discard deletes the letters for which choose returns true, for good. It calls keep with each batch before, and
// deletes nothing of a batch that keep has not taken. When ctx ends, it stops between two batches. The result is valid
// with an error too.
func (r *Redriver) Discard(
	ctx context.Context, choose func(Letter) bool, keep func([]Letter) error,
) (Result, error) {
	return r.run(ctx, 0, choose, false, func(reader *reader, chosen []letterMessage, result *Result) error {
		if len(chosen) == 0 {
			return nil
		}
		letters, messages := make([]Letter, len(chosen)), make([]types.Message, len(chosen))
		for i, c := range chosen {
			letters[i], messages[i] = c.letter, c.message
		}
		if err := keep(letters); err != nil {
			return err
		}
		notDeleted, err := reader.delete(ctx, messages)
		result.Discarded += len(messages) - notDeleted
		result.NotDeleted += notDeleted
		if err != nil {
			return fmt.Errorf("delete from %s-dead-letters: %w", r.stack.Name, err)
		}
		return nil
	})
}

// Redrive sends the letters for which choose returns true to the rescans queue, at most limit of them if that is above
// zero, and calls progress after each batch that it receives. When ctx ends, it stops between two batches. The result
// is valid with an error too.
func (r *Redriver) Redrive(
	ctx context.Context, limit int, choose func(Letter) bool, progress func(Result),
) (Result, error) {
	return r.run(ctx, limit, choose, true, func(reader *reader, chosen []letterMessage, result *Result) error {
		for _, batch := range batches(chosen) {
			if err := r.move(ctx, reader, batch, result); err != nil {
				return err
			}
		}
		progress(*result)
		return nil
	})
}

// act does something with the letters that were chosen among those of one receive.
type act func(reader *reader, chosen []letterMessage, result *Result) error

// run reads the queue once. Without an act it leaves the queue as it was. If the act sends letters back, a letter about
// a job that the run has sent back is left.
func (r *Redriver) run(
	ctx context.Context, limit int, choose func(Letter) bool, sends bool, act act,
) (result Result, err error) {
	began, hidden, err := r.begin(ctx)
	if err != nil {
		return result, err
	}
	result.HiddenByOthers = hidden
	reader := newReader(r.deadLetters, r.stack.DeadLetters, began)
	defer func() {
		result.Newer, result.LostAnswers, result.More = reader.newer, reader.lostAnswers, reader.overLimit
		result.StillHidden = reader.release(ctx)
	}()
	redriven := jobNames{}
	for limit == 0 || result.Chosen < limit {
		messages, err := reader.next(ctx)
		if err != nil {
			return result, fmt.Errorf("receive from %s-dead-letters: %w", r.stack.Name, err)
		}
		if len(messages) == 0 {
			break
		}
		var chosen []letterMessage
		for _, m := range messages {
			l := read(m)
			if redriven.hasAll(l) {
				result.FailedAgain++
				continue
			}
			result.Seen++
			if (limit == 0 || result.Chosen < limit) && choose(l) {
				result.Chosen++
				chosen = append(chosen, letterMessage{message: m, letter: l})
				if sends {
					redriven.add(l)
				}
			}
		}
		if act == nil {
			continue
		}
		if err := act(reader, chosen, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

// jobNames are the jobs that a run has redriven. A letter about one of them that comes back within the second in which
// the run began looks as old as the others. It is left, or it would be redriven for as long as its cause lasts.
type jobNames map[string]bool

func (n jobNames) add(l Letter) {
	for _, name := range l.jobs {
		n[name] = true
	}
}

// hasAll reports whether the run has redriven every job of the letter.
func (n jobNames) hasAll(l Letter) bool {
	return len(l.jobs) > 0 && !slices.ContainsFunc(l.jobs, func(name string) bool { return !n[name] })
}

// begin returns the time at which the run begins, by the clock of SQS, and how many letters another reader has
// hidden. This computer's clock may differ from the clock by which SQS says when a letter was sent.
func (r *Redriver) begin(ctx context.Context) (began time.Time, hidden int, err error) {
	attribute := types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := r.deadLetters.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &r.stack.DeadLetters, AttributeNames: []types.QueueAttributeName{attribute},
	})
	if err != nil {
		return began, 0, fmt.Errorf("read the attributes of %s-dead-letters: %w", r.stack.Name, err)
	}
	began, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok {
		began = time.Now()
	}
	hidden, _ = strconv.Atoi(out.Attributes[string(attribute)]) // only shown to the operator
	return began.Truncate(time.Second).Add(time.Second), hidden, nil
}
