package decision

import "time"

// The actions of function release. Without one, a request releases a copy.
const (
	ActionRelease = "release"
	ActionFind    = "find"         // the copies that one signature put into quarantine
	ActionVerdict = "verdict"      // of an object that was put back
	ActionList    = "list"         // what is allowed
	ActionRemove  = "remove"       // a content from what is allowed
	ActionBlock   = "block"        // a content
	ActionUnblock = "unblock"      // a content
	ActionBlocked = "list-blocked" // what is blocked
)

// Request is the input of function release. The copy is in the quarantine bucket; without a version it is the
// current one.
type Request struct {
	Action    string `json:"action,omitempty"`
	Bucket    string `json:"bucket,omitempty"`
	Key       string `json:"key,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Reason    string `json:"reason,omitempty"`
	By        string `json:"by,omitempty"` // who asks
	// Seconds is for how long the content is allowed, DefaultTime if 0.
	Seconds   int64  `json:"seconds,omitempty"`
	Overwrite bool   `json:"overwrite,omitempty"` // a newer object under the key may be replaced
	DryRun    bool   `json:"dryRun,omitempty"`    // nothing is written
	Signature string `json:"signature,omitempty"` // for find
	SHA256    string `json:"sha256,omitempty"`    // hex, of the content, for verdict, remove, block and unblock
	Next      string `json:"next,omitempty"`      // of the answer before, for find, list and list-blocked
}

// Answer is the output of function release. Each action sets its own part.
type Answer struct {
	Record *Record `json:"record,omitempty"` // what was decided; with DryRun, what would be
	// Done says that an earlier request had done it: nothing was written.
	Done    bool      `json:"done,omitempty"`
	Copies  []Copy    `json:"copies,omitempty"`
	Allowed []Allowed `json:"allowed,omitempty"`
	Blocked []Blocked `json:"blocked,omitempty"`
	Verdict *Verdict  `json:"verdict,omitempty"`
	Next    string    `json:"next,omitempty"` // ask again with it for the rest
}

// What a record is about.
const (
	DecidedRelease = "released"
	DecidedRemove  = "no longer allowed"
	DecidedBlock   = "blocked"
	DecidedUnblock = "no longer blocked"
)

// Record is the audit record of one decision, releases/<time>-<sha256>.json, and the detail of its event.
type Record struct {
	Version  int       `json:"version"`
	Decision string    `json:"decision"`
	SHA256   string    `json:"sha256"` // hex
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	Time     time.Time `json:"time"` // UTC

	// Of a release only. Addresses are s3://bucket/key?versionId=version, without quotes.
	Signature   string     `json:"signature,omitempty"`   // that put the object into quarantine
	Signatures  []string   `json:"signatures,omitempty"`  // all that are allowed in this content
	Expires     *time.Time `json:"expires,omitempty"`     // of the entry that allows them, UTC
	Original    string     `json:"original,omitempty"`    // the version that was quarantined
	Copy        string     `json:"copy,omitempty"`        // the version in the quarantine bucket
	Object      string     `json:"object,omitempty"`      // the version that was written
	Overwritten string     `json:"overwritten,omitempty"` // what was the current object before
}

// Copy is one copy in the quarantine bucket that ActionFind has found.
type Copy struct {
	Copy      string    `json:"copy"`     // address
	Original  string    `json:"original"` // address
	SHA256    string    `json:"sha256"`   // hex
	Signature string    `json:"signature"`
	Time      time.Time `json:"time"` // of the verdict, UTC
	Released  bool      `json:"released"`
}

// Verdict is the newest verdict on an object that was put back. It is empty while there is none.
type Verdict struct {
	Verdict string `json:"verdict,omitempty"`
	Detail  string `json:"detail,omitempty"` // the signature or the reason
	Object  string `json:"object,omitempty"` // address of where the object is now
}
