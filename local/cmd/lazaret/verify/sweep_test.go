package verify

import (
	"testing"

	"github.com/lazaret/lazaret/internal/sweep"
)

func TestSwept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sum  sweep.Summary
		want Outcome
		seen string
	}{
		"as it must be": {sweep.Summary{Counts: sweep.Counts{Considered: 3}, Pages: 1}, Pass, "looked at 3 versions"},
		"a page failed": {
			sweep.Summary{Counts: sweep.Counts{Considered: 3}, FailedPages: 1, Failure: "AccessDenied: no"},
			Fail,
			"1 pages of versions could not be looked at: AccessDenied: no",
		},
		"no tags": {sweep.Summary{Counts: sweep.Counts{Considered: 3, Refused: 2}}, Fail, "the tags of 2 versions may not be read"},
		"nothing": {sweep.Summary{}, Fail, "it found no version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, swept(test.sum), test.want, test.seen)
		})
	}
}
