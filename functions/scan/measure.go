package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
)

// missed counts an engine that missed a canary. It is replaced by now, so that
// nothing but the metric tells that there was a liar.
func (h *handler) missed(ctx context.Context, err error) {
	if !errors.Is(err, clamav.ErrCanary) {
		return
	}
	if err := h.metrics.Emit(nil, metric.Value{Name: metric.CanaryFailures, Unit: metric.Count, Value: 1}); err != nil {
		slog.WarnContext(ctx, "scan", "cause", err.Error())
	}
}

// measure emits what the dashboard and the alarms are made of. A metric that
// cannot be written is no reason to withhold a verdict.
func (h *handler) measure(ctx context.Context, s job.Scan) {
	err := errors.Join(
		h.metrics.Emit(nil,
			metric.Value{Name: metric.ScanDuration, Unit: metric.Milliseconds, Value: float64(s.DurationMS)},
			metric.Value{Name: metric.BytesScanned, Unit: metric.Bytes, Value: float64(s.Size)}),
		h.metrics.Emit(map[string]string{"Verdict": string(s.Verdict)},
			metric.Value{Name: metric.Verdicts, Unit: metric.Count, Value: 1}),
	)
	if err != nil {
		slog.WarnContext(ctx, "scan", "cause", err.Error())
	}
}
