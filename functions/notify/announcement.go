package main

import (
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

// Values of disposition: where the object is when its verdict is announced.
const (
	kept        = "kept"        // in the upload bucket
	quarantined = "quarantined" // only in the quarantine bucket
	locked      = "locked"      // in the quarantine bucket, and, because of Object Lock, in the upload bucket too
	promoted    = "promoted"    // in the clean bucket
	gone        = "gone"        // deleted or overwritten before it could be moved
)

// announcement is the message on the topic and the detail of the event. A retried Notify sends it
// again with the same ID.
type announcement struct {
	Version     int        `json:"version"` // of this format
	ID          string     `json:"id"`      // name of the execution
	Summary     string     `json:"summary"` // one sentence for a person
	Disposition string     `json:"disposition"`
	Object      job.Object `json:"object"`
	Scan        *job.Scan  `json:"scan"`
	Copy        *job.Copy  `json:"copy,omitempty"`
	Attempt     int        `json:"attempt"`
}

func newAnnouncement(j job.Job) announcement {
	where := disposition(j)
	return announcement{
		Version: 1, ID: j.ExecutionName(), Summary: summary(j, where), Disposition: where,
		Object: j.Object, Scan: j.Scan, Copy: j.Copy, Attempt: j.Attempt,
	}
}

func disposition(j job.Job) string {
	switch {
	case j.Scan.Verdict == job.Infected && j.Copy == nil:
		return gone // Quarantine either makes a copy or finds no object
	case j.Copy == nil:
		return kept
	case j.Scan.Verdict == job.Clean:
		return promoted
	case j.Copy.SourceLocked:
		return locked
	default:
		return quarantined
	}
}

func summary(j job.Job, where string) string {
	s := fmt.Sprintf("%s: %s", j.Scan.Outcome(), j.Object)
	if j.Scan.Detail != "" {
		s += " (" + j.Scan.Detail + ")"
	}
	switch where {
	case kept:
		return s + ", stays where it is"
	case gone:
		return s + ", deleted or overwritten before it could be moved"
	case locked:
		return fmt.Sprintf("%s, copied to %s; Object Lock keeps the original where it is", s, j.Copy)
	default:
		return fmt.Sprintf("%s, moved to %s", s, j.Copy)
	}
}

// subject returns the subject of an e-mail about the verdict. SNS takes up to 99 printable ASCII
// characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func subject(j job.Job) string {
	s := fmt.Sprintf("Lazaret: %s in %s", j.Scan.Outcome(), j.Object.Bucket)
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 99)]
}
