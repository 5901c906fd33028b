package update

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
)

// Hold is a generation that is held back.
type Hold struct {
	Generation definitions.Generation `json:"generation"`
	Since      time.Time              `json:"since"`
	Summary
}

func newHold(h definitions.Held) *Hold {
	return &Hold{Generation: h.Generation, Since: h.Since, Summary: summarize(h.Detections)}
}

// Summary is what an engine reported about known-clean files, short enough for a message.
type Summary struct {
	Detections []definitions.Detection `json:"detections"` // one for each signature, at most maxSignatures
	Files      int                     `json:"files"`      // how many are reported
}

// maxSignatures is how many detections a Summary has at most.
const maxSignatures = 20

// summarize counts the files, and keeps one detection for each signature.
func summarize(all []definitions.Detection) Summary {
	var s Summary
	files, signatures := map[string]bool{}, map[string]bool{}
	for _, d := range all {
		files[d.File] = true
		if !signatures[d.Signature] && len(s.Detections) < maxSignatures {
			s.Detections = append(s.Detections, d)
		}
		signatures[d.Signature] = true
	}
	s.Files = len(files)
	return s
}

// String names the first detection, and how many files are reported.
func (s Summary) String() string {
	if len(s.Detections) == 0 {
		return "no known-clean file is called infected"
	}
	text := fmt.Sprintf("%s calls the known-clean file %s infected", s.Detections[0].Signature, s.Detections[0].File)
	if s.Files > 1 {
		text += fmt.Sprintf(", %d known-clean files in all", s.Files)
	}
	return text
}

// signatures returns the names of the signatures, sorted.
func (s Summary) signatures() []string {
	var names []string
	for _, d := range s.Detections {
		names = append(names, d.Signature)
	}
	slices.Sort(names)
	return names
}

// setHeld sets Held. If the run succeeded otherwise, its outcome becomes HeldBack.
func (s *Status) setHeld(store *definitions.Store) error {
	h, err := store.Held()
	if errors.Is(err, definitions.ErrNone) {
		s.Held = nil
		return nil
	}
	if err != nil {
		return err
	}
	s.Held = newHold(h)
	switch s.Outcome {
	case freshclam.Updated, freshclam.Partial, freshclam.Current:
		s.Outcome, s.Detail = HeldBack, s.Held.String()
	}
	return nil
}
