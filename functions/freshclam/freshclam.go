package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/refresh"
)

// margin is what a run leaves of the invocation's time for its engine to be
// stopped and its folder to be cleared.
const margin = 15 * time.Second

// updater is refresh.Updater.
type updater interface {
	Run(context.Context) (refresh.Status, error)
	Do(refresh.Request) (refresh.Listing, error)
}

// handler answers the schedule with an update and operators with what they
// request.
type handler struct {
	updater updater
	metrics *metric.Emitter
}

func (h *handler) handle(ctx context.Context, event json.RawMessage) (any, error) {
	var r refresh.Request
	if json.Unmarshal(event, &r) == nil && r.Definitions != "" {
		l, err := h.updater.Do(r)
		slog.InfoContext(ctx, "freshclam", "request", r.Definitions, "generation", r.Generation, "current", l.Current, "error", err)
		return l, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	start := time.Now()
	s, err := h.updater.Run(ctx)
	log := slog.With("ms", time.Since(start).Milliseconds())
	if err != nil {
		log.ErrorContext(ctx, "freshclam", "cause", err.Error())
		return nil, err
	}
	tell(ctx, log, s)
	// A bad mirror is no error: Lambda would ask it again at once, twice. The
	// alarms look at the age.
	if err := h.measure(s); err != nil {
		log.WarnContext(ctx, "freshclam", "cause", err.Error())
	}
	return s, nil
}

// tell logs a run in one line, and one for each file that somebody should look at.
func tell(ctx context.Context, log *slog.Logger, s refresh.Status) {
	attributes := []any{"outcome", s.Outcome, "detail", s.Detail, "published", s.Published, "swept", s.Swept}
	if s.Current != nil {
		attributes = append(attributes, "generation", s.Current.Fingerprint, "version", s.Current.Version, "ageSeconds", s.AgeSeconds)
	}
	log.InfoContext(ctx, "freshclam", attributes...)
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

// measure emits what the alarms are made of. Without a daily set there is no
// age, and the alarm takes its absence for the worst.
func (h *handler) measure(s refresh.Status) error {
	values := []metric.Value{{Name: metric.CooldownRemaining, Unit: metric.Seconds}}
	if !s.Retry.IsZero() {
		values[0].Value = s.Retry.Sub(s.Time).Seconds()
	}
	if s.Current != nil && !s.Current.Built.IsZero() {
		values = append(values,
			metric.Value{Name: metric.DefinitionsAge, Unit: metric.Seconds, Value: float64(s.AgeSeconds)},
			metric.Value{Name: metric.DefinitionsVersion, Unit: metric.Count, Value: float64(s.Current.Version)})
	}
	if err := h.metrics.Emit(nil, values...); err != nil {
		return err
	}
	return h.metrics.Emit(map[string]string{"Outcome": string(s.Outcome)}, metric.Value{Name: metric.UpdateOutcome, Unit: metric.Count, Value: 1})
}
