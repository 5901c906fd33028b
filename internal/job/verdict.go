package job

import (
	"fmt"
	"slices"
)

// Verdict is what Lazaret says of an object. The zero value is no verdict.
type Verdict string

// CLEAN means that these exact bytes, all of them, were scanned by a working
// engine with stated definitions. UNSCANNABLE is neither clean nor infected.
const (
	Clean       Verdict = "CLEAN"
	Infected    Verdict = "INFECTED"
	Unscannable Verdict = "UNSCANNABLE"
)

// Reason says why an object is UNSCANNABLE. The set is closed.
type Reason string

// The reasons. TooLarge and Unreadable are decided by fetch before any byte is
// downloaded, the others by scan.
const (
	TooLarge           Reason = "too-large"
	Unreadable         Reason = "unreadable" // SSE-C, archived storage class
	Encrypted          Reason = "encrypted"
	LimitSize          Reason = "limit-size"
	LimitFiles         Reason = "limit-files"
	LimitRecursion     Reason = "limit-recursion"
	LimitTime          Reason = "limit-time"
	EngineCrash        Reason = "engine-crash" // the file killed the engine twice
	UnsupportedArchive Reason = "unsupported-archive"
	Damaged            Reason = "damaged"
)

// Reasons lists the closed set.
var Reasons = []Reason{
	TooLarge, Unreadable, Encrypted, LimitSize, LimitFiles, LimitRecursion,
	LimitTime, EngineCrash, UnsupportedArchive, Damaged,
}

// Outcome is the verdict in the form that people read: "INFECTED Eicar-Test",
// "UNSCANNABLE encrypted", "CLEAN". It is "no verdict" for a nil Scan.
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

// Known reports whether the scan holds a verdict that may be acted upon: one of
// the three, with its signature or reason.
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
