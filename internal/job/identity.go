package job

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path"
	"strconv"
	"strings"
	"time"
)

// An execution's name has at most 80 characters: 39 of the key, a dash, and a hash of 160 bits in
// hexadecimal: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
const (
	hashLen   = 40
	prefixLen = 80 - hashLen - 1
)

// ExecutionName returns the name of the execution that scans j: a readable prefix of the key, and a
// hash of all that makes the execution unique. Two events for the same version get the same name, by
// which Step Functions refuses the second one. A replay (Attempt) and a rescan (Run) get other names,
// because a name cannot be used again for 90 days. An EXPRESS execution has the same name: of those,
// Step Functions refuses none.
func (j Job) ExecutionName() string {
	return prefix(j.Object.Key) + "-" +
		digest(j.Object.Bucket, j.Object.Key, j.Object.version(), strconv.Itoa(j.Attempt), j.Run)
}

// QuarantineKey returns the object's key in the quarantine bucket. It does not depend on Attempt and
// Run, so that a replay finds the copy that an earlier attempt made.
func (o Object) QuarantineKey() string {
	return digest(o.Bucket, o.Key, o.version())
}

// Same reports whether both are the same version of the same object.
func (o Object) Same(other Object) bool {
	return o.QuarantineKey() == other.QuarantineKey()
}

// Pinned returns the version id, if it alone identifies the bytes, and "" otherwise. An object that
// was written while versioning was off or suspended has the version id "null", which the next object
// written so takes over and which S3 leaves out of its events. There the ETag identifies the bytes,
// and original.Head finds out how to address them.
func (o Object) Pinned() string {
	if o.VersionID == "null" {
		return ""
	}
	return o.VersionID
}

// version returns what S3 told about the object's version: the id, or else the sequencer, or else ETag
// and time. The id "null" is ignored, since an event means the same with it and without it.
func (o Object) version() string {
	switch {
	case o.Pinned() != "":
		return o.VersionID
	case o.Sequencer != "":
		return o.Sequencer
	case o.LastModified.IsZero():
		return o.ETag
	default:
		return o.ETag + " " + o.LastModified.UTC().Format(time.RFC3339Nano)
	}
}

// digest hashes the parts, each with its length before it, so that the lists ("ab", "c") and ("a",
// "bc") differ.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))[:hashLen]
}

// prefix returns the last segment of a key with only the characters 0-9 A-Z a-z - and _, which
// CloudWatch Logs accepts in an execution's name.
func prefix(key string) string {
	var b strings.Builder
	for _, r := range path.Base(key) {
		if b.Len() == prefixLen {
			break
		}
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '-', r == '_':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}
