package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/upload"
)

// send sends objects to the queue of rescans, a message for each, so that dispatch need not split them: ten in a
// request, the most that SQS takes. What a retro-scan finds CLEAN again stays where it is: a version that is CLEAN in
// the uploads bucket of three-bucket was superseded, or was there before the clean bucket. Its promotion could bring
// back what a user has deleted there.
func (h *handler) send(ctx context.Context, s sweep.State, objects []sweep.Found) error {
	for batch := range slices.Chunk(objects, 10) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &h.rescans}
		for i, o := range batch {
			body, err := json.Marshal(upload.List{
				Run: s.Run, Stays: s.Request.Purpose == sweep.Retro,
				Objects: []upload.Listed{{Object: o.Object, Earlier: o.Earlier()}},
			})
			if err != nil {
				return fmt.Errorf("encode the message for %s: %w", o.Object, err)
			}
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body)),
			})
		}
		out, err := h.sqs.SendMessageBatch(ctx, in)
		if err != nil {
			return fmt.Errorf("send %d objects to %s: %w", len(batch), h.rescans, awserr.Classify(err))
		}
		if n := len(out.Failed); n > 0 {
			return fmt.Errorf("%w: %s took %d of %d objects: %s",
				job.ErrTransient, h.rescans, len(batch)-n, len(batch), aws.ToString(out.Failed[0].Message))
		}
	}
	return nil
}
