package redrive

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// maxBatchBytes is the largest total size of the messages that SQS takes in one batch:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
const maxBatchBytes = 1 << 20

// letterMessage is a message of the dead-letter queue and the letter in its body.
type letterMessage struct {
	message types.Message
	letter  Letter
}

// size returns the size that SQS counts: the body, and the name, type and value of each attribute.
func (m letterMessage) size() int {
	n := len(aws.ToString(m.message.Body))
	for name, a := range m.message.MessageAttributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// batches divides messages into batches that SQS takes.
func batches(messages []letterMessage) [][]letterMessage {
	var all [][]letterMessage
	size := 0
	for _, m := range messages {
		last := len(all) - 1
		if last < 0 || len(all[last]) == maxBatchMessages || size+m.size() > maxBatchBytes {
			all, size = append(all, nil), 0
			last++
		}
		all[last] = append(all[last], m)
		size += m.size()
	}
	return all
}

// move sends a batch to the rescans queue and deletes the messages that the queue accepted. Messages that it refused
// become failures of the result. An error means that a whole request failed.
func (r *Redriver) move(ctx context.Context, reader *reader, batch []letterMessage, result *Result) error {
	accepted, err := r.send(ctx, batch, result)
	if err != nil {
		return fmt.Errorf("send to %s-rescans: %w", r.stack.Name, err)
	}
	result.Redriven += len(accepted)
	notDeleted, err := reader.delete(ctx, accepted)
	result.InBoth += notDeleted
	if err != nil {
		return fmt.Errorf("delete from %s-dead-letters: %w", r.stack.Name, err)
	}
	return nil
}

func (r *Redriver) send(
	ctx context.Context, batch []letterMessage, result *Result,
) (accepted []types.Message, err error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &r.stack.Rescans}
	for i, m := range batch {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
			Id: entryID(i), MessageBody: m.message.Body, MessageAttributes: m.message.MessageAttributes,
		})
	}
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	out, err := r.rescans.SendMessageBatch(ctx, in)
	if err != nil {
		return nil, err
	}
	// An entry that the answer does not name counts as refused, and its letter is not deleted.
	reasons := make([]string, len(batch))
	for i := range reasons {
		reasons[i] = "the answer of SQS does not mention it"
	}
	for _, f := range out.Failed {
		if i, ok := entryIndex(f.Id, len(batch)); ok {
			reasons[i] = aws.ToString(f.Code) + ": " + aws.ToString(f.Message)
		}
	}
	for _, s := range out.Successful {
		if i, ok := entryIndex(s.Id, len(batch)); ok {
			reasons[i] = ""
			accepted = append(accepted, batch[i].message)
		}
	}
	for i, reason := range reasons {
		if reason != "" {
			result.Failures = append(result.Failures, Failure{Letter: batch[i].letter, Reason: reason})
		}
	}
	return accepted, nil
}

// entryID returns the id of entry i of a batch.
func entryID(i int) *string { return aws.String(strconv.Itoa(i)) }

// entryIndex returns the index of the entry with this id in a batch of n entries.
func entryIndex(id *string, n int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < n
}
