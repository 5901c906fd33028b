package lambda

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

func TestRate(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(5 minutes)": 5 * time.Minute, "rate(3 hours)": 3 * time.Hour,
		"rate(1 day)": 24 * time.Hour, "rate(0 minutes)": 0, "rate(1 week)": 0, "cron(0 0 * * ? *)": 0, "": 0,
	} {
		got, err := Rate(template.Schedule{Expression: expression})
		if got != want || (err == nil) != (want > 0) || err != nil && !strings.Contains(err.Error(), expression) {
			t.Errorf("%q: got %v, %v, want %v, or an error that names it", expression, got, err, want)
		}
	}
}

// A schedule runs at once and then in each interval, also after a failure, with its input as the event.
func TestEvery(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var results []string
	h := startHost(t, Config{Functions: []template.Function{fn("f")}, Ended: func(_ string, r Result, err error) {
		mu.Lock()
		defer mu.Unlock()
		results = append(results, r.FunctionError+string(r.Payload))
	}})
	ended := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(results) >= n }
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.Every(ctx, time.Hour, "f", template.Schedule{Input: string(request("echo", "at once"))}) })
	eventually(t, "the first run", ended(1))
	running.Go(func() {
		h.Every(ctx, 10*time.Millisecond, "f", template.Schedule{Input: string(request("error", "no"))})
	})
	eventually(t, "runs after a failure", ended(4))
	running.Go(func() { h.Every(ctx, time.Hour, "nobody", template.Schedule{}) }) // is logged
	cancel()
	running.Wait()
	mu.Lock()
	defer mu.Unlock()
	if results[0] != `"at once"` || !strings.HasPrefix(results[3], "Unhandled") {
		t.Errorf("got results %q, want that of the echo, and then failures", results)
	}
}
