// Package signatures knows which signatures of a generation are new: their names are in no generation
// of more than a day ago. freshclam writes the list into each generation, scan looks the signature up
// that it has found, and quarantine moves no more than some objects because of a new one.
//
// It reads the names out of all kinds of databases that clamd loads, and knows nothing of how they
// detect. Whatever goes wrong here makes a signature count as known: then its objects are moved.
package signatures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// FileName is the name of the list in a generation. clamd ignores it, because it reads only files with
// the extension of a database.
const FileName = ".new-signatures.json"

// NewFor is how long a signature is new. Bad signatures of ClamAV are withdrawn within hours, and a day
// of upload traffic is what an engineer of a stack sees before he looks again.
const NewFor = 24 * time.Hour

// List is the signatures of a generation that may be new.
type List struct {
	Batch
	// Earlier are those of the generations before, of less than NewFor ago.
	Earlier []Batch `json:"earlier,omitempty"`
}

// Batch is the signatures that came with one generation.
type Batch struct {
	FirstSeen time.Time `json:"firstSeen"` // when the generation was made, UTC
	Names     []string  `json:"names"`     // sorted, as clamd reports them
}

// IsNew reports whether a signature is new at that time, and when it was first seen.
func (l List) IsNew(signature string, now time.Time) (first time.Time, isNew bool) {
	for _, b := range append([]Batch{l.Batch}, l.Earlier...) {
		if _, found := slices.BinarySearch(b.Names, signature); found && (first.IsZero() || b.FirstSeen.Before(first)) {
			first = b.FirstSeen
		}
	}
	if first.IsZero() || now.Sub(first) >= NewFor {
		return time.Time{}, false
	}
	return first, true
}

// Count returns how many signatures are new at that time.
func (l List) Count(now time.Time) (n int) {
	for _, b := range append([]Batch{l.Batch}, l.Earlier...) {
		if now.Sub(b.FirstSeen) < NewFor {
			n += len(b.Names)
		}
	}
	return n
}

// Read returns the list of the generation in dir. A generation without one has no new signatures: it is
// the first, or its list could not be made. The error is then an fs.ErrNotExist.
func Read(dir string) (List, error) {
	var l List
	data, err := os.ReadFile(filepath.Join(dir, FileName))
	if err == nil {
		err = json.Unmarshal(data, &l)
	}
	if err != nil {
		return List{}, fmt.Errorf("read the list of new signatures: %w", err)
	}
	return l, nil
}

// Write writes the list into dir, in place of one that is there. A crash leaves the old or the new one.
func (l List) Write(dir string) error {
	data, err := json.Marshal(l)
	if err == nil {
		err = replace(filepath.Join(dir, FileName), data)
	}
	if err != nil {
		return fmt.Errorf("write the list of new signatures: %w", err)
	}
	return nil
}

// Renew makes the signatures that came with the generation in dir as new as now. A generation that was
// held back is published later than it was made, and no scan has used its signatures before.
func Renew(dir string, now time.Time) error {
	l, err := Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.FirstSeen = now.UTC()
	return l.Write(dir)
}

// replace writes a file under a temporary name and renames it. The caller is the only writer.
func replace(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// The scan function, which runs as another user, reads it, whatever the umask is.
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
