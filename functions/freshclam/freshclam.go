package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/metric"
)

// cleanupTime is how long before the end of the invocation an update ends, so that its engine can be
// stopped and its staging folder removed.
const cleanupTime = 15 * time.Second

// updater is the part of update.Updater that the function uses.
type updater interface {
	Run(context.Context) (update.Status, error)
	Do(context.Context, update.Request) (update.Listing, error)
}

// handler updates the definitions on a schedule, and does what operators request.
type handler struct {
	updater updater
	metrics *metric.Emitter
}

// handle does what the event requests, an update if it requests nothing.
func (h *handler) handle(ctx context.Context, event json.RawMessage) (any, error) {
	var r update.Request
	if json.Unmarshal(event, &r) == nil && r.Definitions != "" {
		l, err := h.updater.Do(ctx, r)
		slog.InfoContext(ctx, "freshclam", "request", r.Definitions, "generation", r.Generation,
			"signature", r.Signature, "current", l.Current, "error", err)
		return l, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-cleanupTime))
		defer cancel()
	}
	start := time.Now()
	s, err := h.updater.Run(ctx)
	log := slog.With("ms", time.Since(start).Milliseconds())
	if err != nil {
		log.ErrorContext(ctx, "freshclam", "cause", err.Error())
		return nil, err
	}
	logStatus(ctx, log, s)
	// A failing mirror is not an error of the function, because Lambda would run it
	// again at once. The alarms use the age of the definitions.
	if err := h.emitMetrics(s); err != nil {
		log.WarnContext(ctx, "freshclam", "cause", err.Error())
	}
	return s, nil
}

// logStatus logs a run in one line, and one more line for each signature or file that needs attention.
func logStatus(ctx context.Context, log *slog.Logger, s update.Status) {
	attributes := []any{"outcome", s.Outcome, "detail", s.Detail, "published", s.Published, "swept", s.Swept}
	if s.Current != nil {
		attributes = append(attributes, "generation", s.Current.Fingerprint,
			"version", s.Current.Version, "ageSeconds", s.AgeSeconds)
	}
	if k := s.KnownClean; k != nil {
		attributes = append(attributes, "knownCleanFiles", k.Files, "knownCleanOf", k.Of,
			"knownCleanBytes", k.Bytes, "knownCleanSeconds", k.Seconds)
	}
	log.InfoContext(ctx, "freshclam", attributes...)
	if s.Held != nil {
		for _, d := range s.Held.Detections {
			log.ErrorContext(ctx, "definitions held back", "signature", d.Signature, "file", d.File,
				"generation", s.Held.Generation.Fingerprint)
		}
	}
	for _, d := range s.OwnDetections.Detections {
		log.WarnContext(ctx, "own signature calls a known-clean file infected", "signature", d.Signature, "file", d.File)
	}
	if s.News != "" {
		log.WarnContext(ctx, s.News)
	}
	for _, f := range s.Own {
		switch {
		case f.Refused != "":
			log.WarnContext(ctx, "own signatures refused", "file", f.Name, "cause", f.Refused)
		case f.AllowList:
			log.WarnContext(ctx, "own signatures switch detection off", "file", f.Name)
		}
	}
	if len(s.Warnings) > 0 {
		log.WarnContext(ctx, "freshclam", "cause", strings.Join(s.Warnings, "; "))
	}
}

// emitMetrics emits the metrics of a run. Without a daily set there is no DefinitionsAge, and the
// alarm treats a missing value as too old.
func (h *handler) emitMetrics(s update.Status) error {
	values := []metric.Value{{Name: metric.CooldownRemaining, Unit: metric.Seconds}}
	if !s.Retry.IsZero() {
		values[0].Value = s.Retry.Sub(s.Time).Seconds()
	}
	held := 0
	if s.Held != nil {
		held = len(s.Held.Detections)
	}
	values = append(values,
		metric.Value{Name: metric.DefinitionsHeldBack, Unit: metric.Count, Value: float64(held)},
		metric.Value{Name: metric.OwnDetections, Unit: metric.Count, Value: float64(s.OwnDetections.Files)})
	if s.Current != nil && !s.Current.Built.IsZero() {
		values = append(values,
			metric.Value{Name: metric.DefinitionsAge, Unit: metric.Seconds, Value: float64(s.AgeSeconds)},
			metric.Value{Name: metric.DefinitionsVersion, Unit: metric.Count, Value: float64(s.Current.Version)})
	}
	if err := h.metrics.Emit(nil, values...); err != nil {
		return err
	}
	return h.metrics.Emit(map[string]string{"Outcome": string(s.Outcome)},
		metric.Value{Name: metric.UpdateOutcome, Unit: metric.Count, Value: 1})
}
