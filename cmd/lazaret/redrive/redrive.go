// Package redrive looks through a stack's dead letters and sends them back to
// its uploads queue, each body as it is: that dispatch then starts the next
// attempt is package upload's doing. A letter is deleted only after SQS has
// accepted its copy, so that stopping at any point loses nothing; at worst one
// is in both queues, which is harmless, because both start the same execution.
// The operator's command calls it.
package redrive

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
)

// deadLetters is what is asked of the queue that is emptied.
type deadLetters interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// uploads is what is asked of the queue that is filled.
type uploads interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// Redriver works on the dead letters of one stack. It is not for several
// goroutines at a time.
type Redriver struct {
	from  deadLetters
	to    uploads
	stack stack.Stack
}

// New makes a Redriver for the stack; client is an *sqs.Client.
func New(client interface {
	deadLetters
	uploads
}, s stack.Stack,
) *Redriver {
	return &Redriver{from: client, to: client, stack: s}
}

// Result counts what became of the letters.
type Result struct {
	Seen     int // that were there when it began, each counted once
	Chosen   int // of those, by the caller
	Redriven int // sent to the uploads queue
	Both     int // of those, still among the dead letters, because deleting failed
	Failures []Failure

	Newer  int  // arrived since it began: none of this run's business
	Again  int  // are about what this run has redriven already, and stay: most of them failed again
	Busy   int  // were hidden at the beginning: somebody else is looking at them
	Lost   int  // answers of SQS, with up to ten letters each, that did not arrive
	Hidden int  // could not be given back; visible again after five minutes
	More   bool // SQS refused to hand out more; a second run sees the rest
}

// Failure is a letter that the uploads queue did not take; it stays where it is.
type Failure struct {
	Letter Letter
	Reason string
}

// List shows every letter to choose and leaves the queue as it was. A limit over
// zero ends it when choose has picked so many. The result counts also when there
// is an error.
func (r *Redriver) List(ctx context.Context, limit int, choose func(Letter) bool) (Result, error) {
	return r.sweep(ctx, limit, choose, nil)
}

// Redrive sends the letters that choose picks to the uploads queue, at most
// limit when that is over zero, and calls progress after each batch received.
// When ctx ends it stops between two batches. The result counts also when there
// is an error.
func (r *Redriver) Redrive(ctx context.Context, limit int, choose func(Letter) bool, progress func(Result)) (Result, error) {
	return r.sweep(ctx, limit, choose, progress)
}

// sweep goes through the queue once. Without progress it sends nothing.
func (r *Redriver) sweep(ctx context.Context, limit int, choose func(Letter) bool, progress func(Result)) (result Result, err error) {
	began, busy, err := r.look(ctx)
	if err != nil {
		return result, err
	}
	result.Busy = busy
	s := &sweep{queue: r.from, url: r.stack.DeadLetters, began: began, held: map[string]string{}, gone: map[string]bool{}, limit: patience}
	defer func() {
		result.Newer, result.Lost, result.More, result.Hidden = s.newer, s.lost, s.full, s.giveBack(ctx)
	}()
	sent := jobs{}
	for limit == 0 || result.Chosen < limit {
		messages, err := s.next(ctx)
		if err != nil {
			return result, fmt.Errorf("receive from %s-dead-letters: %w", r.stack.Name, err)
		}
		if len(messages) == 0 {
			break
		}
		var chosen []parcel
		for _, m := range messages {
			p := parcel{m, Read(aws.ToString(m.Body))}
			p.letter.MessageID = aws.ToString(m.MessageId)
			if sent.has(p.letter) {
				result.Again++
				continue
			}
			result.Seen++
			if (limit == 0 || result.Chosen < limit) && choose(p.letter) {
				result.Chosen++
				chosen = append(chosen, p)
				if progress != nil {
					sent.add(p.letter)
				}
			}
		}
		if progress == nil {
			continue
		}
		for _, load := range loads(chosen) {
			if err := r.move(ctx, s, load, &result); err != nil {
				return result, err
			}
		}
		progress(result)
	}
	return result, nil
}

// jobs are those that a run has redriven. No clock tells what comes back within
// the second in which the run began; without them a letter whose cause is still
// there would go round and round.
type jobs map[string]bool

func (s jobs) add(l Letter) {
	for _, work := range l.works {
		s[work] = true
	}
}

// has reports whether everything that the letter is about was redriven.
func (s jobs) has(l Letter) bool {
	return len(l.works) > 0 && !slices.ContainsFunc(l.works, func(work string) bool { return !s[work] })
}

// look asks how many letters somebody else holds and what time it is at SQS:
// letters are told from newer ones by SQS's clock, not by this machine's.
func (r *Redriver) look(ctx context.Context) (began time.Time, busy int, err error) {
	hidden := types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := r.from.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &r.stack.DeadLetters, AttributeNames: []types.QueueAttributeName{hidden},
	})
	if err != nil {
		return began, 0, fmt.Errorf("look at %s-dead-letters: %w", r.stack.Name, err)
	}
	began, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok {
		began = time.Now()
	}
	busy, _ = strconv.Atoi(out.Attributes[string(hidden)]) // for a remark only
	return began.Truncate(time.Second).Add(time.Second), busy, nil
}
