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

// listing is what all kinds of list have in common.
type listing struct {
	prefix, delimiter string
	after             string // key or common prefix behind which to begin
	behind            []byte // with it, the row of that key behind which to begin
	most              int

	// found is called with each row that is listed, and whether it is the first of
	// its key. It returns false for one that does not count.
	found func(key string, first bool, row, value []byte) (bool, error)
	once  bool // the first row of each key alone

	prefixes  []types.CommonPrefix
	truncated bool
	lastKey   string // what was listed last
	lastRow   []byte // nil when it was a common prefix
}

// run lists from a bucket with rows.
func (l *listing) run(b *bbolt.Bucket) error {
	low := escape(l.prefix)
	start := low
	if l.behind != nil {
		start = append(row(l.after, l.behind), 0)
	} else if l.after != "" {
		start = row(l.after, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	}
	if bytes.Compare(start, low) < 0 {
		start = low
	}
	previous := ""
	if l.behind != nil {
		previous = l.after
	}
	count, cursor := 0, b.Cursor()
	for k, v := cursor.Seek(start); k != nil && bytes.HasPrefix(k, low); {
		key, _ := unrow(k)
		group := l.group(key)
		if group != "" && group == l.after {
			k, v = cursor.Seek(behindAll(escape(group)))
			continue
		}
		if count == l.most && l.most == 0 {
			return nil
		}
		list := l.found
		if group != "" || count == l.most {
			// What a group holds, or comes after the last, counts but is not listed.
			list = nil
		}
		counts, err := l.counts(list, key, key != previous, k, v)
		if err != nil {
			return err
		}
		if counts && count == l.most {
			l.truncated = true
			return nil
		}
		previous = key
		switch {
		case counts && group != "":
			l.prefixes = append(l.prefixes, types.CommonPrefix{Prefix: aws.String(group)})
			l.lastKey, l.lastRow = group, nil
			count++
			k, v = cursor.Seek(behindAll(escape(group)))
		default:
			if counts {
				l.lastKey, l.lastRow = key, bytes.Clone(k)
				count++
			}
			if l.once {
				k, v = cursor.Seek(behindAll(row(key, nil)))
			} else {
				k, v = cursor.Next()
			}
		}
	}
	return nil
}

// counts asks found, or looks at what found would say.
func (l *listing) counts(found func(string, bool, []byte, []byte) (bool, error), key string, first bool, row, value []byte) (bool, error) {
	if found != nil {
		return found(key, first, row, value)
	}
	if !l.once {
		return true, nil
	}
	v, err := decode(row, value)
	return !v.Marker, err
}

// group is the common prefix that a key is listed under, or "".
func (l *listing) group(key string) string {
	if l.delimiter == "" {
		return ""
	}
	if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
		return key[:len(l.prefix)+i+len(l.delimiter)]
	}
	return ""
}

// behindAll is the first row behind all that begin with something.
func behindAll(low []byte) []byte {
	low = bytes.Clone(low)
	for i := len(low) - 1; i >= 0; i-- {
		if low[i]++; low[i] != 0 {
			return low[:i+1]
		}
	}
	return []byte{0xFF, 0xFF} // no key of UTF-8 begins so
}

// encoding is how a list writes keys: XML cannot hold all that S3 can.
func encoding(ctx context.Context) (func(string) *string, types.EncodingType) {
	if rc, ok := request(ctx); ok && string(rc.QueryArgs().Peek("encoding-type")) == "url" {
		// Every client decodes %20; some take a plus sign for itself.
		return func(s string) *string { return aws.String(strings.ReplaceAll(encodeKey(s), "+", "%20")) }, types.EncodingTypeUrl
	}
	return func(s string) *string { return &s }, ""
}

// owner is of every object.
func owner() *types.Owner { return &types.Owner{ID: aws.String(template.Account)} }

// objects lists current versions that are no delete markers.
func (s *buckets) objects(ctx context.Context, bucket string, l *listing, withOwner bool) (list []s3response.Object, err error) {
	write, _ := encoding(ctx)
	return list, s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := rowsOf(tx, bucket)
		if err != nil {
			return err
		}
		l.once = true
		l.found = func(key string, _ bool, row, value []byte) (bool, error) {
			v, err := decode(row, value)
			if err != nil || v.Marker {
				return false, err
			}
			o := s3response.Object{
				Key: write(key), ETag: aws.String(quoted(v.ETag)), Size: &v.Size, LastModified: &v.Modified,
				StorageClass: types.ObjectStorageClassStandard, ChecksumType: v.Sum.Type,
				ChecksumAlgorithm: []types.ChecksumAlgorithm{v.Sum.Algorithm},
			}
			if withOwner {
				o.Owner = owner()
			}
			list = append(list, o)
			return true, nil
		}
		err = l.run(b)
		for i := range l.prefixes {
			l.prefixes[i].Prefix = write(*l.prefixes[i].Prefix)
		}
		return err
	})
}

