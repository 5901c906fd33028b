// Package job defines the document that is passed between the states of the scan state machine. Its
// JSON names are the paths that statemachine/scan.asl.json reads; testdata/job.golden.json holds the
// wire format. The package imports nothing but the standard library.
package job

import (
	"fmt"
	"time"
)

// Version is the version of the format that this code writes. Executions run while a stack is updated,
// so the functions accept the previous version too.
const Version = 1

// Job is one object version on its way through the state machine. Each state fills in its own part and
// returns the rest unchanged.
type Job struct {
	Version int      `json:"version"`
	Object  Object   `json:"object"`            // set by dispatch
	Attempt int      `json:"attempt"`           // 0 for the upload event, +1 for each replay of a dead letter
	Run     string   `json:"run"`               // id of a rescan; empty for events
	Stays   bool     `json:"stays,omitempty"`   // a CLEAN version is not promoted: it was CLEAN before, and stayed
	Lane    string   `json:"lane,omitempty"`    // of an EXPRESS execution, see NewLane; empty for a STANDARD one
	Policy  Policy   `json:"policy"`            // what to do with the verdict, set by dispatch
	Work    *Work    `json:"work,omitempty"`    // the work file, set by fetch
	Scan    *Scan    `json:"scan,omitempty"`    // the verdict, set by fetch, scan or an earlier attempt
	Earlier *Earlier `json:"earlier,omitempty"` // of a rescan: the verdict that the version had before
	Copy    *Copy    `json:"copy,omitempty"`    // set by quarantine or promote
	Error   *Failure `json:"error,omitempty"`   // the error that the state machine caught last
}

// Object identifies the bytes to scan.
type Object struct {
	Bucket       string    `json:"bucket"`
	Key          string    `json:"key"`                   // decoded
	VersionID    string    `json:"versionId,omitempty"`   // empty or "null" if it was stored without versioning
	ETag         string    `json:"eTag,omitempty"`        // without quotes
	Size         int64     `json:"size"`                  // in bytes; 0 if unknown before Fetch
	Sequencer    string    `json:"sequencer,omitempty"`   // S3's order of events on one key
	LastModified time.Time `json:"lastModified,omitzero"` // set for rescans, not for events
}

// Policy says what the state machine does with a verdict.
type Policy struct {
	PromoteClean          bool `json:"promoteClean"`
	QuarantineUnscannable bool `json:"quarantineUnscannable"`
	AnnounceClean         bool `json:"announceClean"`
	GuardDutyEvents       bool `json:"guardDutyEvents,omitempty"` // put an event for every outcome, see package guardduty
}

// Work is the file on the shared volume that holds the object's bytes.
type Work struct {
	File    string `json:"file,omitempty"`   // name below WORK_DIR; empty if nothing was fetched
	Size    int64  `json:"size"`             // in bytes
	SHA256  string `json:"sha256,omitempty"` // hex, computed during the download
	Fetches int    `json:"fetches"`          // how often this job was fetched; the state machine allows 3
}

// Scan is a verdict and what it is based on.
type Scan struct {
	Verdict     Verdict      `json:"verdict"`
	Signature   string       `json:"signature,omitempty"`         // name, for INFECTED
	FirstSeen   time.Time    `json:"signatureFirstSeen,omitzero"` // when the definitions got Signature, if it is new; UTC
	Reason      Reason       `json:"reason,omitempty"`            // for UNSCANNABLE
	Detail      string       `json:"detail,omitempty"`            // for people, from the engine or S3
	Size        int64        `json:"size"`                        // of the object, in bytes
	SHA256      string       `json:"sha256,omitempty"`            // hex, of the scanned bytes
	Engine      Engine       `json:"engine"`
	Definitions *Definitions `json:"definitions,omitempty"` // nil if no engine was asked
	Time        time.Time    `json:"time"`                  // of the verdict, UTC
	DurationMS  int64        `json:"durationMs"`            // of the scan, without the wait for the engine to start
}

// Earlier is the verdict that a version had before it was scanned again, as its tags said. Where no policy keeps others
// from writing these tags, they may be forged.
type Earlier struct {
	Verdict     Verdict   `json:"verdict"`
	Time        time.Time `json:"time,omitzero"`         // of the verdict, UTC; zero if not known
	Definitions int       `json:"definitions,omitempty"` // version of the daily set; 0 if not known
}

// Engine names the program that scanned.
type Engine struct {
	Name    string `json:"name"`              // "clamd", or "none" if no engine was asked
	Version string `json:"version,omitempty"` // "1.4.6"
}

// Definitions is the generation of definitions that a verdict is based on.
type Definitions struct {
	Version     int       `json:"version"`        // of the daily set; 0 without one
	Built       time.Time `json:"built,omitzero"` // build time of the daily set, UTC
	Fingerprint string    `json:"fingerprint"`    // of the generation, see package definitions
}

// Copy is the object in the bucket it was moved to. The original was deleted unless SourceLocked is
// set.
type Copy struct {
	Bucket       string `json:"bucket"`
	Key          string `json:"key"`
	VersionID    string `json:"versionId,omitempty"`
	SHA256       string `json:"sha256,omitempty"`       // hex, computed by S3
	SourceLocked bool   `json:"sourceLocked,omitempty"` // Object Lock kept the original from being deleted
}

// Failure is the error that a Catch wrote. The field names are those of Step Functions' error output:
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
type Failure struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Vanished returns the ErrObjectGone or ErrObjectChanged that the state machine caught last, and nil
// if it caught neither. After such an error the verdict may come from an earlier attempt, and an
// object that has the same key by now is another one.
func (j Job) Vanished() error {
	for _, err := range []error{ErrObjectGone, ErrObjectChanged} {
		if j.Error != nil && j.Error.Error == Name(err) {
			return fmt.Errorf("%w, an earlier state reported", err)
		}
	}
	return nil
}

// MaxMovedSize is the largest object, in bytes, that one CopyObject copies: 5 GiB.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
const MaxMovedSize = 5 << 30

// Moves reports whether the verdict moves the object to another bucket; the states Route and Vanished
// of the state machine decide the same. If the object is gone, the state machine still runs the state
// that would have moved it, which looks for the copy of an earlier attempt. A job whose verdict moves
// nothing ends.
func (j Job) Moves() bool {
	if j.Scan == nil {
		return false
	}
	switch j.Scan.Verdict {
	case Infected:
		return true
	case Unscannable:
		return j.Policy.QuarantineUnscannable && j.Object.Size <= MaxMovedSize
	case Clean:
		return j.Policy.PromoteClean
	}
	return false
}

// Validate returns an ErrBadJob that says what is wrong with j, or nil.
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
	case j.Lane != "" && !validLane.MatchString(j.Lane):
		return fmt.Errorf("%w: lane %q", ErrBadJob, j.Lane)
	}
	return nil
}
