package freshclam

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Outcome is what came of a run, from a closed set: it is a dimension of a
// metric.
type Outcome string

const (
	Updated     Outcome = "updated"      // something newer is there, and all that was announced
	Partial     Outcome = "partial"      // something newer is there, but not all that was announced
	Current     Outcome = "current"      // the mirror has nothing newer
	Behind      Outcome = "behind"       // the mirror announced something newer and did not have it
	Older       Outcome = "older"        // something is there in an older version than before: to be thrown away
	CoolingDown Outcome = "cooling-down" // a mirror refused before: nobody was asked
	Refused     Outcome = "refused"      // a mirror refused now (403, 429)
	Unreachable Outcome = "unreachable"  // no mirror answered, or not with databases
	Corrupt     Outcome = "corrupt"      // what came is no database
	NoSpace     Outcome = "no-space"     // the staging disk is full
	Failed      Outcome = "failed"       // anything else
)

// Outcomes are all of them.
var Outcomes = []Outcome{Updated, Partial, Current, Behind, Older, CoolingDown, Refused, Unreachable, Corrupt, NoSpace, Failed}

// exitCodes names failures by freshclam's exit code (fc_error_t in
// libfreshclam.h, 1.4).
var exitCodes = map[int]Outcome{
	5:  Unreachable, // connection
	6:  Corrupt,     // empty file
	7:  Corrupt,     // bad CVD
	8:  Corrupt,     // test failed
	11: Unreachable, // failed to get
	12: Behind,      // mirror not synchronised
	17: Refused,     // forbidden
	18: Refused,     // retry later
}

// judge fills in what the run came to. Success is what the headers show; texts
// and the exit code only tell why there is none, or not all of it.
func (r *Report) judge(said speech, retry, now time.Time) {
	if retry.After(now) {
		r.Retry = retry
	}
	missing := r.After.missing(said.announced())
	failure, named := exitCodes[said.code]
	switch {
	case r.Before.newer(r.After):
		r.Outcome = Older
	case r.After.newer(r.Before) && said.code == 0 && r.Retry.IsZero() && missing == "":
		r.Outcome = Updated
	case r.After.newer(r.Before):
		r.Outcome = Partial
	case !r.Retry.IsZero():
		r.Outcome = Refused
	case said.says("no space left"):
		r.Outcome = NoSpace
	case named:
		r.Outcome = failure
	case said.code == 0 && missing != "":
		r.Outcome = Behind
	case said.code == 0 && said.says("up-to-date") && len(r.After) > 0:
		r.Outcome = Current
	default:
		r.Outcome = Failed
	}
	if r.Outcome != Updated && r.Outcome != Current {
		r.Detail = cmp.Or(said.complaint(), missing, fmt.Sprintf("freshclam ended with exit code %d", said.code))
	}
}

// newer reports whether a database is there that was not before, or in a newer
// version.
func (h Headers) newer(before Headers) bool {
	for name, after := range h {
		if old, ok := before[name]; !ok || after.Version > old.Version {
			return true
		}
	}
	return false
}

// missing says which of the announced versions is not there, empty if all are.
func (h Headers) missing(announced map[string]int) string {
	for _, name := range slices.Sorted(maps.Keys(announced)) {
		if has := h[name].Version; has < announced[name] {
			return fmt.Sprintf("version %d of %s was announced, %d is there", announced[name], name, has)
		}
	}
	return ""
}
