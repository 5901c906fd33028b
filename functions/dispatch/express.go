package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// maxExpressSize is the largest object, in bytes, that an EXPRESS execution scans: 64 MiB. It ends after
// five minutes. An engine that starts takes 15 seconds of these, and so does the download at 4 MB/s, the
// rate that the timeout of fetch reckons with. Four minutes are left for the scan.
const maxExpressSize = 64 << 20

// deadLettered is the error of an execution whose dead letter is in the queue: the state Failed of
// statemachine/scan.asl.json.
const deadLettered = "DeadLettered"

// fitsExpress reports whether an EXPRESS execution scans the object. An object whose size is not known
// counts as small.
func (h *handler) fitsExpress(o job.Object) bool {
	return h.expressMachine != "" && o.Size <= maxExpressSize
}

// runExpress runs the EXPRESS execution of j and reports whether it came to a verdict or to a dead
// letter. Otherwise it timed out or failed, or has perhaps not begun, or perhaps still runs; then a
// STANDARD execution has to scan the object.
func (h *handler) runExpress(ctx context.Context, j job.Job) bool {
	j.Lane = job.NewLane()
	log := slog.With("execution", j.ExecutionName(), "lane", j.Lane, "bucket", j.Object.Bucket, "key", j.Object.Key,
		"versionId", j.Object.VersionID, "attempt", j.Attempt)
	input, err := json.Marshal(j)
	if err != nil {
		log.ErrorContext(ctx, "dispatch", "cause", err.Error())
		return false
	}
	ctx, cancel := context.WithDeadline(ctx, deadlineOf(ctx).Add(-replyTime))
	defer cancel()
	out, err := h.stepFunctions.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{
		StateMachineArn: &h.expressMachine, Name: aws.String(j.ExecutionName()), Input: aws.String(string(input)),
	}, retryThrottling)
	if err != nil {
		log.WarnContext(ctx, "dispatch", "status", "unknown", "cause", err.Error())
		return false
	}
	if out.Status == types.SyncExecutionStatusSucceeded ||
		out.Status == types.SyncExecutionStatusFailed && aws.ToString(out.Error) == deadLettered {
		log.InfoContext(ctx, "dispatch", "status", string(out.Status))
		return true
	}
	log.WarnContext(ctx, "dispatch", "status", string(out.Status), "error", aws.ToString(out.Error))
	return false
}

// retryThrottling has the SDK repeat a call that was throttled, and no other: after any other error the
// execution may have run, and a repeated call would run it again.
func retryThrottling(o *sfn.Options) {
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}
