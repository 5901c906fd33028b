package definitions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// Detection is a signature that reports a file as infected.
type Detection struct {
	Signature string `json:"signature"`
	File      string `json:"file"`
}

// Held is a generation that is kept but not published, because its signatures report files that are
// known to be clean.
type Held struct {
	Generation Generation  `json:"generation"`
	Since      time.Time   `json:"since"`
	Detections []Detection `json:"detections"`
}

// heldFile is the name of the file that says which generation is held back, and why.
const heldFile = "held.json"

// Hold keeps the staged folder dir as a generation without publishing it. A generation that was held
// back before is replaced; current stays. The result is durable when Hold returns.
func (s *Store) Hold(ctx context.Context, dir string, detections []Detection) (Held, error) {
	g, err := s.storeGeneration(ctx, dir)
	if err != nil {
		return Held{}, err
	}
	h := Held{Generation: g, Since: time.Now().UTC(), Detections: detections}
	if old, err := s.Held(); err == nil {
		h.Since = old.Since
	}
	data, err := json.MarshalIndent(h, "", "  ")
	if err == nil {
		err = s.replaceFile(heldFile, append(data, '\n'))
	}
	if err != nil {
		return Held{}, fmt.Errorf("hold generation %s back: %w", g.Fingerprint, err)
	}
	return h, nil
}

// Held returns the generation that is held back, or ErrNone. It ignores heldFile if that names the
// current generation, as after a crash, or cannot be read: the next update makes and proves the
// generation again.
func (s *Store) Held() (Held, error) {
	data, err := os.ReadFile(filepath.Join(s.root, heldFile))
	var h Held
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Held{}, fmt.Errorf("read the generation that is held back: %w", ErrNone)
	case err != nil:
		return Held{}, fmt.Errorf("read the generation that is held back: %w", err)
	case json.Unmarshal(data, &h) != nil || h.Generation.Fingerprint == "" || len(h.Detections) == 0:
		return Held{}, fmt.Errorf("read the generation that is held back: %s is invalid: %w", heldFile, ErrNone)
	}
	if h.Generation, err = s.generation(h.Generation.Fingerprint); err != nil {
		return Held{}, err
	}
	current, err := s.Current()
	if err == nil && current.Fingerprint == h.Generation.Fingerprint {
		return Held{}, fmt.Errorf("generation %s is held back and current: %w", current.Fingerprint, ErrNone)
	}
	if err != nil && !errors.Is(err, ErrNone) {
		return Held{}, err
	}
	return h, nil
}

// PublishHeld makes the generation current that is held back, if its fingerprint begins with the given
// one. Its signatures are as new as if it had been made now.
func (s *Store) PublishHeld(fingerprint string) (Held, error) {
	h, err := s.Held()
	if errors.Is(err, ErrNone) {
		return Held{}, errors.New("no generation is held back")
	}
	if err != nil {
		return Held{}, err
	}
	if fingerprint == "" || !strings.HasPrefix(h.Generation.Fingerprint, fingerprint) {
		return Held{}, fmt.Errorf("publish generation %q: the generation that is held back is %s",
			fingerprint, h.Generation.Fingerprint)
	}
	now := time.Now() // a new age, so that Prune does not remove it before it is current
	err = errors.Join(
		signatures.Renew(h.Generation.Dir, now), os.Chtimes(h.Generation.Dir, now, now), s.clearHeld())
	if err == nil {
		err = s.switchCurrent(h.Generation.Fingerprint)
	}
	if err != nil {
		return Held{}, fmt.Errorf("publish generation %s: %w", h.Generation.Fingerprint, err)
	}
	return h, nil
}

// clearHeld removes heldFile. This is done before current is switched: after a crash between the two,
// the old generation is current, and the next update makes the generation again.
func (s *Store) clearHeld() error {
	err := os.Remove(filepath.Join(s.root, heldFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget the generation that was held back: %w", err)
	}
	return syncDir(s.root)
}

// replaceFile replaces a file in root by rename, so that readers see either the old or the new
// content.
func (s *Store) replaceFile(name string, data []byte) error {
	tmp := filepath.Join(s.root, fmt.Sprintf("%s%s-%d-%d", temporaryPrefix, name, os.Getpid(), time.Now().UnixNano()))
	if err := writeFile(tmp, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp, filepath.Join(s.root, name)); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", name, err), os.Remove(tmp))
	}
	return syncDir(s.root)
}
