// Package decision holds what operators have decided about contents: which SHA-256 a signature is wrong about, and
// which is infected whatever the engine says. Function release writes the decisions to the records bucket, function
// scan reads them, and the operator's command asks release for them. The package is their wire format and knows
// nothing of S3; testdata holds the documents.
package decision

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// Where the documents are in the records bucket.
const (
	AllowedPrefix  = "allowed/"
	BlockedPrefix  = "blocked/"
	ReleasesPrefix = "releases/"
	// IndexKey lists all blocked contents, so that scan reads one small object and not one for each upload.
	IndexKey = BlockedPrefix + "index.json"
)

// Details of verdicts that follow from a decision.
const (
	DetailAllowed = "allowed" // CLEAN, although signatures hit
	DetailBlocked = "blocked" // INFECTED, whatever the engine says; also the name of the signature
)

// Version is the version of the formats that this code writes.
const Version = 1

// DefaultTime and MaxTime are for how long a content is allowed if nothing is said, and at most.
const (
	DefaultTime = 30 * 24 * time.Hour
	MaxTime     = 366 * 24 * time.Hour
)

// MaxReleases is how many releases an entry keeps, the last ones.
const MaxReleases = 1000

// Allowed is an entry allowed/<sha256>.json: the signatures that are wrong about a content, until Expires.
type Allowed struct {
	Version    int       `json:"version"`
	SHA256     string    `json:"sha256"`     // hex
	Signatures []string  `json:"signatures"` // sorted
	Expires    time.Time `json:"expires"`    // UTC
	Releases   []Release `json:"releases"`   // the last MaxReleases, the newest last
}

// Release says who put one quarantined copy back, and why.
type Release struct {
	By        string    `json:"by"` // as the command that asked says; CloudTrail has the caller itself
	Reason    string    `json:"reason"`
	Time      time.Time `json:"time"`      // UTC
	Signature string    `json:"signature"` // that put the object into quarantine
	Original  string    `json:"original"`  // address of the version that was quarantined
	Copy      string    `json:"copy"`      // address of the version in the quarantine bucket
}

// Covers reports whether the entry is about this content, has not expired, and has the signature.
func (a *Allowed) Covers(sha256, signature string, now time.Time) bool {
	return a != nil && a.SHA256 == sha256 && now.Before(a.Expires) && slices.Contains(a.Signatures, signature)
}

// Released returns the release of a copy, by the copy's address, or nil if there is none or the entry has expired.
func (a *Allowed) Released(copied string, now time.Time) *Release {
	if a == nil || !now.Before(a.Expires) {
		return nil
	}
	i := slices.IndexFunc(a.Releases, func(r Release) bool { return r.Copy == copied })
	if i < 0 {
		return nil
	}
	return &a.Releases[i]
}

// Add returns the entry with one more release. Nothing stays of an expired entry; its releases have their records. The
// later of the two times of expiry stays.
func (a *Allowed) Add(sha256 string, r Release, expires time.Time) Allowed {
	next := Allowed{Version: Version, SHA256: sha256, Expires: expires.UTC()}
	if a != nil && r.Time.Before(a.Expires) {
		next.Signatures, next.Releases = slices.Clone(a.Signatures), slices.Clone(a.Releases)
		if a.Expires.After(expires) {
			next.Expires = a.Expires
		}
	}
	next.Releases = slices.DeleteFunc(next.Releases, func(old Release) bool { return old.Copy == r.Copy })
	next.Releases = append(next.Releases, r)
	next.Releases = next.Releases[max(0, len(next.Releases)-MaxReleases):]
	next.Signatures = append(next.Signatures, r.Signature)
	slices.Sort(next.Signatures)
	next.Signatures = slices.Compact(next.Signatures)
	return next
}

// Blocked is an entry blocked/<sha256>.json: a content that is infected whatever the engine says.
type Blocked struct {
	Version int       `json:"version"`
	SHA256  string    `json:"sha256"` // hex
	By      string    `json:"by"`
	Reason  string    `json:"reason"`
	Time    time.Time `json:"time"` // UTC
}

// Index is the object at IndexKey.
type Index struct {
	Version int      `json:"version"`
	SHA256  []string `json:"sha256"` // hex, sorted
}

// MaxBlocked is how many contents can be blocked at a time: the index of so many has 0.7 MB.
const MaxBlocked = 10000

// Has reports whether a content is in the index.
func (i Index) Has(sha256 string) bool {
	_, found := slices.BinarySearch(i.SHA256, sha256)
	return found
}

// AllowedKey returns the key of the entry that allows a content.
func AllowedKey(sha256 string) string { return AllowedPrefix + sha256 + ".json" }

// BlockedKey returns the key of the entry that blocks a content.
func BlockedKey(sha256 string) string { return BlockedPrefix + sha256 + ".json" }

// recordTime is the form of the time in the key of a record, in which keys are in the order of time.
const recordTime = "20060102T150405.000000000Z"

// RecordKey returns the key of an audit record.
func RecordKey(at time.Time, sha256 string) string {
	return ReleasesPrefix + at.UTC().Format(recordTime) + "-" + sha256 + ".json"
}

// CheckSHA256 returns an error unless s is a SHA-256 in lower-case hexadecimal.
func CheckSHA256(s string) error {
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != 32 || s != strings.ToLower(s) {
		return fmt.Errorf("%w: %q is not a SHA-256 in lower-case hexadecimal (64 digits)", job.ErrBadJob, s)
	}
	return nil
}

// Encode returns a document as it is stored.
func Encode(v any) ([]byte, error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(body, '\n'), nil
}

// DecodeAllowed reads the entry about a content.
func DecodeAllowed(body []byte, sha256 string) (*Allowed, error) {
	var a Allowed
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if a.Version != Version || a.SHA256 != sha256 {
		return nil, fmt.Errorf("version %d about %q, want version %d about %s", a.Version, a.SHA256, Version, sha256)
	}
	return &a, nil
}

// DecodeIndex reads the index of blocked contents.
func DecodeIndex(body []byte) (Index, error) {
	var i Index
	if err := json.Unmarshal(body, &i); err != nil {
		return Index{}, fmt.Errorf("decode: %w", err)
	}
	if i.Version != Version {
		return Index{}, fmt.Errorf("version %d, want %d", i.Version, Version)
	}
	slices.Sort(i.SHA256)
	return i, nil
}
