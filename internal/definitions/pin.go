package definitions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pinned is the name of a symlink like current. While it exists, the freshclam function does not
// switch current.
const pinned = "pinned"

// Pin makes a generation current and keeps it current until Unpin, also if there are newer ones.
// fingerprint is the beginning of the fingerprint of a generation that List returns.
func (s *Store) Pin(fingerprint string) (Generation, error) {
	g, err := s.findPublished(fingerprint)
	if err != nil {
		return Generation{}, fmt.Errorf("pin: %w", err)
	}
	// Pin first, so that an update which ends in between does not undo the switch.
	if err := s.setLink(pinned, filepath.Join("generations", g.Fingerprint)); err != nil {
		return Generation{}, fmt.Errorf("pin generation %s: %w", g.Fingerprint, err)
	}
	if err := s.switchCurrent(g.Fingerprint); err != nil {
		return Generation{}, fmt.Errorf("pin generation %s: %w", fingerprint, err)
	}
	return g, nil
}

// findPublished returns the generation whose fingerprint begins with the given one. An operator typed
// it, so it is only compared and never used as a path.
func (s *Store) findPublished(fingerprint string) (Generation, error) {
	all, err := s.List()
	if err != nil {
		return Generation{}, err
	}
	all = slices.DeleteFunc(all, func(g Generation) bool {
		return fingerprint == "" || !strings.HasPrefix(g.Fingerprint, fingerprint)
	})
	switch len(all) {
	case 0:
		return Generation{}, fmt.Errorf("generation %q: %w", fingerprint, ErrUnknown)
	case 1:
		return all[0], nil
	}
	return Generation{}, fmt.Errorf("%d generations begin with %q", len(all), fingerprint)
}

// Pinned returns the generation that is pinned, or ErrNone.
func (s *Store) Pinned() (Generation, error) {
	return s.linked(pinned)
}

// Unpin lets the next update publish again. It does nothing if there is no pin.
func (s *Store) Unpin() error {
	err := os.Remove(filepath.Join(s.root, pinned))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the pin of definitions: %w", err)
	}
	return nil
}

// List returns the complete generations, the last published first.
func (s *Store) List() ([]Generation, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, "generations"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	var all []Generation
	published := map[string]time.Time{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporaryPrefix) {
			continue
		}
		g, err := s.generation(e.Name())
		info, infoErr := e.Info()
		if errors.Is(err, ErrNone) || errors.Is(infoErr, fs.ErrNotExist) {
			continue // unfinished, or removed meanwhile
		}
		if err = errors.Join(err, infoErr); err != nil {
			return nil, fmt.Errorf("list generations: %w", err)
		}
		all, published[g.Fingerprint] = append(all, g), info.ModTime()
	}
	slices.SortFunc(all, func(a, b Generation) int {
		return published[b.Fingerprint].Compare(published[a.Fingerprint])
	})
	return all, nil
}

// SwitchPeriod is the period in which all environments of the function scan switch to a new generation,
// each after a random delay. Loading takes 8 to 20 seconds, in which an environment scans nothing. If
// all switched at once, nothing would be scanned in that time.
const SwitchPeriod = 5 * time.Minute

// Switched returns when current was last switched, and whether a pin is set, which scans follow at
// once. The error is ErrNone before the first generation.
func (s *Store) Switched() (at time.Time, byPin bool, err error) {
	info, err := os.Lstat(filepath.Join(s.root, "current"))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, fmt.Errorf("read current: %w", ErrNone)
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read current of definitions: %w", err)
	}
	_, err = os.Lstat(filepath.Join(s.root, pinned))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, fmt.Errorf("read the pin of definitions: %w", err)
	}
	return info.ModTime(), err == nil, nil
}
