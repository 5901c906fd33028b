// Package update makes new generations of definitions. A run stages a copy of the newest generation,
// has freshclam update it, and adds the user's own signatures. It loads all of it into an engine,
// which must find the canaries and must report no known-clean file, and publishes it. A generation
// that reports a known-clean file is held back, until there is a better one or an operator publishes
// it. If anything fails, or the run is killed, the current generation stays.
//
// The freshclam function calls it on a schedule. The package scans no objects and decides nothing
// about scans.
package update

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/knownclean"
	"github.com/lazaret/lazaret/internal/trial"
	"github.com/lazaret/lazaret/internal/workdir"
)

const (
	// maxDelay is how old the daily set may become before the whole set is requested from a mirror that
	// lacks an incremental update. Mirrors lag by hours.
	maxDelay = 24 * time.Hour
	// workAge is the age of a work file that no execution needs: TimeoutSeconds of the state machine (48
	// h) and a day.
	workAge = 72 * time.Hour
)

// Updater makes generations of the store at Root.
type Updater struct {
	Root      string           // folder of the store, with the lock, status.json and freshclam.dat
	Staging   string           // folder for a private copy of the definitions, about 1 GB
	Work      string           // folder of work files, of which old ones are removed; "" for none
	Freshclam freshclam.Config // with the mirror
	Engine    clamav.Config    // of the engine that proves a set
	OwnSource source           // of own signatures; nil for none
	Trials    trials           // of new signatures; requests alone use it
	Stack     string           // name of the stack, for the commands in messages
	// KnownClean are files that no official signature may report.
	KnownClean knownclean.Set
	// KnownCleanTime is how long the scan of them may take, 4 minutes if zero. It is
	// shorter if the run's own time ends before.
	KnownCleanTime time.Duration
}

// trials are the trials of new signatures.
type trials interface {
	Confirm(ctx context.Context, signature string) error
	List(ctx context.Context) ([]trial.Trial, error)
}

// Run makes a generation if there is something new. Whatever a mirror or a file of signatures does is
// an outcome. An error means that the volume, the staging disk or a program cannot be used, or that
// ctx ended.
func (u *Updater) Run(ctx context.Context) (Status, error) {
	if err := os.MkdirAll(u.Root, 0o755); err != nil {
		return Status{}, fmt.Errorf("create definitions store: %w", err)
	}
	if u.Work != "" {
		if err := workdir.Prepare(u.Work); err != nil {
			return Status{}, err
		}
	}
	store := definitions.Open(u.Root)
	unlock, err := lock(u.Root)
	if errors.Is(err, errBusy) {
		s := Status{Outcome: Busy, Detail: err.Error()}
		return s, u.complete(&s, store)
	}
	if err != nil {
		return Status{}, err
	}
	s := Status{}
	_, err = store.Pinned()
	switch {
	case err == nil:
		s.Outcome, s.Detail = Pinned, "there are no updates until it is unpinned"
		s.copyFrom(readStatus(u.Root))
	case errors.Is(err, definitions.ErrNone):
		err = u.update(ctx, store, &s)
	}
	if isFull(err) {
		s.Outcome, s.Detail, err = freshclam.NoSpace, err.Error(), nil
	}
	s.warn(store.Prune())
	if u.Work != "" {
		n, sweepErr := workdir.Sweep(u.Work, time.Now().Add(-workAge))
		s.Swept = n
		s.warn(sweepErr)
	}
	if err == nil {
		last := readStatus(u.Root)
		if err = u.complete(&s, store); err == nil {
			s.News = newsSince(s, last, u.Stack)
			s.warn(s.write(u.Root))
		}
	}
	return s, errors.Join(err, unlock())
}

