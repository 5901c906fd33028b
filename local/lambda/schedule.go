package lambda

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

var rate = regexp.MustCompile(`^rate\(([1-9]\d{0,5}) (minute|hour|day)s?\)$`)

// Rate reads the expression of a schedule, which must be a rate: "rate(1 minute)".
func Rate(s template.Schedule) (time.Duration, error) {
	parts := rate.FindStringSubmatch(s.Expression)
	if parts == nil {
		return 0, fmt.Errorf("schedule %q: only rates of minutes, hours or days run here", s.Expression)
	}
	n, err := strconv.Atoi(parts[1])
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]]
	return time.Duration(n) * unit, err
}

// Every invokes a function by its schedule until ctx ends or the host is closed: at once, as a schedule without a start
// date does on AWS, and then once in each interval. A run that takes longer than the interval delays the next one.
func (h *Host) Every(ctx context.Context, interval time.Duration, function string, s template.Schedule) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for ctx.Err() == nil {
		_, err := h.Invoke(ctx, function, []byte(cmp.Or(s.Input, "{}")))
		if err != nil && ctx.Err() == nil { // the function did not run
			slog.Warn("invoke function by its schedule", "function", function, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}
