// Package refresh makes new generations of definitions: it stages a private
// set seeded from the current one, has freshclam update it, adds the user's own
// signatures, loads all of it into an engine that must find the canaries, and
// publishes it. Whatever fails, and whenever the run is killed, the current
// generation stays as it was. The freshclam function calls it on a schedule;
// it judges no object and decides nothing about scans.
package refresh

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
	"github.com/lazaret/lazaret/internal/freshclam"
	"github.com/lazaret/lazaret/internal/workdir"
)

const (
	// patience is how old the daily set may become before a mirror that lacks an
	// incremental update is asked for the whole set. Mirrors lag by hours.
	patience = 24 * time.Hour
	// workAge is when a work file has outlived every execution: the machine's
	// TimeoutSeconds (48 h) and a day.
	workAge = 72 * time.Hour
)

// Updater makes generations of the store at Root.
type Updater struct {
	Root      string           // of the store; holds the lock, status.json and freshclam.dat too
	Staging   string           // folder for a private copy of everything, about 1 GB
	Work      string           // folder of work files to be swept; empty sweeps none
	Freshclam freshclam.Config // the mirror
	Engine    clamav.Config    // what loads a set before it is published
	Own       source           // own signatures; nil without
}

// Run makes a generation if there is something new. Every way in which a mirror
// or a file of signatures can be bad is an outcome; an error means that the
// volume, the staging disk or a program cannot be used, or that ctx ended.
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
		return s, u.finish(&s, store)
	}
	if err != nil {
		return Status{}, err
	}
	s := Status{}
	_, err = store.Pinned()
	switch {
	case err == nil:
		s.Outcome, s.Detail = Pinned, "unpin it to have updates again"
		s.Own = readStatus(u.Root).Own
	case errors.Is(err, definitions.ErrNone):
		err = u.update(ctx, store, &s)
	}
	if full(err) {
		s.Outcome, s.Detail, err = freshclam.NoSpace, err.Error(), nil
	}
	s.warn(store.Prune())
	if u.Work != "" {
		n, sweepErr := workdir.Sweep(u.Work, time.Now().Add(-workAge))
		s.Swept = n
		s.warn(sweepErr)
	}
	if err == nil {
		if err = u.finish(&s, store); err == nil {
			s.warn(s.write(u.Root))
		}
	}
	return s, errors.Join(err, unlock())
}

// full reports whether a disk or a quota was used up.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// finish fills in what is true at the end of every run.
func (u *Updater) finish(s *Status, store *definitions.Store) error {
	s.Time = time.Now().UTC()
	if retry := freshclam.CoolDown(u.Root); retry.After(s.Time) {
		s.Retry = retry
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

// update stages, updates, proves and publishes.
func (u *Updater) update(ctx context.Context, store *definitions.Store, s *Status) error {
	current, err := store.Current()
	if err != nil && !errors.Is(err, definitions.ErrNone) {
		return err
	}
	stage, err := os.MkdirTemp(u.Staging, "lazaret-stage-") // one that a killed run leaves is swept at the next start
	if err != nil {
		return fmt.Errorf("create staging folder: %w", err)
	}
	defer os.RemoveAll(stage)
	if err := room(stage, current); err != nil {
		return err
	}
	if err := seed(stage, current, filepath.Join(u.Root, freshclam.StateFile)); err != nil {
		return err
	}
	newer, err := u.download(ctx, stage, current, s)
	if err != nil {
		return err
	}
	ownChanged, err := u.own(ctx, stage, current, newer, s)
	if err != nil {
		return err
	}
	if !newer && !ownChanged && current.Dir != "" {
		return nil
	}
	if got := freshclam.ReadHeaders(stage); got["daily"].Version == 0 || got["main"].Version == 0 {
		if s.Outcome == freshclam.Updated || s.Outcome == freshclam.Partial || s.Outcome == freshclam.Current {
			s.Outcome, s.Detail = Incomplete, "there are not both of main and daily yet"
		}
		return nil
	}
	return u.publish(ctx, store, stage, s)
}

// download has freshclam update the staged containers and reports whether there
// is something newer among them.
func (u *Updater) download(ctx context.Context, stage string, current definitions.Generation, s *Status) (newer bool, err error) {
	report, err := freshclam.Run(ctx, u.Freshclam, stage)
	if err == nil && report.Outcome == freshclam.Behind && !u.Freshclam.WholeFiles && time.Since(current.Built) > patience {
		whole := u.Freshclam
		whole.WholeFiles = true
		report, err = freshclam.Run(ctx, whole, stage)
	}
	if err != nil {
		return false, err
	}
	s.Outcome, s.Detail = report.Outcome, report.Detail
	if report.Outcome == freshclam.Older {
		if err := unseed(stage); err != nil {
			return false, err
		}
		return false, seed(stage, current, filepath.Join(u.Root, freshclam.StateFile))
	}
	return report.Outcome == freshclam.Updated || report.Outcome == freshclam.Partial, nil
}

// publish proves the staged set and makes it current.
func (u *Updater) publish(ctx context.Context, store *definitions.Store, stage string, s *Status) error {
	if err := settle(stage); err != nil {
		return err
	}
	_, err := u.prove(ctx, stage)
	if err != nil && ctx.Err() == nil && u.dropOwn(stage, s) {
		_, err = u.prove(ctx, stage)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("prove definitions: %w", context.Cause(ctx))
	}
	if err != nil {
		s.Outcome, s.Detail = Unloadable, reason([]string{err.Error()}, stage)
		return nil
	}
	if _, err := store.Publish(ctx, stage); err != nil {
		return err
	}
	s.Published = true
	return nil
}
