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

// slow returns an engine that takes this time to load, and whose scans do not end.
func slow(loads time.Duration) fakeEngine {
	return fakeEngine{
		ensure: func() error { time.Sleep(loads); return nil },
		within: func(ctx context.Context) (clamav.Finding, error) {
			<-ctx.Done()
			return clamav.Finding{}, fmt.Errorf("%w: %w", clamav.ErrOverdue, ctx.Err())
		},
	}
}

// TestTimeout checks that a scan which takes too long is UNSCANNABLE limit-time, unless the engine was
// late, and that it does not count as a crash.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		loads time.Duration
		want  string
	}{
		{name: "with a ready engine", want: "UNSCANNABLE limit-time"},
		{name: "after a cold start", loads: 2 * time.Minute, want: "UNSCANNABLE limit-time"},
		{name: "with what a late engine left", loads: 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for range 3 { // no attempt changes the next one
					ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
					b := newBench(t, "some content", slow(tt.loads))
					out, err := b.handle(ctx, b.job)
					// Time must be left to verify the content and to return the verdict.
					if until, _ := ctx.Deadline(); time.Until(until) < (15*time.Minute-tt.loads)/11 {
						t.Errorf("the scan left %s of %s, want a tenth", time.Until(until), 15*time.Minute-tt.loads)
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
