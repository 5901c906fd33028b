package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/excerpt"
	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// handler puts events about dead letters.
type handler struct {
	events guardduty.API
	bus    string // name or ARN
	canary canary.Place
}

// died is EventBridge's event about an execution that ended without a result:
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
type died struct {
	DetailType string `json:"detail-type"`
	Detail     struct {
		Execution string `json:"executionArn"`
		Status    string `json:"status"`
		Input     string `json:"input"`
		Error     string `json:"error"`
		Cause     string `json:"cause"`
	} `json:"detail"`
}

// handle puts the event about the dead letter in event. The error is a job.ErrBadJob if it is none.
func (h *handler) handle(ctx context.Context, event json.RawMessage) (any, error) {
	letter, err := read(event)
	if err != nil {
		return nil, err
	}
	j := letter.Job
	if h.canary.IsSample(j) {
		return nil, nil
	}
	detail := guardduty.FromDeadLetter(j, guardduty.DeadLetter{
		Error: letter.Error, Cause: letter.Cause, Execution: letter.Execution,
	})
	if err := guardduty.Put(ctx, h.events, h.bus, detail); err != nil {
		return nil, fmt.Errorf("report the dead letter of %s: %w", j.Object, err)
	}
	slog.InfoContext(ctx, "report", "execution", j.ExecutionName(), "bucket", j.Object.Bucket, "key", j.Object.Key,
		"versionId", j.Object.VersionID, "attempt", j.Attempt, "error", letter.Error, "status", detail.Result.Status)
	return nil, nil
}

// read reads a dead letter of the state machine, or makes one of EventBridge's event.
func read(event json.RawMessage) (upload.DeadLetter, error) {
	var e died
	var letter upload.DeadLetter
	err := json.Unmarshal(event, &e)
	switch {
	case err == nil && e.DetailType != "":
		letter.Error, letter.Cause = cmp.Or(e.Detail.Error, e.Detail.Status), e.Detail.Cause
		letter.Execution = e.Detail.Execution
		err = json.Unmarshal([]byte(e.Detail.Input), &letter.Job)
	case err == nil:
		err = json.Unmarshal(event, &letter)
	}
	if err == nil {
		err = letter.Job.Validate()
	}
	if err != nil {
		return letter, fmt.Errorf("%w: read the dead letter %s: %w", job.ErrBadJob, excerpt.Cut(string(event), 200), err)
	}
	return letter, nil
}
