package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/permit"
)

// run runs the execution of j to its end if it is an EXPRESS one, and starts it otherwise. A STANDARD
// execution takes over the permit: it is deleted, and the rule EndedRule sends a new one when the
// execution ends. In every other case run gives the permit back.
func (h *handler) run(ctx context.Context, j job.Job, p *permit.Lease) error {
	warn := func(err error) { slog.WarnContext(ctx, "dispatch", "cause", err.Error()) }
	stop := p.Keep(ctx, warn)
	started := false
	defer func() { // also after a panic
		stop()
		ctx, cancel := afterwards(ctx)
		defer cancel()
		end := p.Delete
		if !started {
			end = func(ctx context.Context) error { return p.GiveBack(ctx, 0) }
		}
		if err := end(ctx); err != nil {
			warn(err) // the permit is free again after a minute, and the next count mends the number
		}
	}()
	if h.fitsExpress(j.Object) && h.runExpress(ctx, j) {
		return nil
	}
	var err error
	started, err = h.start(ctx, j)
	return err
}

// start starts the STANDARD execution of j, and reports whether it is a new one. That there is one of
// this name already means that an earlier delivery of the message has started it, which is no error.
func (h *handler) start(ctx context.Context, j job.Job) (started bool, err error) {
	input, err := json.Marshal(j)
	if err != nil {
		return false, fmt.Errorf("encode the job of %s: %w", j.Object, err)
	}
	name := j.ExecutionName()
	began := time.Now()
	out, err := h.stepFunctions.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &h.machine, Name: &name, Input: aws.String(string(input)),
	})
	_, exists := errors.AsType[*types.ExecutionAlreadyExists](err)
	switch {
	case err == nil:
		exists = isOld(out, began)
	case neverAccepted(err):
		return false, fmt.Errorf("start execution %s of %s: %w: %w", name, j.Object, errRefused, err)
	case !exists:
		return false, fmt.Errorf("start execution %s of %s: %w", name, j.Object, err)
	}
	slog.InfoContext(ctx, "dispatch", "execution", name, "bucket", j.Object.Bucket, "key", j.Object.Key,
		"versionId", j.Object.VersionID, "attempt", j.Attempt, "duplicate", exists)
	return !exists, nil
}

// clockSkew is more than the clocks of Lambda and Step Functions differ.
const clockSkew = 10 * time.Second

// isOld reports whether the answer is that of an execution which ran already when the call began. Step
// Functions accepts a second start with the same name and input while the execution runs.
func isOld(out *sfn.StartExecutionOutput, began time.Time) bool {
	return out.StartDate != nil && out.StartDate.Before(began.Add(-clockSkew))
}

// neverAccepted reports whether Step Functions would refuse the same execution again.
func neverAccepted(err error) bool {
	_, name := errors.AsType[*types.InvalidName](err)
	_, input := errors.AsType[*types.InvalidExecutionInput](err)
	_, other := errors.AsType[*types.ValidationException](err)
	return name || input || other
}
