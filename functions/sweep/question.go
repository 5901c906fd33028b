package main

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
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

// question is what a version is compared with.
type question struct {
	sweep.Request
	stale  stale
	except *stale // what is stale by this too was sent by an earlier window
}

// stale is what makes a verdict stale.
type stale struct {
	definitions int // older daily versions are
	// Verdicts from before these times are, where the daily version in the tag is definitions, or is not known.
	sameBefore, unknownBefore time.Time
}

// settling is how long after a change of the definitions an engine may still end a scan with the ones before: its
// environment may not have switched yet, and a scan takes up to 15 minutes.
const settling = definitions.SwitchPeriod + 15*time.Minute

// asks reports whether a sweep looks at the tags of a version. Under newer definitions nobody can scan what is in an
// archive class: the CLEAN of such a version would become UNSCANNABLE, and stay it after the version is restored.
func asks(s sweep.State, v types.ObjectVersion) bool {
	archived := v.StorageClass == types.ObjectVersionStorageClass(types.StorageClassGlacier) ||
		v.StorageClass == types.ObjectVersionStorageClass(types.StorageClassDeepArchive)
	return s.Includes(aws.ToTime(v.LastModified)) && !(archived && s.Request.Question == sweep.Stale)
}

// questionOf returns the question of a sweep, in the window where a retro-scan is.
func questionOf(s sweep.State) question {
	q := question{Request: s.Request, stale: stale{definitions: s.Request.Definitions}}
	if s.Request.Purpose != sweep.Retro {
		return q
	}
	w := sweep.Windows[s.Window]
	q.stale = behind(s, w.Behind)
	if w.Except > 0 {
		except := behind(s, w.Except)
		q.except = &except
	}
	return q
}

// behind returns what makes a verdict stale that must be behind by a number of daily versions, of which there is one a
// day. Changes of other definitions than the daily set make no verdict stale that may be behind by more than one.
func behind(s sweep.State, versions int) stale {
	v := stale{definitions: s.Request.Definitions - versions + 1, unknownBefore: s.Started.AddDate(0, 0, -versions)}
	if versions == 1 && !s.Request.Since.IsZero() {
		v.sameBefore = s.Request.Since.Add(settling)
		v.unknownBefore = v.sameBefore
	}
	return v
}

// matches reports whether a version is one that is asked for.
func (q question) matches(o job.Object, tags map[string]string) bool {
	switch q.Question {
	case sweep.All:
		return true
	case sweep.Stale:
		return (q.Verdict == "" || q.Verdict == verdictOf(tags)) && dated(o, tags) && q.stale.holds(tags) &&
			(q.except == nil || !q.except.holds(tags))
	default:
		return verdictOf(tags) == ""
	}
}

// dated reports whether a version has a verdict that rests on definitions. One for which no engine is asked rests on
// none, and stays what it is under any.
func dated(o job.Object, tags map[string]string) bool {
	reason := job.Reason(tags[verdicttag.Detail])
	switch verdict := verdictOf(tags); verdict {
	case job.Clean:
		return o.Size >= clamav.MinFileSize
	case job.Unscannable:
		return reason != job.TooLarge && reason != job.Unreadable
	default:
		return verdict != ""
	}
}

// holds reports whether a verdict rests on older definitions. One whose definitions are not known may: the tag is left
// out where an object has too many of its own.
func (s stale) holds(tags map[string]string) bool {
	judged, errTime := time.Parse(time.RFC3339, tags[verdicttag.Time])
	version, err := strconv.Atoi(tags[verdicttag.Definitions])
	switch {
	case err != nil:
		return errTime != nil || s.unknownBefore.IsZero() || judged.Before(s.unknownBefore)
	case version == s.definitions && !s.sameBefore.IsZero():
		return errTime != nil || judged.Before(s.sameBefore)
	}
	return version < s.definitions
}
