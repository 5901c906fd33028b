package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// listing lists the rows of a bucket of the store, as every operation that lists does.
type listing struct {
	prefix, delimiter string
	after             string // begin behind this key or common prefix
	afterRow          []byte // where set, begin behind this row of the key after; see row
	max               int

	onePerKey bool                                                  // list the first row of each key only
	counts    func(row, value []byte) (bool, error)                 // false for a row to skip; may be nil
	add       func(key string, first bool, row, value []byte) error // lists a row; first of its key or not

	prefixes  []string
	listed    int
	truncated bool
	lastKey   string // key or common prefix that was listed last
	lastRow   []byte // its row; nil for a common prefix
}

// newListing returns a listing with the parameters of a request.
func newListing(prefix, delimiter, after *string, limit *int32) *listing {
	return &listing{
		prefix: aws.ToString(prefix), delimiter: aws.ToString(delimiter), after: aws.ToString(after),
		max: int(aws.ToInt32(limit)),
	}
}

func (l *listing) run(b *bbolt.Bucket) error {
	cursor, low, previous := b.Cursor(), escape(l.prefix), ""
	if l.afterRow != nil {
		previous = l.after
	}
	for k, v := cursor.Seek(l.start()); k != nil && bytes.HasPrefix(k, low); {
		key, _ := unrow(k)
		group := l.group(key)
		counts := group == "" || group != l.after
		if counts && l.counts != nil {
			var err error
			if counts, err = l.counts(k, v); err != nil {
				return err
			}
		}
		if counts && l.listed == l.max {
			l.truncated = l.max > 0
			return nil
		}
		if counts {
			l.listed++
			if err := l.take(key, group, previous, k, v); err != nil {
				return err
			}
		}
		previous = key
		switch {
		case group != "" && (counts || group == l.after):
			k, v = cursor.Seek(behind(escape(group)))
		case l.onePerKey:
			k, v = cursor.Seek(behind(row(key, nil)))
		default:
			k, v = cursor.Next()
		}
	}
	return nil
}

// take lists a common prefix or a row.
func (l *listing) take(key, group, previous string, row, value []byte) error {
	if group != "" {
		l.prefixes = append(l.prefixes, group)
		l.lastKey, l.lastRow = group, nil
		return nil
	}
	l.lastKey, l.lastRow = key, bytes.Clone(row)
	return l.add(key, key != previous, row, value)
}

// start returns the first row that may be listed.
func (l *listing) start() []byte {
	low := escape(l.prefix)
	switch {
	case l.afterRow != nil:
		return maxBytes(low, append(row(l.after, l.afterRow), 0))
	case l.after != "":
		return maxBytes(low, row(l.after, bytes.Repeat([]byte{0xFF}, 9))) // more than any version or upload has there
	}
	return low
}

func maxBytes(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return b
	}
	return a
}

// group returns the common prefix under which a key is listed, or "".
func (l *listing) group(key string) string {
	if l.delimiter == "" {
		return ""
	}
	if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
		return key[:len(l.prefix)+i+len(l.delimiter)]
	}
	return ""
}

// behind returns the first row behind all that begin with low.
func behind(low []byte) []byte {
	low = bytes.Clone(low)
	for i := len(low) - 1; i >= 0; i-- {
		if low[i]++; low[i] != 0 {
			return low[:i+1]
		}
	}
	return []byte{0xFF, 0xFF} // no key in UTF-8 begins so
}

// encoder writes keys in the encoding that a request asks for, because XML cannot have every character of a key.
type encoder types.EncodingType

func encoderOf(ctx context.Context) encoder {
	if rc, ok := request(ctx); ok && string(rc.QueryArgs().Peek("encoding-type")) == "url" {
		return encoder(types.EncodingTypeUrl)
	}
	return ""
}

func (e encoder) key(key string) *string {
	if e != "" {
		// Every client decodes %20, and not every client a plus sign.
		key = strings.ReplaceAll(encodeKey(key), "+", "%20")
	}
	return &key
}

// optional leaves out an empty value.
func (e encoder) optional(value string) *string {
	if value == "" {
		return nil
	}
	return e.key(value)
}

func (e encoder) prefixes(l *listing) (list []types.CommonPrefix) {
	for _, p := range l.prefixes {
		list = append(list, types.CommonPrefix{Prefix: e.key(p)})
	}
	return list
}

// owner returns the owner of every object.
func owner() *types.Owner { return &types.Owner{ID: aws.String(template.Account)} }

// listObjects lists the current versions that are not delete markers.
func (s *buckets) listObjects(ctx context.Context, bucket string, l *listing, owner *types.Owner) (
	list []s3response.Object, err error,
) {
	encode := encoderOf(ctx)
	return list, s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := insideOf(tx, objectsBucket, bucket)
		if err != nil {
			return err
		}
		var v version
		l.onePerKey = true
		l.counts = func(row, value []byte) (_ bool, err error) {
			v, err = decode(row, value)
			return !v.Marker, err
		}
		l.add = func(key string, _ bool, _, _ []byte) error {
			v := v
			list = append(list, s3response.Object{
				Key: encode.key(key), ETag: aws.String(quoted(v.ETag)), Size: &v.Size, LastModified: &v.Modified,
				StorageClass: types.ObjectStorageClassStandard, ChecksumType: v.Sum.Type, Owner: owner,
				ChecksumAlgorithm: []types.ChecksumAlgorithm{v.Sum.Algorithm},
			})
			return nil
		}
		return l.run(b)
	})
}

