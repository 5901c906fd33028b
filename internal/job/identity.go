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

// Step Functions allows 80 characters in an execution's name. Forty of them
// are 160 bits of hash, one joins, the rest is for the reader.
const (
	hashLen   = 40
	prefixLen = 80 - hashLen - 1
)

// ExecutionName is the name under which j runs: a readable prefix of the key
// and a hash of what makes the run unique. Two events for the same version have
// the same name, which is how duplicates are recognised; a replay and a rescan
// have another, because a name is burnt for 90 days.
func (j Job) ExecutionName() string {
	return prefix(j.Object.Key) + "-" +
		digest(j.Object.Bucket, j.Object.Key, j.Object.version(), strconv.Itoa(j.Attempt), j.Run)
}

// QuarantineKey is the object's key in the quarantine bucket. It leaves out
// attempt and run, so that a replay finds the copy an earlier attempt made.
func (o Object) QuarantineKey() string {
	return digest(o.Bucket, o.Key, o.version())
}

// Same reports whether both are the same version of the same object.
func (o Object) Same(other Object) bool {
	return o.QuarantineKey() == other.QuarantineKey()
}

// Pinned returns the version id that alone says which bytes are meant, or "" where
// there is none. What is stored while versioning is off or suspended has the id
// "null", which the next such object takes over, and which S3's events leave out:
// there the ETag says which bytes are meant, and original.Head how to address them.
func (o Object) Pinned() string {
	if o.VersionID == "null" {
		return ""
	}
	return o.VersionID
}

// version is the object's version as far as S3 told us one. "null" counts as none,
// since it is not one object's: an event says the same with it and without.
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

// digest hashes the parts, each with its length in front so that no two lists
// of parts run together.
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

// prefix makes the last segment of a key readable in the console's list:
// 0-9A-Za-z-_ only, since CloudWatch Logs accepts nothing else.
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
