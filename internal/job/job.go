// Package job defines what travels between the states of the scan state
// machine. Its JSON names are the paths that the ASL reads and what a person
// sees in the console, so this is the only definition of the wire format, held
// by testdata/job.golden.json. It imports nothing but the standard library and
// does nothing: the functions fill it in, dispatch starts it, notify tells it.
package job

import (
	"fmt"
	"time"
)

// Version is the wire format that this code writes. Executions are in flight
// while a stack is updated, so functions accept it and its predecessor.
const Version = 1

// Job is one object version on its way through the state machine. Each state
// fills in its own part and hands the rest on unchanged.
type Job struct {
	Version int      `json:"version"`
	Object  Object   `json:"object"`          // what is scanned, fixed by dispatch
	Attempt int      `json:"attempt"`         // 0 for the upload event, +1 for each replay of a dead letter
	Run     string   `json:"run"`             // empty for events, an id for rescans
	Policy  Policy   `json:"policy"`          // what becomes of the verdict, fixed by dispatch
	Work    *Work    `json:"work,omitempty"`  // where fetch put the bytes
	Scan    *Scan    `json:"scan,omitempty"`  // what scan found, or an earlier attempt did
	Copy    *Copy    `json:"copy,omitempty"`  // where quarantine or promote put the object
	Error   *Failure `json:"error,omitempty"` // what the state machine caught last
}

// Object identifies the bytes to be judged.
type Object struct {
	Bucket       string    `json:"bucket"`
	Key          string    `json:"key"`                   // decoded
	VersionID    string    `json:"versionId,omitempty"`   // empty or "null" for what was stored without versions
	ETag         string    `json:"eTag,omitempty"`        // without quotes
	Size         int64     `json:"size"`                  // bytes, as S3 announced it; 0 until Fetch where nobody said
	Sequencer    string    `json:"sequencer,omitempty"`   // S3's order of events on one key
	LastModified time.Time `json:"lastModified,omitzero"` // known for rescans, not for events
}

// Policy says what the state machine does with a verdict.
type Policy struct {
	PromoteClean          bool `json:"promoteClean"`
	QuarantineUnscannable bool `json:"quarantineUnscannable"`
	AnnounceClean         bool `json:"announceClean"`
}

// Work is the object's bytes on the shared volume.
type Work struct {
	File    string `json:"file,omitempty"`   // name relative to the function's WORK_DIR; empty when nothing was fetched
	Size    int64  `json:"size"`             // bytes written
	SHA256  string `json:"sha256,omitempty"` // hex, computed while the bytes arrived
	Fetches int    `json:"fetches"`          // how often this job was fetched; the ASL allows three
}

// Scan is a verdict and what it rests on.
type Scan struct {
	Verdict     Verdict      `json:"verdict"`
	Signature   string       `json:"signature,omitempty"` // of INFECTED
	Reason      Reason       `json:"reason,omitempty"`    // of UNSCANNABLE
	Detail      string       `json:"detail,omitempty"`    // what the engine or S3 said, for people
	Size        int64        `json:"size"`                // bytes judged
	SHA256      string       `json:"sha256,omitempty"`    // hex, of the bytes judged
	Engine      Engine       `json:"engine"`
	Definitions *Definitions `json:"definitions,omitempty"` // nil when no engine looked
	Time        time.Time    `json:"time"`                  // when the verdict was reached, UTC
	DurationMS  int64        `json:"durationMs"`            // engine and checks, without waiting for an engine
}

// Engine names the scanner.
type Engine struct {
	Name    string `json:"name"`              // "clamd", or "none" for objects that clamd never looks at
	Version string `json:"version,omitempty"` // "1.4.6"
}

// Definitions is the generation of signatures a verdict rests on.
type Definitions struct {
	Version     int       `json:"version"`        // daily's number, 0 when there is no daily
	Built       time.Time `json:"built,omitzero"` // daily's build time
	Fingerprint string    `json:"fingerprint"`    // of the whole set
}

// Copy is where the object was moved to. The original is gone unless it is
// SourceLocked.
type Copy struct {
	Bucket       string `json:"bucket"`
	Key          string `json:"key"`
	VersionID    string `json:"versionId,omitempty"`
	SHA256       string `json:"sha256,omitempty"`       // hex, of the copy, computed by S3
	SourceLocked bool   `json:"sourceLocked,omitempty"` // Object Lock keeps the original where it was
}

// Failure is what a Catch writes; Step Functions chose the capitals.
type Failure struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Vanished returns the ErrObjectGone or ErrObjectChanged that the state machine
// caught last, and nil where it caught none: then the object was there when it
// was last looked for. Where it was not, the verdict may be an earlier attempt's,
// and an object of the same name that is there by now is not what it is about.
func (j Job) Vanished() error {
	for _, err := range []error{ErrObjectGone, ErrObjectChanged} {
		if j.Error != nil && j.Error.Error == Name(err) {
			return fmt.Errorf("%w, as the state machine caught it", err)
		}
	}
	return nil
}

// maxMoved is the largest object in bytes that one CopyObject takes, 5 GiB.
const maxMoved = 5 << 30

// Moves reports whether the verdict moves the object to another bucket. The state
// machine sends a job whose object is gone to the state that moves it, which looks
// for a copy; any other job of that kind ends there. See the state Vanished.
func (j Job) Moves() bool {
	if j.Scan == nil {
		return false
	}
	switch j.Scan.Verdict {
	case Infected:
		return true
	case Unscannable:
		return j.Policy.QuarantineUnscannable && j.Object.Size <= maxMoved
	case Clean:
		return j.Policy.PromoteClean
	}
	return false
}

// Validate reports what makes j unusable, as an ErrBadJob.
func (j Job) Validate() error {
	switch {
	case j.Version != Version && j.Version != Version-1:
		return fmt.Errorf("%w: version %d, this code reads %d and %d", ErrBadJob, j.Version, Version-1, Version)
	case j.Object.Bucket == "":
		return fmt.Errorf("%w: no bucket", ErrBadJob)
	case j.Object.Key == "":
		return fmt.Errorf("%w: no key", ErrBadJob)
	case j.Object.version() == "":
		return fmt.Errorf("%w: no version: versionId, sequencer and eTag are all missing", ErrBadJob)
	case j.Object.Size < 0:
		return fmt.Errorf("%w: size %d", ErrBadJob, j.Object.Size)
	case j.Attempt < 0:
		return fmt.Errorf("%w: attempt %d", ErrBadJob, j.Attempt)
	}
	return nil
}
