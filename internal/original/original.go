// Package original finds the version of an object that a job names: how requests must address it, and
// whether it is gone. Fetch, tag, quarantine and promote use it, so that all of them work on the same
// bytes.
//
// An object that is written while its bucket's versioning is off or suspended has the version id
// "null". S3 leaves that id out of its events and, if versioning was never on, out of its answers. A
// request without a version id means the current version. As soon as versioning is on and the key is
// written again, that is another version.
package original

import (
	"context"
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// null is the version id of objects that were written without versioning.
const null = "null"

// headAPI is what Head calls of S3.
type headAPI interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
}

// Head asks S3 for the version that o names, with the options in in, and returns the version id that
// requests must name: nil in a bucket without versions. If o has no version id, its ETag, if there is
// one, identifies the bytes. The error is a job.ErrObjectGone if the version is not there (see
// Confirm), and a job.ErrObjectChanged if another object has replaced it.
func Head(
	ctx context.Context, client headAPI, o job.Object, in s3.HeadObjectInput,
) (*s3.HeadObjectOutput, *string, error) {
	in.Bucket, in.Key = &o.Bucket, &o.Key
	if id := o.Pinned(); id != "" {
		in.VersionId = &id
		head, err := client.HeadObject(ctx, &in)
		return head, &id, Classify(err)
	}
	if o.ETag != "" {
		in.IfMatch = aws.String(Quoted(o.ETag))
	}
	head, err := client.HeadObject(ctx, &in)
	id := ""
	switch {
	case err == nil:
		if id = aws.ToString(head.VersionId); id == "" {
			return head, nil, nil
		}
		if id == null {
			return head, &id, nil
		}
		// The current version has an id and therefore its own event, even if its bytes
		// are the same. The job's version is the noncurrent one with the id "null".
	case !awserr.NotFound(err) && !awserr.PreconditionFailed(err):
		return nil, nil, Classify(err)
	}
	in.VersionId = aws.String(null)
	nullHead, nullErr := client.HeadObject(ctx, &in)
	switch {
	case nullErr == nil:
		return nullHead, in.VersionId, nil
	case err == nil && noNullVersion(nullErr): // an operator's list may name a version by its ETag alone
		return head, &id, nil
	case awserr.PreconditionFailed(nullErr):
		return nil, nil, Classify(nullErr)
	case noNullVersion(nullErr):
		return nil, nil, Classify(err)
	}
	return nil, nil, Classify(nullErr)
}

// noNullVersion reports whether err says that there is no version "null". Some S3-compatible stores
// answer 400, because they do not accept "null" as a version id in a bucket without versions.
func noNullVersion(err error) bool {
	return awserr.NotFound(err) || awserr.PreconditionFailed(err) || awserr.Status(err) == http.StatusBadRequest
}

// Classify wraps an error of a read of the original with the error of package job that it stands for.
// A 412 is a job.ErrObjectChanged: the only condition of such a read is the ETag.
func Classify(err error) error {
	switch {
	case awserr.NotFound(err):
		return fmt.Errorf("%w: %w", job.ErrObjectGone, err)
	case awserr.PreconditionFailed(err):
		return fmt.Errorf("%w: %w", job.ErrObjectChanged, err)
	}
	return awserr.Classify(err)
}

// Quoted returns an ETag in quotes, as HTTP writes it. S3's events leave the quotes
// out, its other answers do not.
func Quoted(eTag string) string { return `"` + strings.Trim(eTag, `"`) + `"` }

// MD5 returns the MD5 of the object's bytes in lower-case hexadecimal, where the
// ETag is one, and "" where it is not: for a multipart upload, and for an object
// encrypted with a KMS key or a customer's key:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
func MD5(head *s3.HeadObjectOutput) string {
	eTag := strings.Trim(aws.ToString(head.ETag), `"`)
	sse := head.ServerSideEncryption
	withKey := sse != "" && sse != types.ServerSideEncryptionAes256 || head.SSECustomerAlgorithm != nil
	if withKey || len(eTag) != 2*md5.Size || strings.Contains(eTag, "-") {
		return ""
	}
	return strings.ToLower(eTag)
}