// ListObjects serves the API.
func (s *buckets) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (out s3response.ListObjectsResult, err error) {
	l := &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.Marker), most: int(*in.MaxKeys)}
	list, err := s.objects(ctx, *in.Bucket, l, true)
	write, kind := encoding(ctx)
	out = s3response.ListObjectsResult{
		Name: in.Bucket, Prefix: write(l.prefix), Marker: write(l.after), MaxKeys: in.MaxKeys, IsTruncated: &l.truncated,
		Contents: list, CommonPrefixes: l.prefixes, EncodingType: kind, Delimiter: optionally(write, l.delimiter),
	}
	if l.truncated {
		out.NextMarker = write(l.lastKey)
	}
	return out, err
}

func optionally(write func(string) *string, value string) *string {
	if value == "" {
		return nil
	}
	return write(value)
}

// ListObjectsV2 serves the API. A continuation token is where to go on, which
// clients need not know: keys may hold what their XML cannot.
func (s *buckets) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (out s3response.ListObjectsV2Result, err error) {
	token, err := base64.RawURLEncoding.DecodeString(aws.ToString(in.ContinuationToken))
	if err != nil {
		return out, s3err.APIError{Code: "InvalidArgument", Description: "The continuation token provided is incorrect", HTTPStatusCode: 400}
	}
	l := &listing{
		prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), most: int(*in.MaxKeys),
		after: max(string(token), aws.ToString(in.StartAfter)),
	}
	list, err := s.objects(ctx, *in.Bucket, l, aws.ToBool(in.FetchOwner))
	write, kind := encoding(ctx)
	out = s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: write(l.prefix), MaxKeys: in.MaxKeys, IsTruncated: &l.truncated, Contents: list,
		CommonPrefixes: l.prefixes, KeyCount: aws.Int32(int32(len(list) + len(l.prefixes))), EncodingType: kind,
		Delimiter: optionally(write, l.delimiter), StartAfter: optionally(write, aws.ToString(in.StartAfter)),
	}
	if len(token) > 0 {
		out.ContinuationToken = in.ContinuationToken
	}
	if l.truncated {
		out.NextContinuationToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(l.lastKey)))
	}
	return out, err
}

// ListObjectVersions serves the API.
func (s *buckets) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (out s3response.ListVersionsResult, err error) {
	write, kind := encoding(ctx)
	var l *listing
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		l = &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.KeyMarker), most: int(*in.MaxKeys)}
		out = s3response.ListVersionsResult{}
		b, err := rowsOf(tx, *in.Bucket)
		if err != nil {
			return err
		}
		if id := aws.ToString(in.VersionIdMarker); id != "" {
			last, err := find(tx, *in.Bucket, l.after, id)
			if err != nil && !noSuchVersion(err) {
				return err
			}
			switch l.behind = newest(last.Sequence); {
			case err != nil && id == nullID: // deleted since, and nothing tells where it was: begin with the key again
				l.behind = newest(math.MaxUint64)
			case err != nil: // deleted since
				l.behind = newest(sequenceOf(id))
			}
		}
		l.found = func(key string, first bool, row, value []byte) (bool, error) {
			v, err := decode(row, value)
			if err != nil {
				return false, err
			}
			if v.Marker {
				out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
					Key: write(key), VersionId: &v.ID, IsLatest: &first, LastModified: &v.Modified, Owner: owner(),
				})
				return true, nil
			}
			out.Versions = append(out.Versions, s3response.ObjectVersion{
				Key: write(key), VersionId: &v.ID, IsLatest: &first, LastModified: &v.Modified, Owner: owner(),
				ETag: aws.String(quoted(v.ETag)), Size: &v.Size, StorageClass: types.ObjectVersionStorageClassStandard,
				ChecksumType: v.Sum.Type, ChecksumAlgorithm: []types.ChecksumAlgorithm{v.Sum.Algorithm},
			})
			return true, nil
		}
		if err := l.run(b); err != nil || !l.truncated {
			return err
		}
		out.NextKeyMarker = write(l.lastKey)
		if l.lastRow != nil {
			v, err := decode(l.lastRow, b.Get(l.lastRow))
			out.NextVersionIdMarker = &v.ID
			return err
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	for _, p := range l.prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: write(*p.Prefix)})
	}
	out.Name, out.MaxKeys, out.IsTruncated, out.EncodingType = in.Bucket, in.MaxKeys, &l.truncated, kind
	out.Prefix, out.Delimiter = write(l.prefix), optionally(write, l.delimiter)
	out.KeyMarker, out.VersionIdMarker = write(l.after), in.VersionIdMarker
	return out, nil
}
