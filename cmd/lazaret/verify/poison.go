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

// attribute marks the message of a run, and its letter where dispatch keeps it; the value
// is the run. See docs/adr/0017-the-letter-of-a-verification.md.
const attribute = "lazaret-verify"

// How long messages of others are kept hidden: for paging through the queue,
// and what SQS does when nobody gives them back.
const (
	holdOthers = 5 * time.Second
	hold       = 30 * time.Second
)

var poisonIsDead = Check{
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
		if line := r.linked(ctx, uploads, dead); line != nil {
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
			return unknown(ctx, err, "send a message to "+queue(uploads), "sqs:SendMessage")
		}
		r.sent.Store(true)
		sent := time.Now()
		limited, cancel := context.WithTimeout(ctx, r.StartWithin)
		defer cancel()
		letters, others, err := r.collect(limited, dead, 1, r.marked)
		took := time.Since(sent).Round(10 * time.Millisecond)
		switch {
		case err != nil && limited.Err() == nil:
			return unknown(ctx, err, "receive from "+queue(dead), "sqs:ReceiveMessage")
		case len(letters) == 0 && ctx.Err() != nil:
			return unknown(ctx, ctx.Err(), "find its letter", "")
		case len(letters) == 0:
			return fail("it was in no letter of %s after %s: %s", queue(dead), took, r.waiting(ctx))
		}
		r.removed.Store(true)
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

// linked is the line of queues that are not there, or not connected.
func (r *run) linked(ctx context.Context, uploads, dead string) *Line {
	line := func(l Line) *Line { return &l }
	look := func(url string, name types.QueueAttributeName) (string, error) {
		out, err := r.sqs.GetQueueAttributes(
			ctx,
			&sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name}},
		)
		if err != nil {
			return "", err
		}
		return out.Attributes[string(name)], nil
	}
	arn, err := look(dead, types.QueueAttributeNameQueueArn)
	switch {
	case missing(err):
		return line(fail("there is no queue %s: what gets no verdict is lost", queue(dead)))
	case err != nil:
		return line(unknown(ctx, err, "look at "+queue(dead), "sqs:GetQueueAttributes"))
	}
	policy, err := look(uploads, types.QueueAttributeNameRedrivePolicy)
	switch {
	case missing(err):
		return line(fail("there is no queue %s: no upload is scanned", queue(uploads)))
	case err != nil:
		return line(unknown(ctx, err, "look at "+queue(uploads), "sqs:GetQueueAttributes"))
	case !strings.Contains(policy, `"`+arn+`"`):
		return line(
			fail("%s does not hand what fails to %s: its redrive policy is %q", queue(uploads), queue(dead), policy),
		)
	}
	return nil
}

// collect receives from the dead letters until it has found so many that are mine, or ctx
// ends, and deletes those. Everything else is given back, unread by anybody: at once in
// the end, and every few seconds meanwhile.
func (r *run) collect(
	ctx context.Context, url string, wanted int, mine func(types.Message) bool,
) (letters []types.Message, others int, err error) {
	held, seen := map[string]string{}, map[string]bool{} // by message id
	defer func() { r.giveBack(url, held) }()
	since := time.Now()
	for len(letters) < wanted {
		if ctx.Err() != nil {
			return letters, len(seen), ctx.Err()
		}
		out, err := r.sqs.ReceiveMessage(
			context.WithoutCancel(ctx),
			&sqs.ReceiveMessageInput{ // what is lost on its way stays hidden
				QueueUrl:              &url,
				MaxNumberOfMessages:   10,
				VisibilityTimeout:     int32(hold / time.Second),
				WaitTimeSeconds:       1,
				MessageAttributeNames: []string{"All"},
			},
		)
		if err != nil {
			return letters, len(seen), err
		}
		for _, m := range out.Messages {
			if !mine(m) {
				held[aws.ToString(m.MessageId)], seen[aws.ToString(m.MessageId)] = aws.ToString(m.ReceiptHandle), true
				continue
			}
			if _, err := r.sqs.DeleteMessage(
				context.WithoutCancel(ctx),
				&sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle},
			); err != nil {
				return letters, len(seen), err
			}
			letters = append(letters, m)
		}
		if time.Since(since) > holdOthers {
			r.giveBack(url, held)
			clear(held)
			since = time.Now()
		}
	}
	return letters, len(seen), nil
}

// marked reports whether a message carries the mark of this run.
func (r *run) marked(m types.Message) bool {
	return aws.ToString(m.MessageAttributes[attribute].StringValue) == r.id
}

// ours reports whether a message is of this run: it carries the mark, or is about one of
// the run's objects.
func (r *run) ours(m types.Message) bool {
	return r.marked(m) || strings.Contains(aws.ToString(m.Body), r.id)
}

func (r *run) giveBack(url string, held map[string]string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var entries []types.ChangeMessageVisibilityBatchRequestEntry
	flush := func() {
		if len(entries) > 0 {
			// What is not given back is visible again when hold is over.
			_, _ = r.sqs.ChangeMessageVisibilityBatch(
				ctx,
				&sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: entries},
			)
		}
		entries = nil
	}
	for _, receipt := range held {
		entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(entries))), ReceiptHandle: &receipt, VisibilityTimeout: 0,
		})
		if len(entries) == 10 {
			flush()
		}
	}
	flush()
}
