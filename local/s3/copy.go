package s3

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// maxCopy is S3's limit for a copy in one request, in bytes.
const maxCopy = 5 << 30

// source is what x-amz-copy-source names.
type source struct{ bucket, key, id string }

// sourceOf reads the header when its key is hidden as far as it must be.
func sourceOf(header string) (source, error) {
	from, err := parseSource(header)
	from.key = reveal(from.key)
	return from, err
}

// parseSource reads "bucket/key?versionId=id" in URL encoding.
func parseSource(header string) (source, error) {
	path, id, _ := strings.Cut(strings.TrimPrefix(header, "/"), "?versionId=")
	path, err := url.QueryUnescape(path)
	bucket, key, found := strings.Cut(path, "/")
	if err != nil || !found || key == "" {
		return source{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgCopySourceBucket, header)
	}
	return source{bucket, key, id}, nil
}

// find returns the source's version under the conditions on it.
func (from source) find(tx *bbolt.Tx, owner *string, only backend.PreConditions) (v version, shown string, err error) {
	c, err := settingsOf(tx, from.bucket)
	if err != nil {
		return v, "", err
	}
	if o := aws.ToString(owner); o != "" && o != template.Account {
		return v, "", s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	v, err = readable(tx, from.bucket, from.key, from.id)
	if errors.Is(err, s3err.GetAPIError(s3err.ErrMethodNotAllowed)) {
		err = s3err.GetAPIError(s3err.ErrInvalidRequest) // it is a delete marker
	}
	if err == nil {
		err = backend.EvaluatePreconditions(v.ETag, v.Modified, only)
	}
	if errors.Is(err, s3err.GetAPIError(s3err.ErrNotModified)) {
		err = s3err.GetPreconditionFailedErr(s3err.ConditionIfNoneMatch) // what a copy answers instead
	}
	return v, shownID(c, v), err
}

// CopyObject gives the copy what its source has at the moment of the copy, of one
// and the same version.
func (s *buckets) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (out s3response.CopyObjectOutput, err error) {
	from, err := sourceOf(*in.CopySource)
	if err != nil {
		return out, err
	}
	key := reveal(*in.Key)
	if err := checkKey(key); err != nil {
		return out, err
	}
	replaced, err := parseTags(aws.ToString(in.Tagging))
	if err != nil {
		return out, err
	}
	w := writing{kind: createdCopy, bucket: *in.Bucket, key: key}
	if rc, ok := request(ctx); ok {
		w.ifMatch, w.ifNoneMatch = condition(rc, "If-Match"), condition(rc, "If-None-Match")
	}
	only := backend.PreConditions{
		IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
		IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
	}
	find := func(tx *bbolt.Tx) (v version, shown string, err error) {
		v, shown, err = from.find(tx, in.ExpectedSourceBucketOwner, only)
		if err == nil && v.Size > maxCopy {
			err = s3err.GetCopySourceObjectTooLargeErr(maxCopy)
		}
		if err == nil && from.bucket == w.bucket && from.key == key && from.id == "" &&
			in.MetadataDirective != types.MetadataDirectiveReplace && in.TaggingDirective != types.TaggingDirectiveReplace {
			err = s3err.GetAPIError(s3err.ErrInvalidCopyDest)
		}
		return v, shown, err
	}
	for range attempts {
		var seen version
		if err := s.view(ctx, func(tx *bbolt.Tx) (err error) { seen, _, err = find(tx); return err }); err != nil {
			return out, err
		}
		copied, sum, err := s.copyBody(seen, in.ChecksumAlgorithm)
		if errors.Is(err, fs.ErrNotExist) {
			continue // overwritten or deleted meanwhile
		}
		if err != nil {
			return out, failure(err)
		}
		v := version{}
		err = s.update(ctx, func(tx *bbolt.Tx) error {
			now, shown, err := find(tx)
			if err != nil {
				return err
			}
			if now.Sequence != seen.Sequence {
				return errChanged
			}
			v = version{Body: copied.name, Size: now.Size, ETag: copied.eTag, Sum: sum, Tags: now.Tags, headers: now.headers}
			v.lock = lockOf(in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus)
			if in.MetadataDirective == types.MetadataDirectiveReplace {
				v.headers = headersOf(in.ContentType, in.ContentEncoding, in.ContentDisposition, in.ContentLanguage, in.CacheControl,
					in.Expires, in.WebsiteRedirectLocation, in.Metadata)
			}
			v.Redirect = aws.ToString(in.WebsiteRedirectLocation)
			if in.TaggingDirective == types.TaggingDirectiveReplace {
				v.Tags = replaced
			}
			id, err := s.publish(ctx, tx, w, &v)
			out.VersionId, out.CopySourceVersionId = &id, &shown
			return err
		})
		if err == nil {
			out.CopyObjectResult = &s3response.CopyObjectResult{ETag: aws.String(quoted(v.ETag)), LastModified: &v.Modified}
			v.Sum.put(out.CopyObjectResult)
			return out, nil
		}
		s.bodies.remove(copied.name)
		if !changed(err) {
			return out, err
		}
	}
	return out, s3err.GetAPIError(s3err.ErrSlowDown)
}

// errChanged sends an operation back to its start: what it prepared for is gone.
var errChanged = s3err.APIError{Code: "OperationAborted", Description: "A conflicting operation is in progress.", HTTPStatusCode: 409}

func changed(err error) bool { return errors.Is(err, errChanged) }

// copyBody gives a body a second name, as an object of one part. It reads the bytes
// only where they have another ETag or checksum then.
func (s *buckets) copyBody(v version, algorithm types.ChecksumAlgorithm) (c body, sum checksum, err error) {
	if algorithm == "" {
		algorithm = v.Sum.Algorithm
	}
	c.eTag, sum = v.ETag, v.Sum
	if len(v.Parts) > 0 || algorithm != v.Sum.Algorithm || v.Sum.Type != types.ChecksumTypeFullObject {
		var r io.Reader = strings.NewReader("")
		if v.Body != "" {
			f, err := s.bodies.open(v.Body)
			if err != nil {
				return c, sum, err
			}
			defer f.Close()
			r = f
		}
		wanted := sums{}.ask(checksum{Algorithm: algorithm})
		if _, c.eTag, err = wanted.copy(io.Discard, r); err != nil {
			return c, sum, err
		}
		sum = wanted.of(algorithm)
	}
	c.name, err = s.bodies.link(v.Body)
	return c, sum, err
}

// UploadPartCopy makes a part of a source's bytes.
func (s *buckets) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (out s3response.CopyPartResult, err error) {
	from, err := sourceOf(*in.CopySource)
	if err != nil {
		return out, err
	}
	var f *os.File
	var start, length int64
	for range attempts {
		err = s.view(ctx, func(tx *bbolt.Tx) error {
			if _, err := uploadOf(tx, *in.Bucket, reveal(*in.Key), *in.UploadId); err != nil {
				return err
			}
			v, shown, err := from.find(tx, in.ExpectedSourceBucketOwner, backend.PreConditions{
				IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
				IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
			})
			if err != nil {
				return err
			}
			out.CopySourceVersionId = shown
			if start, length, err = backend.ParseCopySourceRange(v.Size, aws.ToString(in.CopySourceRange)); err != nil || v.Body == "" {
				return err
			}
			length = min(length, v.Size-start)
			if length > maxCopy {
				return s3err.GetCopySourceObjectTooLargeErr(maxCopy)
			}
			f, err = s.bodies.open(v.Body)
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return out, failure(err)
	}
	var r io.Reader = strings.NewReader("")
	if f != nil {
		defer f.Close()
		r = io.NewSectionReader(f, start, length)
	}
	p, sum, err := s.storePart(ctx, place{*in.Bucket, reveal(*in.Key), *in.UploadId, *in.PartNumber}, r, length, checksum{})
	if err != nil {
		return out, err
	}
	out.ETag, out.LastModified = aws.String(quoted(p.ETag)), p.Modified
	sum.put(&out)
	return out, nil
}
