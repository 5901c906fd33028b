package main

import (
	"strconv"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// verdictOf returns the verdict in the tags of a version, or "" without one. An unknown value is none.
func verdictOf(tags map[string]string) job.Verdict {
	switch v := job.Verdict(tags[verdicttag.Status]); v {
	case job.Clean, job.Infected, job.Unscannable:
		return v
	}
	return ""
}

// matches reports whether a version is one that the request asks for.
func matches(r sweep.Request, o job.Object, tags map[string]string) bool {
	switch r.Question {
	case sweep.All:
		return true
	case sweep.Stale:
		return stale(r.Definitions, o, tags)
	default:
		return verdictOf(tags) == ""
	}
}

// stale reports whether a verdict rests on older definitions. One whose definitions are not known may: the tag is left
// out where an object has too many of its own. A verdict for which no engine is asked rests on none, and stays what it
// is under any.
func stale(definitions int, o job.Object, tags map[string]string) bool {
	reason := job.Reason(tags[verdicttag.Detail])
	switch verdict := verdictOf(tags); {
	case verdict == "":
		return false
	case verdict == job.Clean && o.Size < clamav.MinFileSize:
		return false
	case verdict == job.Unscannable && (reason == job.TooLarge || reason == job.Unreadable):
		return false
	}
	version, err := strconv.Atoi(tags[verdicttag.Definitions])
	return err != nil || version < definitions
}
