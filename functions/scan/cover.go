package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/coverage"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/trace"
	"github.com/lazaret/lazaret/internal/workdir"
)

// cover keeps CLEAN only if the engine could see all that is in f. Members that
// it could not reach are shown to it here.
func (h *handler) cover(ctx context.Context, g definitions.Generation, f *os.File, scan *job.Scan) error {
	member := func(ctx context.Context, m *os.File) (coverage.Finding, error) {
		finding, err := h.engine.Scan(ctx, g, m)
		if err != nil && !errors.Is(err, clamav.ErrTooLarge) {
			return coverage.Finding{}, err
		}
		return ofMember(finding, err)
	}
	var got coverage.Finding
	err := trace.Capture(ctx, "coverage", func(ctx context.Context) (err error) {
		got, err = h.coverage.Check(ctx, f, scan.Size, member)
		return err
	})
	switch {
	case errors.Is(err, clamav.ErrEngine) || errors.Is(err, job.ErrEngine):
		return err
	case err != nil: // the volume or the disk
		return workdir.Transient(err)
	}
	switch got.Outcome {
	case coverage.Covered:
	case coverage.Found:
		scan.Verdict, scan.Signature = job.Infected, got.Signature
	case coverage.Refused:
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, got.Reason, got.Detail
	default:
		return fmt.Errorf("%w: unknown coverage %q", job.ErrEngine, got.Outcome)
	}
	return nil
}

// ofMember is what the engine says about a member, or that it is too large.
func ofMember(finding clamav.Finding, tooLarge error) (coverage.Finding, error) {
	if tooLarge != nil {
		return coverage.Finding{Outcome: coverage.Refused, Reason: job.LimitSize, Detail: tooLarge.Error()}, nil
	}
	if finding.Outcome == clamav.Unexamined {
		return coverage.Finding{Outcome: coverage.Covered}, nil
	}
	var s job.Scan
	if err := conclude(finding, &s); err != nil {
		return coverage.Finding{}, err
	}
	switch s.Verdict {
	case job.Infected:
		return coverage.Finding{Outcome: coverage.Found, Signature: s.Signature}, nil
	case job.Unscannable:
		return coverage.Finding{Outcome: coverage.Refused, Reason: s.Reason, Detail: s.Detail}, nil
	default:
		return coverage.Finding{Outcome: coverage.Covered}, nil
	}
}
