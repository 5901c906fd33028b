package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// work starts the scan that a message asks for. A message that names several objects is split into
// messages of one object each: each of them waits for a permit of its own, and has its own attempts.
func (h *handler) work(ctx context.Context, r receipt) error {
	m, decodeErr := upload.Decode([]byte(r.Body))
	for _, reason := range m.Ignored {
		slog.DebugContext(ctx, "dispatch", "ignored", reason)
	}
	switch len(m.Jobs) {
	case 0:
	case 1:
		if err := h.scan(ctx, r, m.Jobs[0], m.EndedExecution); err != nil {
			return err
		}
	default:
		if err := h.split(ctx, r, m.Jobs); err != nil {
			return err
		}
	}
	if decodeErr != nil {
		// The whole message becomes a dead letter. If it is sent again, the executions that were started above
		// are recognised by their names.
		return fmt.Errorf("decode message: %w", decodeErr)
	}
	return nil
}

// scan starts the execution of one job when a permit is free. The job is the replay of endedExecution, an
// ARN, unless that is empty.
func (h *handler) scan(ctx context.Context, r receipt, j job.Job, endedExecution string) error {
	if endedExecution != "" {
		var err error
		if j, err = h.resultsOfExecution(ctx, endedExecution, j); err != nil {
			return err
		}
	}
	j.Policy = h.policyOf(j)
	permit, err := h.waitForPermit(ctx, r.rescan)
	if err != nil {
		return err
	}
	<-r.shortened // so that the next attempt comes within a minute if dispatch is killed from here on
	return h.run(ctx, j, permit)
}

// policyOf returns the policy of a job. An object outside the upload bucket is never promoted: its
// readers look for it in its own bucket, and objects of two buckets with the same key would overwrite
// each other in the clean bucket.
func (h *handler) policyOf(j job.Job) job.Policy {
	policy := h.policy
	policy.PromoteClean = policy.PromoteClean && !j.Stays && (h.uploads == "" || j.Object.Bucket == h.uploads)
	return policy
}

// split sends each job as a message of its own to the queue of the message. If it fails half-way, the
// message is delivered again and some objects have two messages: a duplicate does no harm.
func (h *handler) split(ctx context.Context, r receipt, jobs []job.Job) error {
	url := h.queueOf(r)
	for some := range slices.Chunk(jobs, 10) { // SQS takes ten at once
		var entries []types.SendMessageBatchRequestEntry
		for i, j := range some {
			listed := upload.Listed{Object: j.Object, Earlier: j.Earlier}
			body, err := json.Marshal(upload.List{Run: j.Run, Stays: j.Stays, Objects: []upload.Listed{listed}})
			if err != nil {
				return fmt.Errorf("encode the message of %s: %w", j.Object, err)
			}
			entries = append(entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body)),
			})
		}
		out, err := h.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
		if err != nil {
			return fmt.Errorf("send %d objects of a list to %s: %w", len(some), url, err)
		}
		if len(out.Failed) > 0 {
			return fmt.Errorf("send %d objects of a list to %s: %s", len(out.Failed), url, aws.ToString(out.Failed[0].Message))
		}
	}
	slog.InfoContext(ctx, "dispatch", "messageId", r.MessageId, "split", len(jobs))
	return nil
}
