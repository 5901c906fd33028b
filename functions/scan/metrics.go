package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
)

// countCanaryFailure counts an engine that gave a wrong answer about a canary. The engine has been
// replaced, so that only this metric and the log record it.
func (h *handler) countCanaryFailure(ctx context.Context, err error) {
	if !errors.Is(err, clamav.ErrCanary) {
		return
	}
	failure := metric.Value{Name: metric.CanaryFailures, Unit: metric.Count, Value: 1}
	if err := h.metrics.Emit(nil, failure); err != nil {
		slog.WarnContext(ctx, "scan", "cause", err.Error())
	}
}

// emitMetrics emits the metrics of a scan for the dashboard and the alarms. If that fails, the verdict
// is returned all the same.
func (h *handler) emitMetrics(ctx context.Context, s job.Scan) {
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
