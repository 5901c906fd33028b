package s3

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/oklog/ulid/v2"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
)

// version is one version of an object, or a delete marker.
type version struct {
	ID       string            // "null" where the bucket did not keep versions
	Sequence uint64            // rises with every change of any object
	Marker   bool              `json:",omitempty"`
	Body     string            `json:",omitempty"`
	Size     int64             `json:",omitempty"`
	ETag     string            `json:",omitempty"` // without quotes
	Modified time.Time         // to the second, as HTTP tells it
	Tags     map[string]string `json:",omitempty"`
	Sum      checksum          `json:",omitzero"`
	Parts    []int64           `json:",omitempty"` // where each ends, of a multipart upload
	Upload   string            `json:",omitempty"` // id of that upload
	headers
	lock
}

// headers are what an upload says about its object.
type headers struct {
	ContentType        string            `json:",omitempty"`
	ContentEncoding    string            `json:",omitempty"`
	ContentDisposition string            `json:",omitempty"`
	ContentLanguage    string            `json:",omitempty"`
	CacheControl       string            `json:",omitempty"`
	Expires            string            `json:",omitempty"`
	Redirect           string            `json:",omitempty"`
	Metadata           map[string]string `json:",omitempty"`
}

const nullID = "null"

// row is the key under which a version or an upload is stored: S3's key, its zero
// bytes followed by 0xFF, then two zero bytes, then what tells the rows of a key
// apart. So rows are in the order of S3's keys, whatever these hold.
func row(key string, behind []byte) []byte {
	return append(append(escape(key), 0, 0), behind...)
}

func escape(key string) []byte {
	return bytes.ReplaceAll([]byte(key), []byte{0}, []byte{0, 0xFF})
}

// unrow takes a row apart.
func unrow(row []byte) (key string, behind []byte) {
	end := bytes.Index(row, []byte{0, 0})
	return string(bytes.ReplaceAll(row[:end], []byte{0, 0xFF}, []byte{0})), row[end+2:]
}

// newest is what stands behind the key of a version: the later, the smaller.
func newest(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, ^sequence) }

// newID is unguessable and tells its sequence, so that a version is found by it.
func newID(sequence uint64) string {
	var id ulid.ULID
	_, _ = rand.Read(id[6:]) // never fails
	_ = id.SetTime(sequence) // fails after 2^48 changes
	return id.String()
}

// sequenceOf is what newID made an id of, or 0.
func sequenceOf(id string) uint64 {
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return 0
	}
	return parsed.Time()
}

// rowsOf is the bucket with an S3 bucket's versions.
func rowsOf(tx *bbolt.Tx, bucket string) (*bbolt.Bucket, error) {
	if b := tx.Bucket(objectsBucket).Bucket([]byte(bucket)); b != nil {
		return b, nil
	}
	return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
}

func decode(row, value []byte) (v version, err error) {
	if err := json.Unmarshal(value, &v); err != nil {
		return v, fmt.Errorf("read version %q: %w", row, err)
	}
	return v, nil
}

// find returns the version with an id, or the current one without. It may be a
// delete marker. The error is S3's for what is not there.
func find(tx *bbolt.Tx, bucket, key, id string) (version, error) {
	b, err := rowsOf(tx, bucket)
	if err != nil {
		return version{}, err
	}
	all := row(key, nil)
	switch id {
	case "":
		if k, value := b.Cursor().Seek(all); bytes.HasPrefix(k, all) {
			return decode(k, value)
		}
		return version{}, s3err.GetAPIError(s3err.ErrNoSuchKey)
	case nullID:
		cursor := b.Cursor()
		for k, value := cursor.Seek(all); bytes.HasPrefix(k, all); k, value = cursor.Next() {
			if v, err := decode(k, value); err != nil || v.ID == nullID {
				return v, err
			}
		}
	default:
		parsed, err := ulid.ParseStrict(id)
		if err != nil {
			return version{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, id)
		}
		k := row(key, newest(parsed.Time()))
		if value := b.Get(k); value != nil {
			if v, err := decode(k, value); err != nil || v.ID == id {
				return v, err
			}
		}
	}
	return version{}, s3err.GetNoSuchVersionErr(key, id)
}

func noSuchVersion(err error) bool {
	_, is := errors.AsType[s3err.NoSuchVersionError](err)
	return is
}

// readable is find for operations that a delete marker refuses.
func readable(tx *bbolt.Tx, bucket, key, id string) (version, error) {
	v, err := find(tx, bucket, key, id)
	if err == nil && v.Marker {
		if id == "" {
			return v, s3err.GetAPIError(s3err.ErrNoSuchKey)
		}
		return v, s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	}
	return v, err
}

// current is the object at a key for conditions on writing it.
func current(tx *bbolt.Tx, bucket, key string) (v version, there bool, err error) {
	v, err = readable(tx, bucket, key, "")
	if errors.Is(err, s3err.GetAPIError(s3err.ErrNoSuchKey)) {
		return v, false, nil
	}
	return v, err == nil, err
}

// add makes v the current version, in place of the one without an id where the
// bucket keeps none.
func (s *buckets) add(tx *bbolt.Tx, bucket, key string, c settings, v *version) error {
	b, err := rowsOf(tx, bucket)
	if err != nil {
		return err
	}
	if v.Sequence, err = tx.Bucket(objectsBucket).NextSequence(); err != nil {
		return err
	}
	v.ID = newID(v.Sequence)
	if c.Versioning != types.BucketVersioningStatusEnabled {
		v.ID = nullID
		if err := s.forget(tx, bucket, key, nullID); err != nil {
			return err
		}
	}
	v.Modified = time.Now().UTC().Truncate(time.Second)
	return store.PutJSON(b, row(key, newest(v.Sequence)), v)
}

// change stores a version that was found again.
func change(tx *bbolt.Tx, bucket, key string, v version) error {
	b, err := rowsOf(tx, bucket)
	if err != nil {
		return err
	}
	return store.PutJSON(b, row(key, newest(v.Sequence)), v)
}

// forget removes a version, if it is there, and its body.
func (s *buckets) forget(tx *bbolt.Tx, bucket, key, id string) error {
	v, err := find(tx, bucket, key, id)
	if noSuchVersion(err) {
		return nil
	}
	if err != nil {
		return err
	}
	s.bodies.drop(tx, v.Body)
	return tx.Bucket(objectsBucket).Bucket([]byte(bucket)).Delete(row(key, newest(v.Sequence)))
}

// answeredID is the id in the answer to an upload: none while versioning is suspended.
func answeredID(c settings, v version) string {
	if c.Versioning != types.BucketVersioningStatusEnabled {
		return ""
	}
	return v.ID
}

// shownID is the id in events and in answers to reading: a bucket that never kept versions
// shows none.
func shownID(c settings, v version) string {
	if c.Versioning == "" {
		return ""
	}
	return v.ID
}
