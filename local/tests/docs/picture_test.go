package docs

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// boxNames returns the names of the boxes of a class in the picture.
func boxNames(picture, class string) (names []string) {
	box := regexp.MustCompile(`<rect class="` + class + `[^"]*"[^>]*/>\s*<text class="name[^>]*>([^<]+)<`)
	for _, m := range box.FindAllStringSubmatch(picture, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestPicture compares docs/picture.svg with the code: its steps are the first states
// of the state machine, in their order, and its outcomes are the verdicts.
func TestPicture(t *testing.T) {
	t.Parallel()
	picture := content(t, "../../../docs/picture.svg")
	var machine struct {
		StartAt string
		States  map[string]struct{ Next string }
	}
	if err := json.Unmarshal([]byte(content(t, "../../../statemachine/scan.asl.json")), &machine); err != nil {
		t.Fatal(err)
	}
	var steps []string
	for name := machine.StartAt; name != ""; name = machine.States[name].Next {
		steps = append(steps, name)
	}
	if got := boxNames(picture, "step"); !slices.Equal(got, steps) {
		t.Errorf("got the steps %q, want %q", got, steps)
	}
	outcomes := []string{string(job.Clean), string(job.Infected), string(job.Unscannable), "No verdict"}
	if got := boxNames(picture, "outcome"); !slices.Equal(got, outcomes) {
		t.Errorf("got the outcomes %q, want %q", got, outcomes)
	}
}
