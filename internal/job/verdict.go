package job

import (
	"fmt"
	"slices"
)

// Verdict is the result of a scan. The zero value is no verdict.
type Verdict string

// CLEAN means that a working engine scanned exactly these bytes, all of them, with the definitions in
// Scan.Definitions. UNSCANNABLE is neither clean nor infected.
const (
	Clean       Verdict = "CLEAN"
	Infected    Verdict = "INFECTED"
	Unscannable Verdict = "UNSCANNABLE"
)

// Reason says why an object is UNSCANNABLE. There are no other reasons than Reasons.
type Reason string

// Fetch sets TooLarge and Unreadable without downloading the object; scan sets the others.
const (
	TooLarge           Reason = "too-large"
	Unreadable         Reason = "unreadable" // SSE-C, or in an archive storage class
	Encrypted          Reason = "encrypted"
	LimitSize          Reason = "limit-size"
	LimitFiles         Reason = "limit-files"
	LimitRecursion     Reason = "limit-recursion"
	LimitTime          Reason = "limit-time"
	EngineCrash        Reason = "engine-crash" // the engine ended twice while it scanned the file
	UnsupportedArchive Reason = "unsupported-archive"
	Damaged            Reason = "damaged"
)

// Reasons lists all reasons.
var Reasons = []Reason{
	TooLarge, Unreadable, Encrypted, LimitSize, LimitFiles, LimitRecursion,
	LimitTime, EngineCrash, UnsupportedArchive, Damaged,
}

// Outcome returns the verdict as people read it: "INFECTED Eicar-Test", "UNSCANNABLE encrypted",
// "CLEAN", or "no verdict" for a nil Scan.
func (s *Scan) Outcome() string {
	switch {
	case s == nil || s.Verdict == "":
		return "no verdict"
	case s.Verdict == Infected:
		return fmt.Sprintf("%s %s", s.Verdict, s.Signature)
	case s.Verdict == Unscannable:
		return fmt.Sprintf("%s %s", s.Verdict, s.Reason)
	default:
		return string(s.Verdict)
	}
}

// Known reports whether the scan holds a valid verdict: one of the three, with its signature or
// reason.
func (s *Scan) Known() bool {
	if s == nil {
		return false
	}
	switch s.Verdict {
	case Clean:
		return s.Signature == "" && s.Reason == ""
	case Infected:
		return s.Signature != ""
	case Unscannable:
		return slices.Contains(Reasons, s.Reason)
	}
	return false
}
