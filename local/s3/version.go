package s3

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/oklog/ulid/v2"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
)

// version is one version of an object, or a delete marker.
type version struct {
	ID       string            // "null" when the bucket kept no versions
	Sequence uint64            // rises with each version of any object
	Marker   bool              `json:",omitempty"`
	Body     string            `json:",omitempty"`
	Size     int64             `json:",omitempty"`
	ETag     string            `json:",omitempty"` // without quotes
	Modified time.Time         // in whole seconds, as HTTP has it
	Tags     map[string]string `json:",omitempty"`
	Sum      checksum          `json:",omitzero"`
	Parts    []int64           `json:",omitempty"` // the end of each part of a multipart upload
	Upload   string            `json:",omitempty"` // id of that upload
	headers
	lock
}

// headers holds what an upload says about its object. The fields have the names that they have in requests and answers,
// see copyFields.
type headers struct {
	ContentType, ContentEncoding, ContentDisposition *string           `json:",omitempty"`
	ContentLanguage, CacheControl, Expires           *string           `json:",omitempty"`
	WebsiteRedirectLocation                          *string           `json:",omitempty"`
	Metadata                                         map[string]string `json:",omitempty"`
}

// headersOf takes the headers from a pointer to a request. It leaves out the encoding aws-chunked, which is the body's
// on its way and not the object's.
func headersOf(request any) (h headers) {
	copyFields(&h, request)
	var kept []string
	for encoding := range strings.SplitSeq(aws.ToString(h.ContentEncoding), ",") {
		if encoding = strings.TrimSpace(encoding); encoding != "" && encoding != "aws-chunked" {
			kept = append(kept, encoding)
		}
	}
	h.ContentEncoding = aws.String(strings.Join(kept, ", "))
	return h
}

// copyFields copies the fields of the structure behind from that the structure behind to has with the same type.
func copyFields(to, from any) {
	t, f := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for i := range f.NumField() {
		name := f.Type().Field(i)
		if field := t.FieldByName(name.Name); name.IsExported() && field.IsValid() && field.Type() == name.Type {
			field.Set(f.Field(i))
		}
	}
}

const nullID = "null"

// row returns the key of the store under which a version or an upload is kept: S3's key with 0xFF after each zero byte,
// two zero bytes, and what distinguishes the rows of the key. Rows are in the order of S3's keys, which may hold any
// byte.
func row(key string, behind []byte) []byte {
	return append(append(escape(key), 0, 0), behind...)
}

func escape(key string) []byte {
	return bytes.ReplaceAll([]byte(key), []byte{0}, []byte{0, 0xFF})
}

// unrow returns the parts of a row.
func unrow(row []byte) (key string, behind []byte) {
	end := bytes.Index(row, []byte{0, 0})
	return string(bytes.ReplaceAll(row[:end], []byte{0, 0xFF}, []byte{0})), row[end+2:]
}

// order returns what follows the key in the row of a version. The newest version is the first.
func order(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, ^sequence) }

// newID returns an id that cannot be guessed and contains a sequence, by which the version is found.
func newID(sequence uint64) string {
	var id ulid.ULID
	_, _ = rand.Read(id[6:]) // never fails
	_ = id.SetTime(sequence) // fails after 2^48 versions
	return id.String()
}

// sequenceOf returns the sequence in an id, or 0.
func sequenceOf(id string) uint64 {
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return 0
	}
	return parsed.Time()
}

// insideOf returns the store's bucket of an S3 bucket inside objectsBucket or uploadsBucket.
func insideOf(tx *bbolt.Tx, all []byte, bucket string) (*bbolt.Bucket, error) {
	if b := tx.Bucket(all).Bucket([]byte(bucket)); b != nil {
		return b, nil
	}
	return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
}

var decodedVersions = memo[version]{limit: 1000}

// decode returns the version in a row, whose maps, slices and pointers must not be changed.
func decode(row, value []byte) (version, error) {
	v, err := decodedVersions.decode(value)
	if err != nil {
		return version{}, fmt.Errorf("read version %q: %w", row, err)
	}
	return v, nil
}

// find returns the version with an id, or the current one when id is empty. It may be a delete marker. The error for a
// version that does not exist is S3's.
func find(tx *bbolt.Tx, bucket, key, id string) (version, error) {
	b, err := insideOf(tx, objectsBucket, bucket)
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
		k := row(key, order(parsed.Time()))
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

// readable is find for operations that are refused on a delete marker.
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

// current returns the object that conditions on writing a key are evaluated against.
func current(tx *bbolt.Tx, bucket, key string) (v version, there bool, err error) {
	v, err = readable(tx, bucket, key, "")
	if errors.Is(err, s3err.GetAPIError(s3err.ErrNoSuchKey)) {
		return v, false, nil
	}
	return v, err == nil, err
}

// add makes v the current version. In a bucket that keeps no versions it replaces the one with the id "null".
func (s *buckets) add(tx *bbolt.Tx, bucket, key string, c settings, v *version) error {
	b, err := insideOf(tx, objectsBucket, bucket)
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
	return store.PutJSON(b, row(key, order(v.Sequence)), v)
}

// replace stores a changed version.
func replace(tx *bbolt.Tx, bucket, key string, v version) error {
	b, err := insideOf(tx, objectsBucket, bucket)
	if err != nil {
		return err
	}
	return store.PutJSON(b, row(key, order(v.Sequence)), v)
}

// forget removes a version, if it exists, and its body.
func (s *buckets) forget(tx *bbolt.Tx, bucket, key, id string) error {
	v, err := find(tx, bucket, key, id)
	if noSuchVersion(err) {
		return nil
	}
	if err != nil {
		return err
	}
	s.bodies.drop(tx, v.Body)
	return tx.Bucket(objectsBucket).Bucket([]byte(bucket)).Delete(row(key, order(v.Sequence)))
}

// answeredID returns the version id in the answer to an upload, which is none unless the bucket keeps versions.
func answeredID(c settings, v version) string {
	if c.Versioning != types.BucketVersioningStatusEnabled {
		return ""
	}
	return v.ID
}

// shownID returns the version id in events and in answers to reads, which is none when the bucket never kept versions.
func shownID(c settings, v version) string {
	if c.Versioning == "" {
		return ""
	}
	return v.ID
}
