package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/knownclean"
)

// Outcomes of a run in addition to those of freshclam.
const (
	Busy       freshclam.Outcome = "busy"       // another run holds the lock
	Pinned     freshclam.Outcome = "pinned"     // a generation is pinned, and nothing was updated
	Incomplete freshclam.Outcome = "incomplete" // main or daily is missing
	Unloadable freshclam.Outcome = "unloadable" // the engine does not load the new set, or finds no canary with it
	Unproved   freshclam.Outcome = "unproved"   // there was no time to scan all known-clean documents
	HeldBack   freshclam.Outcome = "held-back"  // the newest set reports a known-clean file as infected
)

// Good reports whether an operator has nothing to do after this outcome.
func Good(o freshclam.Outcome) bool {
	switch o {
	case freshclam.Updated, freshclam.Partial, freshclam.Current, freshclam.Behind, freshclam.CoolingDown, Busy, Pinned:
		return true
	}
	return false
}

// OfMirror reports whether a mirror alone is to blame for this outcome: it gave nothing that could be used. The next
// run asks again, and the definitions in use stay.
func OfMirror(o freshclam.Outcome) bool {
	switch o {
	case freshclam.Unreachable, freshclam.Refused, freshclam.Corrupt, freshclam.Older:
		return true
	}
	return false
}

// Status is the result of a run. The function returns it, and it is written to status.json in the root
// of the store.
type Status struct {
	Outcome freshclam.Outcome `json:"outcome"`
	Detail  string            `json:"detail,omitempty"`
	Time    time.Time         `json:"time"`
	// Current is the current generation after the run; nil before the first one.
	Current *definitions.Generation `json:"current,omitempty"`
	// Published says that this run made Current.
	Published bool `json:"published"`
	// AgeSeconds is the time since the daily set of Current was built; absent if there is none.
	AgeSeconds int64 `json:"ageSeconds,omitempty"`
	// Retry is when the mirror may be asked again; absent without a cool-down.
	Retry time.Time `json:"retryAfter,omitzero"`
	// Own are the signatures from CustomSignatures.
	Own []OwnFile `json:"own,omitempty"`
	// Held is the newest generation if it is held back, otherwise nil.
	Held *Hold `json:"held,omitempty"`
	// KnownClean is the report about the known-clean files of the last proof; nil before the first one.
	KnownClean *knownclean.Report `json:"knownClean,omitempty"`
	// OwnDetections are the known-clean files that own signatures report. They hold nothing back.
	OwnDetections Summary `json:"ownDetections,omitzero"`
	// News is a message for operators, in one line. It is empty if the last run found the same.
	News string `json:"news,omitempty"`
	// Swept counts the work files that were removed.
	Swept int `json:"swept"`
	// Warnings are errors that did not end the run.
	Warnings []string `json:"warnings,omitempty"`
}

// OwnFile is one file of own signatures.
type OwnFile struct {
	Name string `json:"name"`
	ETag string `json:"etag"`
	// Refused is why the file is not used, empty if it is.
	Refused string `json:"refused,omitempty"`
	// AllowList says that the file disables detection.
	AllowList bool `json:"allowList,omitempty"`
}

// copyFrom copies from the last run's status what stays true if nothing new is published or held back.
func (s *Status) copyFrom(last Status) {
	s.Own, s.KnownClean, s.OwnDetections = last.Own, last.KnownClean, last.OwnDetections
}

// newestFingerprint returns the fingerprint of the generation that Own is about.
func (s *Status) newestFingerprint() string {
	switch {
	case s.Held != nil:
		return s.Held.Generation.Fingerprint
	case s.Current != nil:
		return s.Current.Fingerprint
	}
	return ""
}

// warn adds err to Warnings, if it is not nil.
func (s *Status) warn(err error) {
	if err != nil {
		s.Warnings = append(s.Warnings, err.Error())
	}
}

// statusFile is the name of the file with the last run's status.
const statusFile = "status.json"

// readStatus returns the last run's status. It returns a zero Status if there is none or it cannot be
// read, because the status only saves work.
func readStatus(root string) Status {
	var s Status
	data, err := os.ReadFile(filepath.Join(root, statusFile))
	if err != nil || json.Unmarshal(data, &s) != nil {
		return Status{}
	}
	return s
}

// write replaces status.json by rename, so that readers see either the old or the new content.
func (s *Status) write(root string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = replaceFile(filepath.Join(root, statusFile), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// replaceFile writes a file with a temporary name and renames it. The lock of the store makes this the
// only writer.
func replaceFile(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
