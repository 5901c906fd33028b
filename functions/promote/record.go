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

// recordTag holds the record where the metadata has no room: id, sequencer (or
// a dash), time and bucket, with spaces between. It is believed only of objects
// without a record in their metadata, since tags come along from uploads.
const recordTag = move.Reserved + "source"

// The metadata keys of a record.
const (
	keyID        = move.Reserved + "source-id"
	keyBucket    = move.Reserved + "source-bucket"
	keyVersion   = move.Reserved + "source-version"
	keySequencer = move.Reserved + "source-sequencer"
	keyModified  = move.Reserved + "source-modified"
	keySHA256    = move.Reserved + "sha256"
)

// record says of a promoted object which version it was, and where that stands
// among the versions of its key.
type record struct {
	id        string // job.Object.QuarantineKey: bucket, key and version in one
	bucket    string
	version   string // for people; the id decides
	sequencer string // as S3 gave it with the event, may be empty
	modified  time.Time
	sha256    string
}

func newRecord(j job.Job, src *move.Source) *record {
	return &record{
		id: j.Object.QuarantineKey(), bucket: j.Object.Bucket, version: j.Object.Pinned(),
		sequencer: j.Object.Sequencer, modified: src.Modified, sha256: j.Scan.SHA256,
	}
}

// newer reports whether r stands after other. Sequencers decide where both have
// one of the same bucket; else the time at which S3 stored the versions, to the
// second. Of two that are equal neither is newer: then the later one stays.
func (r *record) newer(other *record) bool {
	if r.bucket == other.bucket && r.sequencer != "" && other.sequencer != "" {
		return compareSequencers(r.sequencer, other.sequencer) > 0
	}
	return r.modified.After(other.modified)
}

// compareSequencers orders two events of one key: hexadecimal numbers, the
// shorter filled with zeros on its right side
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
func compareSequencers(a, b string) int {
	n := max(len(a), len(b))
	pad := func(s string) string { return strings.ToUpper(s) + strings.Repeat("0", n-len(s)) }
	return strings.Compare(pad(a), pad(b))
}

func (r *record) String() string {
	if r.version == "" {
		return fmt.Sprintf("one of %s", r.modified.Format(time.RFC3339))
	}
	return fmt.Sprintf("version %s of %s", r.version, r.modified.Format(time.RFC3339))
}

// entries are the record as metadata. An operator's list names no sequencer, and
// some stores give a version another time when it becomes noncurrent.
func (r *record) entries() []move.Entry {
	return []move.Entry{
		{Key: keyID, Value: r.id},
		{Key: keyBucket, Value: r.bucket},
		{Key: keyVersion, Value: r.version},
		{Key: keySequencer, Value: r.sequencer, Varies: true},
		{Key: keyModified, Value: r.modified.Format(time.RFC3339), Varies: true},
		{Key: keySHA256, Value: r.sha256},
	}
}

// fromMetadata returns nil where there is no record or one that nobody here
// wrote: an object without order is older than any with one.
func fromMetadata(m map[string]string) *record {
	modified, err := time.Parse(time.RFC3339, m[keyModified])
	if err != nil || m[keyID] == "" {
		return nil
	}
	return &record{
		id: m[keyID], bucket: m[keyBucket], version: m[keyVersion],
		sequencer: m[keySequencer], modified: modified, sha256: m[keySHA256],
	}
}

// among returns tags with the record among them, or nil where the original's own
// leave no room beside scan-status.
func (r *record) among(tags []types.Tag) []types.Tag {
	sequencer := r.sequencer
	if sequencer == "" {
		sequencer = "-"
	}
	value := strings.Join([]string{r.id, sequencer, r.modified.Format(time.RFC3339), r.bucket}, " ")
	set := slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool { return aws.ToString(t.Key) == recordTag })
	for _, key := range slices.Backward(verdicttag.Keys[1:]) {
		if len(set) < verdicttag.Limit {
			break
		}
		set = slices.DeleteFunc(set, func(t types.Tag) bool { return aws.ToString(t.Key) == key })
	}
	if len(set) >= verdicttag.Limit {
		return nil
	}
	return append(set, types.Tag{Key: aws.String(recordTag), Value: aws.String(value)})
}

// fromTags reads what among wrote.
func fromTags(tags []types.Tag) *record {
	for _, t := range tags {
		fields := strings.Fields(aws.ToString(t.Value))
		if aws.ToString(t.Key) != recordTag || len(fields) != 4 {
			continue
		}
		modified, err := time.Parse(time.RFC3339, fields[2])
		if err != nil {
			return nil
		}
		return &record{id: fields[0], sequencer: strings.TrimPrefix(fields[1], "-"), modified: modified, bucket: fields[3]}
	}
	return nil
}
