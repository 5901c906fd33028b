package freshclam

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Outcome is the outcome of a run. It is a dimension of a metric, so there are no others than
// Outcomes.
type Outcome string

const (
	Updated     Outcome = "updated"      // newer databases came, all that were announced
	Partial     Outcome = "partial"      // newer databases came, but not all that were announced
	Current     Outcome = "current"      // the mirror has no newer databases
	Behind      Outcome = "behind"       // the mirror announced newer databases and did not have them
	Older       Outcome = "older"        // a database was replaced by an older version; the caller discards it
	CoolingDown Outcome = "cooling-down" // a mirror refused in an earlier run: none was asked
	Refused     Outcome = "refused"      // a mirror refused (403, 429)
	Unreachable Outcome = "unreachable"  // no mirror answered with databases
	Corrupt     Outcome = "corrupt"      // what came is not a database
	NoSpace     Outcome = "no-space"     // the staging disk is full
	Failed      Outcome = "failed"       // any other failure
)

// Outcomes lists all outcomes.
var Outcomes = []Outcome{
	Updated, Partial, Current, Behind, Older, CoolingDown, Refused, Unreachable, Corrupt, NoSpace, Failed,
}

// exitCodes maps freshclam's exit codes to outcomes (fc_error_t in libfreshclam.h, 1.4).
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

// decideOutcome sets Outcome and Detail. The headers decide about success; texts and the exit code
// only say why there is none, or not a complete one. retry is the end of the cool-down that freshclam
// noted.
func (r *Report) decideOutcome(out freshclamOutput, retry, now time.Time) {
	if retry.After(now) {
		r.Retry = retry
	}
	missing := r.After.missing(out.announcedVersions())
	failure, named := exitCodes[out.code]
	switch {
	case r.Before.newer(r.After):
		r.Outcome = Older
	case r.After.newer(r.Before) && out.code == 0 && r.Retry.IsZero() && missing == "":
		r.Outcome = Updated
	case r.After.newer(r.Before):
		r.Outcome = Partial
	case !r.Retry.IsZero():
		r.Outcome = Refused
	case out.contains("no space left"):
		r.Outcome = NoSpace
	case named:
		r.Outcome = failure
	case out.code == 0 && missing != "":
		r.Outcome = Behind
	case out.code == 0 && out.contains("up-to-date") && len(r.After) > 0:
		r.Outcome = Current
	default:
		r.Outcome = Failed
	}
	if r.Outcome != Updated && r.Outcome != Current {
		r.Detail = cmp.Or(out.firstError(), missing, fmt.Sprintf("freshclam ended with exit code %d", out.code))
	}
}

// newer reports whether h has a database that before does not have, or a newer version of one.
func (h Headers) newer(before Headers) bool {
	for name, after := range h {
		if old, ok := before[name]; !ok || after.Version > old.Version {
			return true
		}
	}
	return false
}

// missing says which of the announced versions h does not have, "" if it has all.
func (h Headers) missing(announced map[string]int) string {
	for _, name := range slices.Sorted(maps.Keys(announced)) {
		if has := h[name].Version; has < announced[name] {
			return fmt.Sprintf("version %d of %s was announced, but version %d is there", announced[name], name, has)
		}
	}
	return ""
}
