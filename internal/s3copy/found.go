package s3copy

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// Found is the current object at a destination.
type Found struct {
	Copy     job.Copy
	ETag     string
	Size     int64 // bytes
	Metadata map[string]string
	Tagged   bool // it has tags
	head     *s3.HeadObjectOutput
}

// Find looks at a destination. It returns nil when nothing is there.
func (m *Mover) Find(ctx context.Context, bucket, key string) (*Found, error) {
	head, err := m.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if awserr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at s3://%s/%s: %w", bucket, key, awserr.Classify(err))
	}
	return &Found{
		Copy:     job.Copy{Bucket: bucket, Key: key, VersionID: aws.ToString(head.VersionId), SHA256: hexSum(head.ChecksumSHA256)},
		ETag:     aws.ToString(head.ETag),
		Size:     aws.ToInt64(head.ContentLength),
		Metadata: head.Metadata,
		Tagged:   aws.ToInt32(head.TagCount) > 0,
		head:     head,
	}, nil
}

// Holds returns an ErrOtherBytes unless the object is what was scanned.
func (f *Found) Holds(sha256 string) error {
	if err := same(sha256, f.Copy.SHA256); err != nil {
		return fmt.Errorf("s3://%s/%s: %w", f.Copy.Bucket, f.Copy.Key, err)
	}
	return nil
}

// Like returns an ErrOtherBytes when the object differs from src in size or,
// where both are MD5s, in ETag. It is all that can be said of an object that
// was never fetched.
func (f *Found) Like(src *Source) error {
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
