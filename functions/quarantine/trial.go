package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/trial"
)

// trials decides whether an object that a new signature hits is moved or waits: ADR 29.
type trials struct {
	counter *trial.Counter // nil if NewSignatureLimit is 0
	metrics *metric.Emitter
}

// newTrials reads RECORDS_BUCKET and NEW_SIGNATURE_LIMIT from the environment.
func newTrials(client trial.API) (trials, error) {
	bucket, err := step.Env("RECORDS_BUCKET")
	if err != nil {
		return trials{}, err
	}
	number := os.Getenv("NEW_SIGNATURE_LIMIT")
	limit, err := strconv.Atoi(number)
	if err != nil || limit < 0 {
		return trials{}, fmt.Errorf("read NEW_SIGNATURE_LIMIT: %q is not a number of 0 or more", number)
	}
	t := trials{metrics: metric.Default}
	if limit > 0 {
		t.counter = &trial.Counter{S3: client, Bucket: bucket, Limit: limit}
	}
	return t, nil
}

// checkTrial returns a job.ErrSignatureOnTrial if the object has to wait: its signature is new and hits
// too many different files, and nobody can read the object meanwhile. Where somebody can, or where that is
// not known, the object is moved, and only the alarm rings.
//
// If S3 fails while files are counted, the error is a job.ErrTrialUncounted, which the state machine
// retries. When it gives up, it calls the function again with that error in the job: then, and where a
// policy refuses the count, the object is moved without one.
func (h *handler) checkTrial(ctx context.Context, j job.Job) error {
	s := j.Scan
	if h.trials.counter == nil || s.Verdict != job.Infected || s.FirstSeen.IsZero() || j.Vanished() != nil {
		return nil
	}
	if j.Error != nil && j.Error.Error == job.Name(job.ErrTrialUncounted) {
		h.uncounted(ctx, j, errors.New(job.Message(j.Error.Cause)))
		return nil
	}
	held, err := h.trials.counter.Holds(ctx, trial.File{
		Signature: s.Signature, FirstSeen: s.FirstSeen, SHA256: scannedSHA256(j), Object: j.Object.Address(),
	})
	unreadable := false
	if err == nil && held {
		unreadable, err = h.isUnreadable(ctx, j)
	}
	switch {
	case errors.Is(err, job.ErrTransient):
		return fmt.Errorf("%w: %w", job.ErrTrialUncounted, err)
	case err != nil && !held:
		h.uncounted(ctx, j, err)
		return nil
	case !held:
		return nil
	}
	h.emit(ctx, metric.SignatureOnTrial)
	if !unreadable {
		slog.WarnContext(ctx, "quarantine", "signature", s.Signature, "onTrial", true, "object", j.Object.String(),
			"cause", gateCause(err))
		return nil
	}
	return fmt.Errorf("%w: %s is in the definitions since %s, and hits more than %d different files within %.0f minutes; "+
		"confirm it (lazaret definitions confirm) or roll back (lazaret definitions rollback), then redrive",
		job.ErrSignatureOnTrial, s.Signature, s.FirstSeen.Format(time.RFC3339), h.trials.counter.Limit,
		trial.Window.Minutes())
}

// gateCause says why an object is moved in spite of a trial.
func gateCause(err error) string {
	if err != nil {
		return "moved, because it is not known whether it can be read: " + err.Error()
	}
	return "moved, because no policy of its bucket keeps everybody from reading it"
}

// uncounted records that an object is moved although the files of its signature could not be counted.
func (h *handler) uncounted(ctx context.Context, j job.Job, cause error) {
	slog.ErrorContext(ctx, "quarantine", "signature", j.Scan.Signature, "uncounted", true, "object", j.Object.String(),
		"cause", cause.Error())
	h.emit(ctx, metric.TrialsUncounted)
}

// emit counts one event. If that fails, the object is moved or held all the same.
func (h *handler) emit(ctx context.Context, name string) {
	if err := h.trials.metrics.Emit(nil, metric.Value{Name: name, Unit: metric.Count, Value: 1}); err != nil {
		slog.WarnContext(ctx, "quarantine", "cause", err.Error())
	}
}
