package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
)

func TestTwoCrashes(t *testing.T) {
	t.Parallel()
	for _, crash := range []error{
		clamav.ErrEngineDied, fmt.Errorf("%w: %w", context.DeadlineExceeded, clamav.ErrEngineDied),
	} {
		b := newBench(t, "some content", fails(crash))
		for attempt := range 2 {
			if _, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrEngine) {
				t.Fatalf("attempt %d: err = %v, want ErrEngine", attempt, err)
			}
		}
		out, err := b.handle(t.Context(), b.job)
		if err != nil {
			t.Fatal(err)
		}
		if out.Scan.Verdict != job.Unscannable || out.Scan.Reason != job.EngineCrash {
			t.Errorf("third time: %s, want UNSCANNABLE engine-crash", out.Scan.Outcome())
		}
		if left := b.left(t); len(left) != 0 {
			t.Errorf("files left: %v, want none", left)
		}
	}
}

func TestOneCrash(t *testing.T) {
	t.Parallel()
	b := newBench(t, "some content", fails(clamav.ErrEngineDied))
	if _, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrEngine) {
		t.Fatalf("err = %v, want ErrEngine", err)
	}
	for range 3 { // an error without a crash leaves no mark
		b.engine = fails(clamav.ErrEngine)
		if _, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrEngine) {
			t.Fatalf("err = %v, want ErrEngine", err)
		}
	}
	b.engine = finds(clamav.Finding{Outcome: clamav.Clean})
	out, err := b.handle(t.Context(), b.job)
	if err != nil || out.Scan.Verdict != job.Clean {
		t.Errorf("handle() = %s, %v, want CLEAN", out.Scan.Outcome(), err)
	}
}

// TestCanaryFailures checks that a wrong answer about a canary is counted: at the start of an engine,
// after an error, and with a proof after an answer.
func TestCanaryFailures(t *testing.T) {
	t.Parallel()
	missed := fmt.Errorf("canary eicar: %w: answer is clean", clamav.ErrCanary)
	tests := []struct {
		name   string
		engine fakeEngine
		want   int
	}{
		{name: "at the start", engine: fakeEngine{ensure: func() error { return missed }}, want: 1},
		{name: "with the answer", engine: fails(missed), want: 1},
		{
			name:   "with a member's answer",
			engine: opensNoContainer("abcdefghi", func() (clamav.Finding, error) { return clamav.Finding{}, missed }),
			want:   1,
		},
		{name: "another failure", engine: fails(clamav.ErrEngine)},
		{name: "none", engine: finds(clamav.Finding{Outcome: clamav.Clean})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, zstdOf(t, "abcdefghi"), tt.engine)
			_, err := b.handle(t.Context(), b.job)
			if errors.Is(err, job.ErrEngine) == (tt.name == "none") {
				t.Errorf("handle() = %v, want ErrEngine if the engine failed", err)
			}
			if got := bytes.Count(b.metrics.Bytes(), []byte(`"CanaryFailures":1,"Stack":"lazaret"`)); got != tt.want {
				t.Errorf("%d misses counted, want %d:\n%s", got, tt.want, b.metrics.String())
			}
		})
	}
}
