package definitions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// temporaryPrefix marks what is not a generation: no fingerprint has a dot.
const temporaryPrefix = ".tmp-"

// keepFor is how long a generation that is neither current nor previous, or a
// temporary folder, stays. It covers an engine that started to load just
// before two updates came in a row, and a publisher at work in parallel.
const keepFor = time.Hour

// Rollback makes the previous generation current and returns it. The one it
// replaces becomes the previous, so a second Rollback undoes the first.
func (s *Store) Rollback() (Generation, error) {
	g, err := s.Previous()
	if err != nil {
		return Generation{}, err
	}
	if err := s.flip(g.Fingerprint); err != nil {
		return Generation{}, fmt.Errorf("roll back to generation %s: %w", g.Fingerprint, err)
	}
	return g, nil
}

// flip points current at the generation and previous at what current was.
// previous is written first: a crash between the two leaves both on the old
// generation, which is complete.
func (s *Store) flip(fingerprint string) error {
	target := filepath.Join("generations", fingerprint)
	old, err := os.Readlink(filepath.Join(s.root, "current"))
	switch {
	case err == nil && old == target:
		return nil
	case err == nil:
		if err := s.link("previous", old); err != nil {
			return err
		}
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read current: %w", err)
	}
	return s.link("current", target)
}

// link replaces a symlink by rename, so that a reader sees the old or the new
// target and never none. Targets are relative, since functions mount the
// volume at different paths.
func (s *Store) link(name, target string) error {
	tmp := filepath.Join(s.root, fmt.Sprintf("%s%s-%d-%d", temporaryPrefix, name, os.Getpid(), time.Now().UnixNano()))
	if err := os.Symlink(target, tmp); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp, filepath.Join(s.root, name)); err != nil {
		return errors.Join(fmt.Errorf("switch %s: %w", name, err), os.Remove(tmp))
	}
	return syncDir(s.root)
}

// Prune removes generations that nothing names any more, and what crashes left
// behind, once they are an hour old. An error does not concern the current
// generation: the caller reports it and goes on.
func (s *Store) Prune() error {
	if err := s.prune(time.Now()); err != nil {
		return fmt.Errorf("remove old generations: %w", err)
	}
	return nil
}

func (s *Store) prune(now time.Time) error {
	keep := map[string]bool{}
	for _, link := range []string{"current", "previous", pinned} {
		target, err := os.Readlink(filepath.Join(s.root, link))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read %s: %w", link, err)
		}
		keep[filepath.Base(target)] = true
	}
	return errors.Join(
		pruneDir(filepath.Join(s.root, "generations"), now, func(name string) bool { return !keep[name] }),
		pruneDir(s.root, now, func(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }),
	)
}

func pruneDir(dir string, now time.Time, old func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // another publisher was faster
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if old(e.Name()) && now.Sub(info.ModTime()) > keepFor {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
