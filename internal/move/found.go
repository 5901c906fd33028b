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
)

// Found is a version at a destination.
type Found struct {
	Copy     job.Copy
	Size     int64 // bytes
	Metadata map[string]string
	Tagged   bool // it has tags
	etag     string
	head     *s3.HeadObjectOutput
}

// find looks at a destination, at the current version where id is nil. It returns
// nil when nothing is there, and whether a delete marker hides what may be beneath.
func (m *Mover) find(ctx context.Context, bucket, key string, id *string) (found *Found, hidden bool, err error) {
	head, err := m.s3.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &bucket, Key: &key, VersionId: id, ChecksumMode: types.ChecksumModeEnabled,
	})
	if awserr.NotFound(err) {
		return nil, marked(err), nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look at s3://%s/%s: %w", bucket, key, awserr.Classify(err))
	}
	return &Found{
		Copy:     job.Copy{Bucket: bucket, Key: key, VersionID: aws.ToString(head.VersionId), SHA256: hexSum(head.ChecksumSHA256)},
		Size:     aws.ToInt64(head.ContentLength),
		Metadata: head.Metadata,
		Tagged:   aws.ToInt32(head.TagCount) > 0,
		etag:     aws.ToString(head.ETag),
		head:     head,
	}, false, nil
}

// marked reports whether a 404 names a delete marker as its reason.
func marked(err error) bool {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && response.Response != nil && response.Response.Header.Get("X-Amz-Delete-Marker") == "true"
}

// TagsOf returns the tags of what was found. The error is a job.ErrTransient when
// it was deleted meanwhile.
func (m *Mover) TagsOf(ctx context.Context, found *Found) ([]types.Tag, error) {
	at := &found.Copy
	out, err := m.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &at.Bucket, Key: &at.Key, VersionId: optional(at.VersionID)})
	if awserr.NotFound(err) {
		return nil, fmt.Errorf("%w: s3://%s/%s was deleted while it was looked at", job.ErrTransient, at.Bucket, at.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("read the tags of s3://%s/%s: %w", at.Bucket, at.Key, awserr.Classify(err))
	}
	return out.TagSet, nil
}

// optional is nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Holds returns an ErrOtherBytes unless the object is what was scanned.
func (f *Found) Holds(sha256 string) error {
	if err := same(sha256, f.Copy.SHA256); err != nil {
		return fmt.Errorf("%s: %w", f.Copy, err)
	}
	return nil
}

// like returns an ErrOtherBytes when the object differs from src in size or,
// where both are MD5s, in ETag. It is all that can be said of an object that
// was never fetched.
func (f *Found) like(src *Source) error {
	if was := aws.ToInt64(src.head.ContentLength); was != f.Size {
		return fmt.Errorf("%w: %d bytes, the original has %d", ErrOtherBytes, f.Size, was)
	}
	was, is := md5(src.head), md5(f.head)
	if was != "" && is != "" && was != is {
		return fmt.Errorf("%w: ETag %s, the original's is %s", ErrOtherBytes, is, was)
	}
	return nil
}

// md5 is the ETag where it is one: of an object written in one piece, and not
// encrypted with a key.
func md5(head *s3.HeadObjectOutput) string {
	etag := strings.Trim(aws.ToString(head.ETag), `"`)
	plain := head.ServerSideEncryption == "" || head.ServerSideEncryption == types.ServerSideEncryptionAes256
	if !plain || strings.Contains(etag, "-") {
		return ""
	}
	return etag
}

// same compares two hexadecimal SHA-256. Where something was scanned, an object
// without a checksum is not accepted; where nothing was, any is.
func same(scanned, copied string) error {
	if scanned == "" || strings.EqualFold(scanned, copied) {
		return nil
	}
	if copied == "" {
		return fmt.Errorf("%w: S3 has no SHA-256 of it, scanned was %s", ErrOtherBytes, scanned)
	}
	return fmt.Errorf("%w: SHA-256 %s, scanned was %s", ErrOtherBytes, copied, scanned)
}

// hexSum turns S3's base64 into the job's hexadecimal. The checksum of a
// multipart upload ("…-3") is one of its parts' checksums and says nothing.
func hexSum(sum *string) string {
	raw, err := base64.StdEncoding.DecodeString(aws.ToString(sum))
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}