// isFull reports whether err says that a disk or a quota is used up.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// complete sets the fields of the status that each run sets at its end.
func (u *Updater) complete(s *Status, store *definitions.Store) error {
	s.Time = time.Now().UTC()
	if retry := freshclam.CoolDown(u.Root); retry.After(s.Time) {
		s.Retry = retry
	}
	if err := s.setHeld(store); err != nil {
		return err
	}
	g, err := store.Current()
	if errors.Is(err, definitions.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Current = &g
	if !g.Built.IsZero() {
		s.AgeSeconds = int64(s.Time.Sub(g.Built).Seconds())
	}
	return nil
}

// update stages a set, updates and proves it, and publishes it or holds it back.
func (u *Updater) update(ctx context.Context, store *definitions.Store, s *Status) error {
	base, err := newestGeneration(store)
	if err != nil {
		return err
	}
	// If the run is killed, package scratch removes the folder at the next start.
	stage, err := os.MkdirTemp(u.Staging, "lazaret-stage-")
	if err != nil {
		return fmt.Errorf("create staging folder: %w", err)
	}
	defer os.RemoveAll(stage)
	if err := checkFreeSpace(stage, base); err != nil {
		return err
	}
	if err := stageLinks(stage, base, filepath.Join(u.Root, freshclam.StateFile)); err != nil {
		return err
	}
	last := readStatus(u.Root)
	if last.newestFingerprint() != base.Fingerprint {
		last = Status{} // of another generation: after a rollback, or if a run was killed
	}
	newer, err := u.download(ctx, stage, base, s)
	if err != nil {
		return err
	}
	ownChanged, err := u.stageOwnFiles(ctx, stage, base, last, newer, s)
	if err != nil {
		return err
	}
	if !newer && !ownChanged && base.Dir != "" {
		s.copyFrom(last)
		return nil
	}
	if got := freshclam.ReadHeaders(stage); got["daily"].Version == 0 || got["main"].Version == 0 {
		if s.Outcome == freshclam.Updated || s.Outcome == freshclam.Partial || s.Outcome == freshclam.Current {
			s.Outcome, s.Detail = Incomplete, "main or daily is missing"
		}
		return nil
	}
	return u.publish(ctx, store, stage, last, s)
}

// download has freshclam update the staged containers, and reports whether some are newer now.
func (u *Updater) download(
	ctx context.Context, stage string, current definitions.Generation, s *Status,
) (newer bool, err error) {
	report, err := freshclam.Run(ctx, u.Freshclam, stage)
	behind := err == nil && report.Outcome == freshclam.Behind
	if behind && !u.Freshclam.WholeFiles && time.Since(current.Built) > maxDelay {
		whole := u.Freshclam
		whole.WholeFiles = true
		report, err = freshclam.Run(ctx, whole, stage)
	}
	if err != nil {
		return false, err
	}
	s.Outcome, s.Detail = report.Outcome, report.Detail
	if report.Outcome == freshclam.Older {
		if err := clearFolder(stage); err != nil {
			return false, err
		}
		return false, stageLinks(stage, current, filepath.Join(u.Root, freshclam.StateFile))
	}
	return report.Outcome == freshclam.Updated || report.Outcome == freshclam.Partial, nil
}

// newestGeneration returns the generation from which the next one is made: the one that is held back,
// so that nothing is downloaded twice, or else the current one. It is zero before the first one.
func newestGeneration(store *definitions.Store) (definitions.Generation, error) {
	h, err := store.Held()
	if err == nil {
		return h.Generation, nil
	}
	if !errors.Is(err, definitions.ErrNone) {
		return definitions.Generation{}, err
	}
	g, err := store.Current()
	if err != nil && !errors.Is(err, definitions.ErrNone) {
		return definitions.Generation{}, err
	}
	return g, nil
}

// publish proves the staged set and makes it current, or holds it back.
func (u *Updater) publish(ctx context.Context, store *definitions.Store, stage string, last Status, s *Status) error {
	if err := finishStaging(stage); err != nil {
		return err
	}
	from := ""
	if last.KnownClean != nil {
		from = last.KnownClean.Next
	}
	p, err := u.proveAll(ctx, stage, from)
	if err != nil && ctx.Err() == nil && u.removeOwnFiles(stage, s) {
		p, err = u.proveAll(ctx, stage, from)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("prove definitions: %w", context.Cause(ctx))
	}
	if errors.Is(err, knownclean.ErrTime) {
		s.copyFrom(last) // the next run tries again
		s.Outcome, s.Detail = Unproved, err.Error()
		return nil
	}
	if err != nil {
		s.Outcome, s.Detail = Unloadable, explain([]string{err.Error()}, stage)
		return nil
	}
	s.KnownClean, s.OwnDetections = &p.report, summarize(p.own)
	s.warn(p.unchecked)
	if err := u.listNewSignatures(ctx, store, stage, s); err != nil {
		return err
	}
	accepted, err := readAccepted(u.Root)
	if err != nil {
		return err
	}
	if len(subtract(p.official, accepted)) > 0 {
		_, err := store.Hold(ctx, stage, p.official)
		return err
	}
	if _, err := store.Publish(ctx, stage); err != nil {
		return err
	}
	s.Published = true
	if p.report.Next == "" {
		s.warn(writeAccepted(u.Root, subtract(accepted, subtract(accepted, p.official))))
	}
	return nil
}
