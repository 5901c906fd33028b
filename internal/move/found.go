package move

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// Found is an object at the destination.
type Found struct {
	Copy     job.Copy
	Size     int64 // in bytes
	Metadata map[string]string
	Tagged   bool // whether it has tags
	etag     string
	head     *s3.HeadObjectOutput
}

// find asks S3 for an object at the destination: the version id, or the current one if id is nil. It
// returns nil if there is none, and whether a delete marker hides noncurrent versions.
func (m *Mover) find(ctx context.Context, bucket, key string, id *string) (found *Found, hidden bool, err error) {
	head, err := m.s3.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &bucket, Key: &key, VersionId: id, ChecksumMode: types.ChecksumModeEnabled,
	})
	if awserr.NotFound(err) {
		return nil, hasDeleteMarker(err), nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the metadata of s3://%s/%s: %w", bucket, key, awserr.Classify(err))
	}
	return &Found{
		Copy: job.Copy{
			Bucket: bucket, Key: key,
			VersionID: aws.ToString(head.VersionId), SHA256: hexSum(head.ChecksumSHA256),
		},
		Size:     aws.ToInt64(head.ContentLength),
		Metadata: head.Metadata,
		Tagged:   aws.ToInt32(head.TagCount) > 0,
		etag:     aws.ToString(head.ETag),
		head:     head,
	}, false, nil
}

// hasDeleteMarker reports whether a 404 says that the current version is a delete marker.
func hasDeleteMarker(err error) bool {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && response.Response != nil && response.Response.Header.Get("X-Amz-Delete-Marker") == "true"
}

// CopyTags returns the tags of an object at the destination. The error is a job.ErrTransient if it was
// deleted meanwhile.
func (m *Mover) CopyTags(ctx context.Context, found *Found) ([]types.Tag, error) {
	at := &found.Copy
	out, err := m.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{
		Bucket: &at.Bucket, Key: &at.Key, VersionId: optional(at.VersionID),
	})
	if awserr.NotFound(err) {
		return nil, fmt.Errorf(
			"%w: read the tags of s3://%s/%s: it was deleted meanwhile",
			job.ErrTransient,
			at.Bucket,
			at.Key,
		)
	}
	if err != nil {
		return nil, fmt.Errorf("read the tags of s3://%s/%s: %w", at.Bucket, at.Key, awserr.Classify(err))
	}
	return out.TagSet, nil
}

// optional returns a pointer to s, or nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// CheckSHA256 returns an ErrOtherBytes unless the object has this SHA-256, the one of the scanned
// bytes.
func (f *Found) CheckSHA256(scanned string) error {
	if err := compareSHA256(scanned, f.Copy.SHA256); err != nil {
		return fmt.Errorf("%s: %w", f.Copy, err)
	}
	return nil
}

// compareUnscanned returns an ErrOtherBytes if the size of the object or its MD5 differs from the
// original's. It is for originals that were never fetched, of which no SHA-256 is known.
func (f *Found) compareUnscanned(src *Source) error {
	if was := aws.ToInt64(src.head.ContentLength); was != f.Size {
		return fmt.Errorf("%w: %d bytes, the original has %d", ErrOtherBytes, f.Size, was)
	}
	was, is := original.MD5(src.head), original.MD5(f.head)
	if was != "" && is != "" && was != is {
		return fmt.Errorf("%w: ETag %s, the original has %s", ErrOtherBytes, is, was)
	}
	return nil
}

// compareSHA256 compares two SHA-256 in hexadecimal. If nothing was scanned (""), every object is
// accepted; otherwise an object without a checksum is not.
func compareSHA256(scanned, copied string) error {
	if scanned == "" || strings.EqualFold(scanned, copied) {
		return nil
	}
	if copied == "" {
		return fmt.Errorf("%w: S3 has no SHA-256 of it, the scanned bytes have %s", ErrOtherBytes, scanned)
	}
	return fmt.Errorf("%w: SHA-256 %s, the scanned bytes have %s", ErrOtherBytes, copied, scanned)
}

// hexSum converts a SHA-256 from S3's base64 to hexadecimal. It returns "" for the checksum of a
// multipart upload ("…-3"), which is not the object's.
func hexSum(sum *string) string {
	raw, err := base64.StdEncoding.DecodeString(aws.ToString(sum))
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}
