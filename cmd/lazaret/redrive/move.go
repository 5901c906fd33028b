package redrive

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// maxLoad is SQS's most for the messages of one batch together, in bytes:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
const maxLoad = 1 << 20

// parcel is a message and what it says.
type parcel struct {
	message types.Message
	letter  Letter
}

// size is what SQS counts: the body, and each attribute's name, type and value.
func (p parcel) size() int {
	n := len(aws.ToString(p.message.Body))
	for name, a := range p.message.MessageAttributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// loads divides parcels into batches that SQS takes.
func loads(parcels []parcel) [][]parcel {
	var all [][]parcel
	size := 0
	for _, p := range parcels {
		last := len(all) - 1
		if last < 0 || len(all[last]) == batch || size+p.size() > maxLoad {
			all, size = append(all, nil), 0
			last++
		}
		all[last] = append(all[last], p)
		size += p.size()
	}
	return all
}

// move sends a load and then deletes what was accepted. An error means that the
// queue takes nothing; what it refuses singly is noted and stays.
func (r *Redriver) move(ctx context.Context, s *sweep, load []parcel, result *Result) error {
	accepted, err := r.send(ctx, load, result)
	if err != nil {
		return fmt.Errorf("send to %s-uploads: %w", r.stack.Name, err)
	}
	result.Redriven += len(accepted)
	left, err := s.remove(ctx, accepted)
	result.Both += left
	if err != nil {
		return fmt.Errorf("delete from %s-dead-letters: %w", r.stack.Name, err)
	}
	return nil
}

func (r *Redriver) send(ctx context.Context, load []parcel, result *Result) (accepted []types.Message, err error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &r.stack.Uploads}
	for i, p := range load {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
			Id: entry(i), MessageBody: p.message.Body, MessageAttributes: p.message.MessageAttributes,
		})
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	out, err := r.to.SendMessageBatch(ctx, in)
	if err != nil {
		return nil, err
	}
	// An entry that is in neither list counts as refused: what is not known to
	// have arrived is not deleted.
	reasons := make([]string, len(load))
	for i := range reasons {
		reasons[i] = "SQS did not say what became of it"
	}
	for _, f := range out.Failed {
		if i, ok := index(f.Id, load); ok {
			reasons[i] = aws.ToString(f.Code) + ": " + aws.ToString(f.Message)
		}
	}
	for _, done := range out.Successful {
		if i, ok := index(done.Id, load); ok {
			reasons[i] = ""
			accepted = append(accepted, load[i].message)
		}
	}
	for i, reason := range reasons {
		if reason != "" {
			result.Failures = append(result.Failures, Failure{load[i].letter, reason})
		}
	}
	return accepted, nil
}

func index(id *string, load []parcel) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < len(load)
}
