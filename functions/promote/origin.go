package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// originTag is the tag that holds the origin if the metadata has no room for it. Its value is the id,
// the sequencer (or a dash), the time and the bucket, separated by spaces. It is read only from
// objects without an origin in their metadata, because uploaders may set tags.
const originTag = move.OriginTag

// Metadata keys of an origin, in addition to those of package move.
const (
	keyID        = move.KeyID
	keySequencer = move.Reserved + "source-sequencer" // left out if unknown
)

// origin says which version a promoted object was copied from, and orders the versions of a key.
type origin struct {
	id        string // job.Object.QuarantineKey, a hash of bucket, key and version
	bucket    string
	version   string    // id of the version, for people
	sequencer string    // of S3's event, may be empty
	modified  time.Time // UTC, in whole seconds
	sha256    string    // of the scanned bytes, hex; empty if read from a tag
}

// newOrigin returns the origin of the copy of src.
func newOrigin(j job.Job, src *move.Source) *origin {
	return &origin{
		id: j.Object.QuarantineKey(), bucket: j.Object.Bucket, version: j.Object.Pinned(),
		sequencer: j.Object.Sequencer, modified: src.Modified, sha256: j.Scan.SHA256,
	}
}

// newer reports whether o is the later one of two versions of a key. If both have a sequencer of the
// same bucket, the sequencers decide, otherwise the times at which S3 stored the versions. If these
// are equal, neither is newer, and the version that is promoted later replaces the other.
func (o *origin) newer(other *origin) bool {
	if o.bucket == other.bucket && o.sequencer != "" && other.sequencer != "" {
		return compareSequencers(o.sequencer, other.sequencer) > 0
	}
	return o.modified.After(other.modified)
}

// compareSequencers compares the sequencers of two events of one key: hexadecimal numbers, of which
// the shorter one is filled with zeros at its right end:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func compareSequencers(a, b string) int {
	n := max(len(a), len(b))
	pad := func(s string) string { return strings.ToUpper(s) + strings.Repeat("0", n-len(s)) }
	return strings.Compare(pad(a), pad(b))
}

// String names the version for an error.
func (o *origin) String() string {
	if o.version == "" {
		return fmt.Sprintf("a version of %s", o.modified.Format(time.RFC3339))
	}
	return fmt.Sprintf("version %s of %s", o.version, o.modified.Format(time.RFC3339))
}

// sequencerRoom is more than the digits of S3's sequencers, of which examples have 16 or 18.
const sequencerRoom = 32

// largest returns the origin with the longest sequencer. Whether metadata has room for an origin is decided by it, so
// that a scan from an event and one from a list, which has no sequencer, decide alike.
func (o *origin) largest() *origin {
	l := *o
	l.sequencer += strings.Repeat("0", max(0, sequencerRoom-len(l.sequencer)))
	return &l
}

// entries returns the origin as metadata. The sequencer varies because an operator's list has none,
// and the time because some stores change it when a version becomes noncurrent.
func (o *origin) entries() []move.Entry {
	return []move.Entry{
		{Key: keyID, Value: o.id},
		{Key: move.KeyBucket, Value: o.bucket},
		{Key: move.KeyVersion, Value: o.version},
		{Key: keySequencer, Value: o.sequencer, Varies: true},
		{Key: move.KeyModified, Value: o.modified.Format(time.RFC3339), Varies: true},
		{Key: move.KeySHA256, Value: o.sha256},
	}
}

// originFromMetadata reads an origin from metadata. It returns nil if there is none, or an invalid
// one, which Lazaret did not write.
func originFromMetadata(m map[string]string) *origin {
	modified, err := time.Parse(time.RFC3339, m[move.KeyModified])
	if err != nil || m[keyID] == "" {
		return nil
	}
	return &origin{
		id: m[keyID], bucket: m[move.KeyBucket], version: m[move.KeyVersion],
		sequencer: m[keySequencer], modified: modified, sha256: m[move.KeySHA256],
	}
}

// addTag returns tags with the origin added, or nil if the original's own tags and scan-status leave
// no room for it.
func (o *origin) addTag(tags []types.Tag) []types.Tag {
	sequencer := o.sequencer
	if sequencer == "" {
		sequencer = "-"
	}
	value := strings.Join([]string{o.id, sequencer, o.modified.Format(time.RFC3339), o.bucket}, " ")
	set := slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool { return aws.ToString(t.Key) == originTag })
	for _, key := range slices.Backward(verdicttag.Keys[1:]) {
		if len(set) < verdicttag.Limit {
			break
		}
		set = slices.DeleteFunc(set, func(t types.Tag) bool { return aws.ToString(t.Key) == key })
	}
	if len(set) >= verdicttag.Limit {
		return nil
	}
	return append(set, types.Tag{Key: aws.String(originTag), Value: aws.String(value)})
}

// originFromTags reads the origin that addTag wrote, nil if there is none.
func originFromTags(tags []types.Tag) *origin {
	for _, t := range tags {
		fields := strings.Fields(aws.ToString(t.Value))
		if aws.ToString(t.Key) != originTag || len(fields) != 4 {
			continue
		}
		modified, err := time.Parse(time.RFC3339, fields[2])
		if err != nil {
			return nil
		}
		return &origin{id: fields[0], sequencer: strings.TrimPrefix(fields[1], "-"), modified: modified, bucket: fields[3]}
	}
	return nil
}
