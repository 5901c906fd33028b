// Package definitions keeps ClamAV's definitions as immutable generations on a volume: each is a
// folder <root>/generations/<fingerprint>/, and the symlink <root>/current, which one rename switches,
// names the one to use. The freshclam function publishes generations and the scan function reads them.
// The caller of Publish must have proved that an engine loads the generation and finds the canaries;
// this package never runs ClamAV.
package definitions

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrNone: the store has no generation yet, or the one that current names is not complete. The next
// run of the freshclam function publishes one.
var ErrNone = errors.New("no definitions published")

// ErrUnknown: the store does not have the generation that was named.
var ErrUnknown = errors.New("no such generation is kept")

// manifestName is the file in each generation with the result of Inspect. The fingerprint does not
// include it. clamd ignores it, because it reads only files with the extension of a database.
const manifestName = ".generation.json"

// Generation is one immutable set of definitions.
type Generation struct {
	// Fingerprint identifies the generation by its content, see Inspect.
	Fingerprint string `json:"fingerprint"`
	// Dir is the absolute path of the folder to load. No part of it is a symlink that is switched.
	Dir string `json:"-"`
	// Version is the version of the daily set, 0 if there is none.
	Version int `json:"version"`
	// Built is when the daily set was built, UTC; zero if there is none.
	Built time.Time `json:"built,omitzero"`
	// Signatures is the number of signatures: those that the headers of containers state, and the lines of
	// loose files.
	Signatures int `json:"signatures"`
}

// Store is the folder that holds the generations.
type Store struct {
	root string
}

// Open returns the store at root. It does not access the volume: the first Publish creates the
// folders, and before that the store is empty.
func Open(root string) *Store {
	return &Store{root: root}
}

// Current returns the generation that scans should use now, or ErrNone. It takes one readlink and one
// small read, so that each invocation can call it. Dir names this generation, also when current is
// switched later.
func (s *Store) Current() (Generation, error) {
	return s.linked("current")
}

// Previous returns the generation that was current before, or ErrNone.
func (s *Store) Previous() (Generation, error) {
	return s.linked("previous")
}

// linked returns the generation that a symlink names.
func (s *Store) linked(link string) (Generation, error) {
	target, err := os.Readlink(filepath.Join(s.root, link))
	if errors.Is(err, os.ErrNotExist) {
		return Generation{}, fmt.Errorf("read %s of %s: %w", link, s.root, ErrNone)
	}
	if err != nil {
		return Generation{}, fmt.Errorf("read %s of definitions: %w", link, err)
	}
	return s.generation(filepath.Base(target))
}

// generation reads the manifest of a generation. Publish writes it before the folder gets its name, so
// that a folder without it counts as none.
func (s *Store) generation(fingerprint string) (Generation, error) {
	dir, err := filepath.Abs(s.path(fingerprint))
	if err != nil {
		return Generation{}, fmt.Errorf("find generation %s: %w", fingerprint, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return Generation{}, fmt.Errorf("read generation %s: %w", fingerprint, ErrNone)
	}
	if err != nil {
		return Generation{}, fmt.Errorf("read generation %s: %w", fingerprint, err)
	}
	g := Generation{Dir: dir}
	if err := json.Unmarshal(data, &g); err != nil {
		return Generation{}, fmt.Errorf("read generation %s: decode its manifest: %w", fingerprint, err)
	}
	if g.Fingerprint != fingerprint {
		return Generation{}, fmt.Errorf("read generation %s: its manifest has the fingerprint %q", fingerprint, g.Fingerprint)
	}
	return g, nil
}

// path returns the folder of a generation.
func (s *Store) path(fingerprint string) string {
	return filepath.Join(s.root, "generations", fingerprint)
}
