package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// states is what dispatch needs of Step Functions.
type states interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
}

// handler starts one execution for each object that a batch of messages names.
type handler struct {
	states  states
	machine string // ARN
	policy  job.Policy
	uploads string // the stack's own bucket; empty: every bucket is treated like it

	letters     letters
	deadLetters string // URL of the queue
}

// handle answers with the messages that failed, so that the others of the
// batch are not delivered again. A message of several records fails as a whole
// when one does: the executions it started already are recognised by name. What
// is not understood is done with once it is among the dead letters.
func (h *handler) handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var response events.SQSEventResponse
	for _, m := range batch.Records {
		err := h.dispatch(ctx, m.Body)
		if errors.Is(err, upload.ErrUnknown) {
			slog.ErrorContext(ctx, "dispatch", "messageId", m.MessageId, "error", upload.NotUnderstood, "cause", err.Error())
			err = h.lay(ctx, m, err)
		}
		if err != nil {
			slog.ErrorContext(ctx, "dispatch", "messageId", m.MessageId,
				"receiveCount", m.Attributes["ApproximateReceiveCount"], "cause", err.Error())
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return response, nil
}

func (h *handler) dispatch(ctx context.Context, body string) error {
	m, unknown := upload.Decode([]byte(body))
	for _, what := range m.Ignored {
		slog.DebugContext(ctx, "dispatch", "ignored", what)
	}
	for _, j := range m.Jobs {
		if m.Died != "" {
			var err error
			if j, err = h.recall(ctx, m.Died, j); err != nil {
				return err
			}
		}
		j.Policy = h.policyOf(j.Object)
		if err := h.start(ctx, j); err != nil {
			return err
		}
	}
	if unknown != nil { // the whole message becomes a letter: names make what was started already harmless
		return fmt.Errorf("decode message: %w", unknown)
	}
	return nil
}

// policyOf is what becomes of an object's verdict. An object of another bucket
// than the stack's own is never promoted: its readers look for it where it is,
// and two buckets' objects of one key would meet in the clean bucket.
func (h *handler) policyOf(o job.Object) job.Policy {
	policy := h.policy
	policy.PromoteClean = policy.PromoteClean && (h.uploads == "" || o.Bucket == h.uploads)
	return policy
}

func (h *handler) start(ctx context.Context, j job.Job) error {
	input, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the job of %s: %w", j.Object, err)
	}
	name := j.ExecutionName()
	_, err = h.states.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &h.machine, Name: &name, Input: aws.String(string(input)),
	})
	var exists *types.ExecutionAlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("start execution %s of %s: %w", name, j.Object, err)
	}
	slog.InfoContext(ctx, "dispatch", "execution", name, "bucket", j.Object.Bucket, "key", j.Object.Key,
		"versionId", j.Object.VersionID, "attempt", j.Attempt, "duplicate", exists != nil)
	return nil
}

// recall gives the replay of an execution that was aborted or timed out what
// that one had found out by then: without it, an object that it had already
// moved to quarantine would look as if it had vanished, and never be announced.
// The history may be gone (it is kept for 90 days); then the replay starts from
// the job as it was. It is read to its beginning, at most 25,000 events: a task
// that was throttled for hours has hundreds after the last state that ended.
func (h *handler) recall(ctx context.Context, execution string, j job.Job) (job.Job, error) {
	pages := sfn.NewGetExecutionHistoryPaginator(h.states, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: true, MaxResults: 1000, IncludeExecutionData: aws.Bool(true),
	})
	for pages.HasMorePages() {
		history, err := pages.NextPage(ctx)
		if _, gone := errors.AsType[*types.ExecutionDoesNotExist](err); gone {
			return j, nil
		}
		if err != nil {
			return j, fmt.Errorf("read the history of %s: %w", execution, err)
		}
		for _, e := range history.Events {
			if e.StateExitedEventDetails == nil {
				continue
			}
			var last job.Job
			if json.Unmarshal([]byte(aws.ToString(e.StateExitedEventDetails.Output)), &last) == nil && last.Object.Same(j.Object) {
				j.Scan, j.Copy = last.Scan, last.Copy
				return j, nil
			}
		}
	}
	return j, nil
}
