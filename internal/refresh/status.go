package refresh

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/freshclam"
)

// Outcomes of a run beside freshclam's own.
const (
	Busy       freshclam.Outcome = "busy"       // another run is at work
	Pinned     freshclam.Outcome = "pinned"     // a generation is pinned: no update is wanted
	Incomplete freshclam.Outcome = "incomplete" // main or daily is still missing
	Unloadable freshclam.Outcome = "unloadable" // the engine does not load the new set, or finds no canary with it
)

// Status is what a run came to: the function's answer, and status.json beside
// the generations.
type Status struct {
	Outcome freshclam.Outcome `json:"outcome"`
	Detail  string            `json:"detail,omitempty"`
	Time    time.Time         `json:"time"`
	// Current is what scans use when the run is over; nil before the first one.
	Current *definitions.Generation `json:"current,omitempty"`
	// Published says that this run made Current.
	Published bool `json:"published"`
	// AgeSeconds is how long ago the daily set of Current was built; absent
	// where there is none.
	AgeSeconds int64 `json:"ageSeconds,omitempty"`
	// Retry is when the mirror may be asked again; absent without a cool-down.
	Retry time.Time `json:"retryAfter,omitzero"`
	// Own are the signatures from CustomSignatures.
	Own []OwnFile `json:"own,omitempty"`
	// Swept counts the work files that were removed.
	Swept int `json:"swept"`
	// Warnings are what went wrong without keeping the run from its end.
	Warnings []string `json:"warnings,omitempty"`
}

// OwnFile is one file of own signatures.
type OwnFile struct {
	Name string `json:"name"`
	ETag string `json:"etag"`
	// Refused is why it is not used, empty if it is.
	Refused string `json:"refused,omitempty"`
	// AllowList says that it switches detection off.
	AllowList bool `json:"allowList,omitempty"`
}

func (s *Status) warn(err error) {
	if err != nil {
		s.Warnings = append(s.Warnings, err.Error())
	}
}

const statusFile = "status.json"

// readStatus returns the last run's status, a zero one where there is none or
// where it cannot be read: it only saves work.
func readStatus(root string) Status {
	var s Status
	data, err := os.ReadFile(filepath.Join(root, statusFile))
	if err != nil || json.Unmarshal(data, &s) != nil {
		return Status{}
	}
	return s
}

// write replaces status.json by rename, so that readers see the old or the new.
func (s *Status) write(root string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	path := filepath.Join(root, statusFile)
	tmp := path + ".tmp" // the lock makes us its only writer
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}
