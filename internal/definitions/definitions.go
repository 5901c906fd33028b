// Package definitions keeps ClamAV's signature sets as immutable generations
// on a volume: <root>/generations/<fingerprint>/ and a symlink <root>/current
// that one rename switches. The freshclam function publishes, the scan
// function reads. Whether the engine loads a set and finds the canaries with
// it is proved by the caller before Publish; this package never runs ClamAV.
package definitions

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrNone says that a store has no generation yet, or that the one that
// current names is not complete. Callers wait for the freshclam function.
var ErrNone = errors.New("no definitions published")

// ErrUnknown says that a store does not keep the generation that was named.
var ErrUnknown = errors.New("no such generation is kept")

// manifestName is a file inside each generation with what Inspect found. The
// leading dot keeps it out of the fingerprint, and clamd reads only files with
// a database extension.
const manifestName = ".generation.json"

// Generation is one immutable set of definitions.
type Generation struct {
	// Fingerprint names the set by its content, see Inspect.
	Fingerprint string `json:"fingerprint"`
	// Dir is the absolute folder to load, free of symlinks that could move.
	Dir string `json:"-"`
	// Version is the version of the daily set, 0 where there is none.
	Version int `json:"version"`
	// Built is when the daily set was built, zero where there is none.
	Built time.Time `json:"built,omitzero"`
	// Signatures counts what the containers state and the lines of loose files.
	Signatures int `json:"signatures"`
}

// Store is the root folder of the generations on a volume.
type Store struct {
	root string
}

// Open returns the store at root. It touches nothing: the folders are created
// by the first Publish, and a store without any is simply empty.
func Open(root string) *Store {
	return &Store{root: root}
}

// Current returns the generation that scans are to use now, or ErrNone. It
// costs one readlink and one small read, so it can be asked at every
// invocation; the name is resolved once, so that Dir stays on one generation
// however often current moves.
func (s *Store) Current() (Generation, error) {
	return s.linked("current")
}

// Previous returns the generation that was current before, or ErrNone.
func (s *Store) Previous() (Generation, error) {
	return s.linked("previous")
}

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

// generation reads the manifest, which Publish writes before the folder gets
// its name: a folder without it was not put there by Publish.
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
		return Generation{}, fmt.Errorf("read generation %s: its manifest says %q", fingerprint, g.Fingerprint)
	}
	return g, nil
}

func (s *Store) path(fingerprint string) string {
	return filepath.Join(s.root, "generations", fingerprint)
}
