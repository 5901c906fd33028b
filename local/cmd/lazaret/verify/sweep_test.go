package verify

import (
	"testing"

	"github.com/lazaret/lazaret/internal/sweep"
)

func TestSwept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sum      sweep.Summary
		movesAll bool
		want     Outcome
		seen     string
	}{
		"as it must be": {
			sweep.Summary{Counts: sweep.Counts{Considered: 3}, Pages: 1},
			false,
			Pass,
			"looked at 3 versions",
		},
		"a page failed": {
			sweep.Summary{Counts: sweep.Counts{Considered: 3}, FailedPages: 1, Failure: "AccessDenied: no"},
			false,
			Fail,
			"1 pages of versions could not be looked at: AccessDenied: no",
		},
		"no tags": {
			sweep.Summary{Counts: sweep.Counts{Considered: 3, Refused: 2}},
			false,
			Fail,
			"the tags of 2 versions may not be read",
		},
		"nothing":           {sweep.Summary{}, false, Fail, "it found no version"},
		"all have moved":    {sweep.Summary{}, true, Off, "had moved each object of this run away"},
		"one has not moved": {sweep.Summary{Counts: sweep.Counts{Considered: 1}}, true, Pass, "looked at 1 versions"},
		"a page failed, and all have moved": {
			sweep.Summary{FailedPages: 1, Failure: "AccessDenied: no"},
			true,
			Fail,
			"1 pages of versions could not be looked at: AccessDenied: no",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, swept(test.sum, test.movesAll), test.want, test.seen)
		})
	}
}

func TestRetroScanned(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sum  sweep.Summary
		want Outcome
		seen string
	}{
		"as it must be": {sweep.Summary{Request: sweep.Request{Definitions: 27500}}, Pass, "daily 27500; rate(1 day)"},
		"a page failed": {sweep.Summary{FailedPages: 1, Failure: "AccessDenied: no"}, Fail, "looked at: AccessDenied: no"},
		"no tags":       {sweep.Summary{Counts: sweep.Counts{Refused: 2}}, Fail, "the tags of 2 versions may not be read"},
		"it sends":      {sweep.Summary{Counts: sweep.Counts{Sent: 1}}, Fail, "it has sent 1 versions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, retroScanned(test.sum, "rate(1 day)"), test.want, test.seen)
		})
	}
}
