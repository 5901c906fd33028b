package definitions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// temporaryPrefix begins the names of files and folders that are not finished. No fingerprint begins
// with it.
const temporaryPrefix = ".tmp-"

// minAge is how old a generation without a symlink, or a temporary folder, must be before Prune
// removes it. An engine may have begun to load it before two updates, and another process may be
// publishing.
const minAge = time.Hour

// Rollback makes the previous generation current and returns it. The current one becomes the previous,
// so that a second Rollback undoes the first.
func (s *Store) Rollback() (Generation, error) {
	g, err := s.Previous()
	if err != nil {
		return Generation{}, err
	}
	if err := s.switchCurrent(g.Fingerprint); err != nil {
		return Generation{}, fmt.Errorf("roll back to generation %s: %w", g.Fingerprint, err)
	}
	return g, nil
}

// switchCurrent points current at the generation and previous at the one that current named. It writes
// previous first: after a crash between the two, both name the old generation.
func (s *Store) switchCurrent(fingerprint string) error {
	target := filepath.Join("generations", fingerprint)
	old, err := os.Readlink(filepath.Join(s.root, "current"))
	switch {
	case err == nil && old == target:
		return nil
	case err == nil:
		if err := s.setLink("previous", old); err != nil {
			return err
		}
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read current: %w", err)
	}
	return s.setLink("current", target)
}

// setLink replaces a symlink by rename, so that a reader sees either the old or the new target.
// Targets are relative, because functions mount the volume at different paths.
func (s *Store) setLink(name, target string) error {
	tmp := filepath.Join(s.root, fmt.Sprintf("%s%s-%d-%d", temporaryPrefix, name, os.Getpid(), time.Now().UnixNano()))
	if err := os.Symlink(target, tmp); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp, filepath.Join(s.root, name)); err != nil {
		return errors.Join(fmt.Errorf("switch %s: %w", name, err), os.Remove(tmp))
	}
	return syncDir(s.root)
}

// Prune removes generations to which no symlink points, and temporary folders that a crash left, if
// they are older than an hour. An error does not affect the current generation: the caller reports it
// and goes on.
func (s *Store) Prune() error {
	if err := s.prune(time.Now()); err != nil {
		return fmt.Errorf("remove old generations: %w", err)
	}
	return nil
}

// prune is Prune at the given time.
func (s *Store) prune(now time.Time) error {
	keep := map[string]bool{}
	for _, link := range []string{"current", "previous", pinned} {
		target, err := os.Readlink(filepath.Join(s.root, link))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read %s: %w", link, err)
		}
		keep[filepath.Base(target)] = true
	}
	held, err := s.Held()
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	keep[held.Generation.Fingerprint] = true
	return errors.Join(
		pruneDir(filepath.Join(s.root, "generations"), now, func(name string) bool { return !keep[name] }),
		pruneDir(s.root, now, func(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }),
	)
}

// pruneDir removes the old entries of a folder for which remove is true.
func pruneDir(dir string, now time.Time, remove func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // another process removed it
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if remove(e.Name()) && now.Sub(info.ModTime()) > minAge {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