// ListObjects serves the operation of that name.
func (s *buckets) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (
	out s3response.ListObjectsResult, err error,
) {
	l, encode := newListing(in.Prefix, in.Delimiter, in.Marker, in.MaxKeys), encoderOf(ctx)
	list, err := s.listObjects(ctx, *in.Bucket, l, owner())
	out = s3response.ListObjectsResult{
		Name: in.Bucket, Prefix: encode.key(l.prefix), Marker: encode.key(l.after), MaxKeys: in.MaxKeys,
		IsTruncated: &l.truncated, Contents: list, CommonPrefixes: encode.prefixes(l),
		EncodingType: types.EncodingType(encode), Delimiter: encode.optional(l.delimiter),
	}
	if l.truncated {
		out.NextMarker = encode.key(l.lastKey)
	}
	return out, err
}

// ListObjectsV2 serves the operation of that name. A continuation token is the last key, encoded because it may have
// characters that XML cannot have.
func (s *buckets) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (
	out s3response.ListObjectsV2Result, err error,
) {
	token, err := base64.RawURLEncoding.DecodeString(aws.ToString(in.ContinuationToken))
	if err != nil {
		return out, s3err.APIError{
			Code: "InvalidArgument", Description: "The continuation token provided is incorrect", HTTPStatusCode: 400,
		}
	}
	after := max(string(token), aws.ToString(in.StartAfter))
	l, encode := newListing(in.Prefix, in.Delimiter, &after, in.MaxKeys), encoderOf(ctx)
	var withOwner *types.Owner
	if aws.ToBool(in.FetchOwner) {
		withOwner = owner()
	}
	list, err := s.listObjects(ctx, *in.Bucket, l, withOwner)
	out = s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: encode.key(l.prefix), MaxKeys: in.MaxKeys, IsTruncated: &l.truncated, Contents: list,
		CommonPrefixes: encode.prefixes(l), KeyCount: aws.Int32(int32(l.listed)),
		EncodingType: types.EncodingType(encode), Delimiter: encode.optional(l.delimiter),
		StartAfter: encode.optional(aws.ToString(in.StartAfter)),
	}
	if len(token) > 0 {
		out.ContinuationToken = in.ContinuationToken
	}
	if l.truncated {
		out.NextContinuationToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(l.lastKey)))
	}
	return out, err
}

// ListObjectVersions serves the operation of that name.
func (s *buckets) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (
	out s3response.ListVersionsResult, err error,
) {
	l, encode := newListing(in.Prefix, in.Delimiter, in.KeyMarker, in.MaxKeys), encoderOf(ctx)
	if err := s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := insideOf(tx, objectsBucket, *in.Bucket)
		if err != nil {
			return err
		}
		if l.afterRow, err = rowOfVersion(tx, *in.Bucket, l.after, aws.ToString(in.VersionIdMarker)); err != nil {
			return err
		}
		l.add = func(key string, first bool, row, value []byte) error {
			v, err := decode(row, value)
			if err != nil {
				return err
			}
			if v.Marker {
				out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
					Key: encode.key(key), VersionId: &v.ID, IsLatest: &first, LastModified: &v.Modified, Owner: owner(),
				})
				return nil
			}
			out.Versions = append(out.Versions, s3response.ObjectVersion{
				Key: encode.key(key), VersionId: &v.ID, IsLatest: &first, LastModified: &v.Modified, Owner: owner(),
				ETag: aws.String(quoted(v.ETag)), Size: &v.Size, StorageClass: types.ObjectVersionStorageClassStandard,
				ChecksumType: v.Sum.Type, ChecksumAlgorithm: []types.ChecksumAlgorithm{v.Sum.Algorithm},
			})
			return nil
		}
		if err := l.run(b); err != nil || !l.truncated {
			return err
		}
		out.NextKeyMarker = encode.key(l.lastKey)
		if l.lastRow != nil {
			v, err := decode(l.lastRow, b.Get(l.lastRow))
			out.NextVersionIdMarker = &v.ID
			return err
		}
		return nil
	}); err != nil {
		return out, err
	}
	out.Name, out.MaxKeys, out.IsTruncated = in.Bucket, in.MaxKeys, &l.truncated
	out.EncodingType, out.Prefix = types.EncodingType(encode), encode.key(l.prefix)
	out.Delimiter = encode.optional(l.delimiter)
	out.KeyMarker, out.VersionIdMarker, out.CommonPrefixes = encode.key(l.after), in.VersionIdMarker, encode.prefixes(l)
	return out, nil
}

// rowOfVersion returns the end of the row of a version id, behind which a list goes on. The version may have been
// deleted since the list began.
func rowOfVersion(tx *bbolt.Tx, bucket, key, id string) ([]byte, error) {
	if id == "" {
		return nil, nil
	}
	v, err := find(tx, bucket, key, id)
	switch {
	case err == nil:
		return order(v.Sequence), nil
	case !noSuchVersion(err):
		return nil, err
	case id == nullID:
		return order(math.MaxUint64), nil // nothing tells where it was: the list begins with the key again
	}
	return order(sequenceOf(id)), nil
}
