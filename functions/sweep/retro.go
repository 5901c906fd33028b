package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/sweep"
)

// beginRetro completes the state of a retro-scan: with the definitions in use, what is left of the budget, and its
// first window. Without definitions there is nothing to compare verdicts with, and until all engines use them a scan
// might ask the older ones again: then the error is a job.ErrDefinitionsNotReady, after which the state machine waits.
// What an earlier run has sent and nobody has scanned counts against the budget: otherwise the queue would grow with
// each run of a stack that cannot keep up.
func (h *handler) beginRetro(ctx context.Context, s *sweep.State, inUse *sweep.InUse) error {
	version, known := inUse.Version()
	if !known {
		return fmt.Errorf("%w: begin a retro-scan", job.ErrDefinitionsNotReady)
	}
	if since := s.Started.Sub(inUse.Since); since < definitions.SwitchPeriod && !s.Request.DryRun {
		return fmt.Errorf("%w: begin a retro-scan: they are in use since %s, and not yet by every engine",
			job.ErrDefinitionsNotReady, inUse.Since.UTC().Format(time.RFC3339))
	}
	s.Request.Definitions, s.Request.Since = version, inUse.Since.UTC()
	waiting, received, err := permit.Depth(ctx, h.sqs, h.rescans)
	if err != nil {
		return awserr.Classify(err)
	}
	s.Summary.Request, s.Summary.Queued = s.Request, int64(waiting+received)
	if s.Left = s.Request.Budget; !s.Request.DryRun {
		s.Left = max(0, s.Left-s.Summary.Queued)
	}
	if s.Left == 0 {
		s.Done, s.Summary.Spent = true, true
		return nil
	}
	s.Enter(0)
	return nil
}

// hasNextWindow reports whether a retro-scan has another window to look at.
func hasNextWindow(s sweep.State) bool {
	return s.Request.Purpose == sweep.Retro && s.Window+1 < len(sweep.Windows)
}

// nextWindow moves a retro-scan to its next window, if there is one.
func nextWindow(s *sweep.State) bool {
	if !hasNextWindow(*s) {
		return false
	}
	s.Enter(s.Window + 1)
	return true
}

// spend sends what has matched in pages of a round, as far as the budget goes, and counts it. A second call sends the
// same messages, which dispatch recognises by the names of their executions.
func (h *handler) spend(ctx context.Context, s *sweep.State, pages []sweep.Judged) error {
	w := &s.Summary.Windows[len(s.Summary.Windows)-1]
	matched, sent := int64(0), int64(0)
	for _, page := range pages {
		w.Considered += page.Considered
		matched += page.Matched
		if page.Matched == 0 || s.Left == sent || s.Request.DryRun {
			continue
		}
		found, err := h.found(ctx, sweep.ObjectsKey(s.Run, s.Round, page.Page))
		if err != nil {
			return err
		}
		if most := s.Left - sent; int64(len(found)) > most {
			found = found[:most]
		}
		if err := h.send(ctx, *s, found); err != nil {
			return err
		}
		sent += int64(len(found))
	}
	w.Matched += matched
	w.Sent += sent
	s.Summary.Sent += sent
	if s.Left -= sent; s.Left == 0 {
		s.Summary.Spent = matched > sent || !s.Done
		s.Done = true
	}
	slog.InfoContext(ctx, "sweep", "run", s.Run, "window", s.Window, "matched", matched, "sent", sent, "left", s.Left)
	return nil
}

// found reads what has matched in a page. Versions whose tags could not be read are recorded too, and are no match.
func (h *handler) found(ctx context.Context, key string) ([]sweep.Found, error) {
	all, err := readLines[sweep.Found](ctx, h, key)
	return slices.DeleteFunc(all, func(f sweep.Found) bool { return f.Error != "" }), err
}
