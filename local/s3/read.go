package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"
)

// reading is a version that was found, and the bytes of it that are wanted.
type reading struct {
	version
	shown         string // version id
	start, length int64
	partial       bool
}

// read finds a version under the conditions of a request. When withBody is set it opens the body, which can be read to
// its end even when the version is deleted meanwhile.
func (s *buckets) read(ctx context.Context, in *s3.HeadObjectInput, withBody bool) (r reading, f *os.File, err error) {
	return r, f, s.view(ctx, func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, *in.Bucket)
		if err != nil {
			return err
		}
		r = reading{}
		if r.version, err = readable(tx, *in.Bucket, reveal(*in.Key), aws.ToString(in.VersionId)); err != nil {
			return err
		}
		r.shown = shownID(c, r.version)
		if err := backend.EvaluatePreconditions(r.ETag, r.Modified, backend.PreConditions{
			IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch,
			IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
		}); err != nil {
			addCacheHeaders(ctx, r.version, err)
			return err
		}
		if err := r.choose(in.PartNumber, aws.ToString(in.Range)); err != nil || !withBody || r.Body == "" {
			return err
		}
		f, err = s.bodies.open(r.Body)
		return err
	})
}

// addCacheHeaders adds to an answer of 304 the headers for caches, which the gateway leaves out.
func addCacheHeaders(ctx context.Context, v version, err error) {
	if rc, ok := request(ctx); ok && errors.Is(err, s3err.GetAPIError(s3err.ErrNotModified)) {
		rc.Response.Header.Set("ETag", quoted(v.ETag))
		rc.Response.Header.Set("Last-Modified", v.Modified.Format(http.TimeFormat))
	}
}

// choose sets the bytes that a part number or the header Range selects.
func (r *reading) choose(part *int32, header string) error {
	r.length = r.Size
	if part == nil {
		var err error
		r.start, r.length, r.partial, err = backend.ParseObjectRange(r.Size, header)
		return err
	}
	n, parts := int(*part), max(1, len(r.Parts))
	if n > parts {
		return s3err.GetInvalidPartNumberRangeErr(int32(parts), *part)
	}
	if len(r.Parts) > 0 {
		if n > 1 {
			r.start = r.Parts[n-2]
		}
		r.length = r.Parts[n-1] - r.start
	}
	r.partial = r.length > 0
	return nil
}

// HeadObject serves the operation of that name.
func (s *buckets) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	r, _, err := s.read(ctx, in, false)
	switch {
	case err == nil:
		return r.head(in.ChecksumMode, in.PartNumber), nil
	case r.Marker:
		return &s3.HeadObjectOutput{DeleteMarker: aws.Bool(true), LastModified: &r.Modified}, err
	}
	return nil, err
}

func (r *reading) head(mode types.ChecksumMode, part *int32) *s3.HeadObjectOutput {
	out := &s3.HeadObjectOutput{
		AcceptRanges: aws.String("bytes"), ContentLength: &r.length, ETag: aws.String(quoted(r.ETag)),
		LastModified: &r.Modified, ExpiresString: r.Expires, VersionId: &r.shown,
	}
	copyFields(out, &r.headers)
	if r.partial {
		out.ContentRange = aws.String(fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, r.Size))
	}
	if n := len(r.Tags); n > 0 {
		out.TagCount = aws.Int32(int32(n))
	}
	if n := len(r.Parts); n > 0 && part != nil {
		out.PartsCount = aws.Int32(int32(n))
	}
	if mode == types.ChecksumModeEnabled && r.length == r.Size {
		r.Sum.put(out)
	}
	if r.Retention != nil {
		out.ObjectLockMode = types.ObjectLockMode(r.Retention.Mode)
		out.ObjectLockRetainUntilDate = r.Retention.RetainUntilDate
	}
	if r.Hold != nil {
		out.ObjectLockLegalHoldStatus = holdStatus(*r.Hold)
	}
	return out
}

// GetObject serves the operation of that name.
func (s *buckets) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	head := &s3.HeadObjectInput{}
	copyFields(head, in)
	r, f, err := s.read(ctx, head, true)
	if err != nil {
		if r.Marker {
			return &s3.GetObjectOutput{DeleteMarker: aws.Bool(true), LastModified: &r.Modified}, err
		}
		return nil, err
	}
	out := &s3.GetObjectOutput{}
	copyFields(out, r.head(in.ChecksumMode, in.PartNumber))
	if f == nil {
		out.Body = io.NopCloser(strings.NewReader(""))
		return out, nil
	}
	out.Body, err = newSection(f, r.start, r.length)
	return out, failure(err)
}

// GetObjectAttributes serves the operation of that name.
func (s *buckets) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (
	out s3response.GetObjectAttributesResponse, err error,
) {
	r, _, err := s.read(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId}, false)
	if err != nil {
		if r.Marker {
			out.DeleteMarker = aws.Bool(true)
		}
		return out, err
	}
	out = s3response.GetObjectAttributesResponse{
		ETag: &r.ETag, ObjectSize: &r.Size, StorageClass: types.StorageClassStandard, LastModified: &r.Modified,
		VersionId: &r.shown, Checksum: &types.Checksum{},
	}
	r.Sum.put(out.Checksum)
	if len(r.Parts) > 0 {
		out.ObjectParts = &s3response.ObjectParts{MaxParts: len(r.Parts)}
	}
	return out, nil
}
