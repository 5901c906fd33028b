package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
)

// slow is an engine that takes a while to load, and is then never done.
func slow(loads time.Duration) fakeEngine {
	return fakeEngine{
		ensure: func() error { time.Sleep(loads); return nil },
		within: func(ctx context.Context) (clamav.Finding, error) {
			<-ctx.Done()
			return clamav.Finding{}, fmt.Errorf("%w: %w", clamav.ErrOverdue, ctx.Err())
		},
	}
}

// TestASlowScanIsNoCrash: a file that no engine is done with in the time there
// is has reached a limit; an engine that came late has not given it that time.
func TestASlowScanIsNoCrash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		loads time.Duration
		want  string
	}{
		{"with a ready engine", 0, "UNSCANNABLE limit-time"},
		{"after a cold start", 2 * time.Minute, "UNSCANNABLE limit-time"},
		{"with what a late engine left", 10 * time.Minute, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for range 3 { // each time the same: nothing is counted
					ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
					b := newBench(t, "some content", slow(tt.loads))
					out, err := b.handle(ctx, b.job)
					// The content is yet to be verified, and the verdict to be sent.
					if until, _ := ctx.Deadline(); time.Until(until) < (15*time.Minute-tt.loads)/11 {
						t.Errorf("the scan left %s of %s", time.Until(until), 15*time.Minute-tt.loads)
					}
					cancel()
					left := b.left(t)
					if tt.want == "" {
						if !errors.Is(err, job.ErrEngine) || len(left) != 1 {
							t.Errorf("handle() = %s, %v, with %v left, want ErrEngine and the work file", out.Scan.Outcome(), err, left)
						}
						continue
					}
					if err != nil || out.Scan.Outcome() != tt.want || !out.Scan.Known() || len(left) != 0 {
						t.Errorf("handle() = %s, %v, with %v left, want %s", out.Scan.Outcome(), err, left, tt.want)
					}
				}
			})
		})
	}
}
