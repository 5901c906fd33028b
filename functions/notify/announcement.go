package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/lazaret/lazaret/internal/excerpt"
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
// again with the same ID. docs/schemas/verdict.schema.json describes it.
type announcement struct {
	Version     int          `json:"version"` // of this format
	ID          string       `json:"id"`      // name of the execution
	Summary     string       `json:"summary"` // one sentence for a person
	Disposition string       `json:"disposition"`
	Where       string       `json:"where,omitempty"` // address of the object now, quoted for a shell; empty if it is gone
	Next        []command    `json:"next"`            // what a person can type next
	Object      job.Object   `json:"object"`
	Scan        *job.Scan    `json:"scan"`
	Earlier     *job.Earlier `json:"earlier,omitempty"` // of a rescan: the verdict before
	Copy        *job.Copy    `json:"copy,omitempty"`
	Attempt     int          `json:"attempt"`
}

// command is a command of the operator, and what it is for.
type command struct {
	Purpose string `json:"purpose"`
	Command string `json:"command"` // can be pasted into a shell
}

func newAnnouncement(j job.Job, stack string) announcement {
	where := disposition(j)
	return announcement{
		Version: 1, ID: j.ExecutionName(), Summary: summary(j, where), Disposition: where,
		Where: address(j, where), Next: commands(j, where, stack),
		Object: j.Object, Scan: j.Scan, Earlier: j.Earlier, Copy: j.Copy, Attempt: j.Attempt,
	}
}

// address returns where the object is now.
func address(j job.Job, where string) string {
	switch where {
	case gone:
		return ""
	case kept:
		return j.Object.String()
	default:
		return j.Copy.String()
	}
}

// commands returns what a person can type next. About a clean object there is nothing to do.
func commands(j job.Job, where, stack string) []command {
	if j.Scan.Verdict == job.Clean {
		return []command{}
	}
	all := []command{{
		Purpose: "To see what happened to it, and who can read it",
		Command: fmt.Sprintf("lazaret explain %s --stack-name %s", j.Object, stack),
	}}
	if where == quarantined {
		copied := job.Object{Bucket: j.Copy.Bucket, Key: j.Copy.Key}
		all = append(all, command{
			Purpose: "To put it back, if it is a false alarm",
			Command: fmt.Sprintf("lazaret release %s --stack-name %s --reason 'why it is harmless'", copied, stack),
		})
	}
	return all
}

// maxSummary is more than a summary has without a text of the engine in it, in bytes.
const maxSummary = 8 << 10

// text returns the announcement as the text of an e-mail.
func (a announcement) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\n", excerpt.Line(a.Summary, maxSummary))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s%s\n", name, value)
		}
	}
	engine := a.Scan.Engine.Name + " " + a.Scan.Engine.Version
	if d := a.Scan.Definitions; d != nil && d.Version > 0 {
		engine += fmt.Sprintf(", definitions %d", d.Version)
	}
	line("object", a.Object.String())
	line("size", fmt.Sprintf("%d bytes", a.Object.Size))
	line("SHA-256", a.Scan.SHA256)
	line("now at", a.Where)
	line("scanned", a.Scan.Time.UTC().Format(time.RFC3339)+" by "+strings.TrimSpace(engine))
	if e := a.Earlier; e != nil {
		line("before", strings.TrimSpace(fmt.Sprintf("%s %s", e.Verdict, since(*e))))
	}
	line("id", a.ID)
	for _, c := range a.Next {
		fmt.Fprintf(&b, "\n%s:\n  %s\n", c.Purpose, c.Command)
	}
	return b.String()
}

// since says when an earlier verdict was found, and by which definitions, as far as that is known.
func since(e job.Earlier) (text string) {
	if !e.Time.IsZero() {
		text = "since " + e.Time.UTC().Format(time.RFC3339)
	}
	if e.Definitions > 0 {
		text += fmt.Sprintf(" by definitions %d", e.Definitions)
	}
	return text
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
	if was := j.WasClean(); was != "" {
		s += ", " + was
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

// legal returns s as the value of a message attribute, of at most 256 characters. SNS refuses control characters.
func legal(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > 256 {
			break
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
