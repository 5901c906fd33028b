package s3

import (
	"context"
	"errors"
	"io"
	"net/url"
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

// source is the object that the header x-amz-copy-source names.
type source struct{ bucket, key, id string }

// sourceOf reads the header as the gateway passes it on, see hideSource.
func sourceOf(header string) (source, error) {
	from, err := parseSource(header)
	from.key = reveal(from.key)
	return from, err
}

// parseSource reads "bucket/key?versionId=id", whose bucket and key are URL encoded.
func parseSource(header string) (source, error) {
	path, id, _ := strings.Cut(strings.TrimPrefix(header, "/"), "?versionId=")
	path, err := url.QueryUnescape(path)
	bucket, key, found := strings.Cut(path, "/")
	if err != nil || !found || key == "" {
		return source{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgCopySourceBucket, header)
	}
	return source{bucket, key, id}, nil
}

// find returns the version to copy under the conditions on it, and its version id to answer with.
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
		err = s3err.GetPreconditionFailedErr(s3err.ConditionIfNoneMatch) // a copy answers this instead
	}
	return v, shownID(c, v), err
}

// CopyObject copies one version: bytes, headers and tags are those that it has when it is found.
func (s *buckets) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (
	out s3response.CopyObjectOutput, err error,
) {
	from, err := sourceOf(*in.CopySource)
	if err != nil {
		return out, err
	}
	at := target{kind: createdCopy, bucket: *in.Bucket, key: reveal(*in.Key)}
	if rc, ok := request(ctx); ok {
		at.ifMatch, at.ifNoneMatch = condition(rc, "If-Match"), condition(rc, "If-None-Match")
	}
	if err := checkKey(at.key); err != nil {
		return out, err
	}
	tags, err := parseTags(aws.ToString(in.Tagging))
	if err != nil {
		return out, err
	}
	replaceHeaders := in.MetadataDirective == types.MetadataDirectiveReplace
	replaceTags := in.TaggingDirective == types.TaggingDirectiveReplace
	var found version
	var body, shown string
	if err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		found, shown, err = from.find(tx, in.ExpectedSourceBucketOwner, backend.PreConditions{
			IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
			IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
		})
		switch {
		case err != nil:
			return err
		case found.Size > maxCopy:
			return s3err.GetCopySourceObjectTooLargeErr(maxCopy)
		case from == source{bucket: at.bucket, key: at.key} && !replaceHeaders && !replaceTags:
			return s3err.GetAPIError(s3err.ErrInvalidCopyDest)
		}
		body, err = s.bodies.link(found.Body)
		return err
	}); err != nil {
		return out, err
	}
	v := version{Body: body, Size: found.Size, Tags: found.Tags, headers: found.headers}
	v.lock = lockOf(in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus)
	if replaceHeaders {
		v.headers = headersOf(&in)
	}
	v.WebsiteRedirectLocation = in.WebsiteRedirectLocation
	if replaceTags {
		v.Tags = tags
	}
	if v.ETag, v.Sum, err = s.sumsOfCopy(found, body, in.ChecksumAlgorithm); err != nil {
		s.bodies.remove(body)
		return out, failure(err)
	}
	id, err := s.store(ctx, at, &v, nothing)
	if err != nil {
		return out, err
	}
	out.VersionId, out.CopySourceVersionId = &id, &shown
	out.CopyObjectResult = &s3response.CopyObjectResult{ETag: aws.String(quoted(v.ETag)), LastModified: &v.Modified}
	v.Sum.put(out.CopyObjectResult)
	return out, nil
}

// sumsOfCopy returns the ETag and the checksum of a copy, which is an object of one part. It reads the body only when
// they differ from those of the version that was copied.
func (s *buckets) sumsOfCopy(v version, body string, algorithm types.ChecksumAlgorithm) (string, checksum, error) {
	if algorithm == "" {
		algorithm = v.Sum.Algorithm
	}
	if len(v.Parts) == 0 && algorithm == v.Sum.Algorithm && v.Sum.Type == types.ChecksumTypeFullObject {
		return v.ETag, v.Sum, nil
	}
	r, err := s.bodies.reader(body, 0, v.Size)
	if err != nil {
		return "", checksum{}, err
	}
	defer r.Close()
	wanted := sums{}.ask(checksum{Algorithm: algorithm})
	_, eTag, err := wanted.copy(io.Discard, r)
	return eTag, wanted.of(algorithm), err
}

// UploadPartCopy makes a part from the bytes of an object.
func (s *buckets) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (
	out s3response.CopyPartResult, err error,
) {
	from, err := sourceOf(*in.CopySource)
	if err != nil {
		return out, err
	}
	at := place{*in.Bucket, reveal(*in.Key), *in.UploadId, *in.PartNumber}
	given := content{copied: true}
	if err := s.view(ctx, func(tx *bbolt.Tx) error {
		if _, err := uploadOf(tx, at); err != nil {
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
		start, length, err := backend.ParseCopySourceRange(v.Size, aws.ToString(in.CopySourceRange))
		if err != nil {
			return err
		}
		given.size = min(length, v.Size-start)
		if given.size > maxCopy {
			return s3err.GetCopySourceObjectTooLargeErr(maxCopy)
		}
		given.body, err = s.bodies.reader(v.Body, start, given.size)
		return err
	}); err != nil {
		return out, err
	}
	defer given.body.(io.Closer).Close()
	p, sum, err := s.storePart(ctx, at, given)
	if err != nil {
		return out, err
	}
	out.ETag, out.LastModified = aws.String(quoted(p.ETag)), p.Modified
	sum.put(&out)
	return out, nil
}
