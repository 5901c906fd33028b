package verify

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/upload"
)

// attribute is the name of a message attribute whose value is the id of the run. Dispatch copies it to the dead letter:
// docs/adr/0017-the-letter-of-a-verification.md.
const attribute = "lazaret-verify"

const (
	// releaseEvery is how long the dead letters of others stay hidden while this run reads the queue.
	releaseEvery = 5 * time.Second
	// visibilityTimeout is how long they stay hidden if this run cannot make them visible again.
	visibilityTimeout = 30 * time.Second
)

var checkPoison = Check{
	Name:  "poison",
	Claim: "a message that is no event ends among the dead letters",
	Needs: []string{
		"sqs:SendMessage",
		"sqs:ReceiveMessage",
		"sqs:DeleteMessage",
		"sqs:ChangeMessageVisibility",
		"sqs:GetQueueAttributes",
	},
	Run: func(ctx context.Context, r *run) Line {
		uploads, dead := r.stack.Outputs["UploadQueueUrl"], r.stack.Outputs["DeadLetterQueueUrl"]
		if line := r.checkQueues(ctx, uploads, dead, "no upload is scanned"); line != nil {
			return *line
		}
		body, err := json.Marshal(
			map[string]string{"note": "sent by lazaret verify; this is no event and is removed again", "run": r.id},
		)
		if err != nil {
			return fail("write a message: %v", err)
		}
		if _, err := r.sqs.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl:    &uploads,
			MessageBody: aws.String(string(body)),
			MessageAttributes: map[string]types.MessageAttributeValue{
				attribute: {DataType: aws.String("String"), StringValue: &r.id},
			},
		}); err != nil {
			return errorLine(ctx, err, "send a message to "+queue(uploads), "sqs:SendMessage")
		}
		r.messageSent.Store(true)
		sent := time.Now()
		limited, cancel := context.WithTimeout(ctx, r.StartWithin)
		defer cancel()
		letters, others, err := r.receive(limited, dead, 1, r.hasMark)
		took := time.Since(sent).Round(10 * time.Millisecond)
		switch {
		case err != nil && limited.Err() == nil:
			return errorLine(ctx, err, "receive from "+queue(dead), "sqs:ReceiveMessage")
		case len(letters) == 0 && ctx.Err() != nil:
			return errorLine(ctx, ctx.Err(), "find its letter", "")
		case len(letters) == 0:
			return fail("it was in no letter of %s after %s: %s", queue(dead), took, r.queueState(ctx))
		}
		r.letterRemoved.Store(true)
		says := func(name string) string { return brief(aws.ToString(letters[0].MessageAttributes[name].StringValue)) }
		if says(upload.ErrorAttribute) != upload.NotUnderstood {
			return fail(
				"it arrived after %s, but its letter says %q and not that it was not understood",
				took,
				says(upload.ErrorAttribute),
			)
		}
		return pass("after %s, as %s (%s), and removed; letters of others that were seen and given back: %d",
			took, upload.NotUnderstood, says(upload.CauseAttribute), others)
	},
}

// receive receives dead letters until it has found the wanted number of this run, or ctx ends, and deletes those. It
// makes all others visible again, every few seconds and at the end.
func (r *run) receive(
	ctx context.Context, url string, wanted int, isMine func(types.Message) bool,
) (letters []types.Message, others int, err error) {
	receipts, seen := map[string]string{}, map[string]bool{} // by message id
	defer func() { r.release(url, receipts) }()
	since := time.Now()
	for len(letters) < wanted {
		if ctx.Err() != nil {
			return letters, len(seen), ctx.Err()
		}
		out, err := r.sqs.ReceiveMessage(
			context.WithoutCancel(ctx),
			&sqs.ReceiveMessageInput{ // not interrupted: the messages of a lost answer stay hidden
				QueueUrl:              &url,
				MaxNumberOfMessages:   10,
				VisibilityTimeout:     int32(visibilityTimeout / time.Second),
				WaitTimeSeconds:       1,
				MessageAttributeNames: []string{"All"},
			},
		)
		if err != nil {
			return letters, len(seen), err
		}
		for _, m := range out.Messages {
			if !isMine(m) {
				receipts[aws.ToString(m.MessageId)] = aws.ToString(m.ReceiptHandle)
				seen[aws.ToString(m.MessageId)] = true
				continue
			}
			_, err := r.sqs.DeleteMessage(
				context.WithoutCancel(ctx),
				&sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle},
			)
			if err != nil {
				return letters, len(seen), err
			}
			letters = append(letters, m)
		}
		if time.Since(since) > releaseEvery {
			r.release(url, receipts)
			clear(receipts)
			since = time.Now()
		}
	}
	return letters, len(seen), nil
}

// hasMark reports whether a message has the attribute of this run.
func (r *run) hasMark(m types.Message) bool {
	return aws.ToString(m.MessageAttributes[attribute].StringValue) == r.id
}

// isOfRun reports whether a message has the attribute of this run or is about one of its objects.
func (r *run) isOfRun(m types.Message) bool {
	return r.hasMark(m) || strings.Contains(aws.ToString(m.Body), r.id)
}

// release makes messages visible again, also after the run was stopped.
func (r *run) release(url string, receipts map[string]string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var entries []types.ChangeMessageVisibilityBatchRequestEntry
	flush := func() {
		if len(entries) > 0 {
			// If this fails, the messages are visible after visibilityTimeout.
			_, _ = r.sqs.ChangeMessageVisibilityBatch(
				ctx,
				&sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: entries},
			)
		}
		entries = nil
	}
	for _, receipt := range receipts {
		entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(entries))), ReceiptHandle: &receipt, VisibilityTimeout: 0,
		})
		if len(entries) == 10 {
			flush()
		}
	}
	flush()
}
