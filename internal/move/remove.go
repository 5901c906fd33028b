package move

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// removeOriginal deletes exactly the version that was inspected. If Object Lock refuses, the original
// stays and locked is true: the retention may end years later, so that this is a result and not an
// error. It is no error either if the original was deleted or overwritten meanwhile.
func (a *attempt) removeOriginal(ctx context.Context) (locked bool, err error) {
	in := a.src.deleteRequest()
	_, err = a.s3.DeleteObject(ctx, in)
	if (awserr.PreconditionFailed(err) || awserr.NotFound(err)) && in.VersionId != nil && in.IfMatch != nil {
		// S3 compares the condition with the current version, and the original may be a noncurrent one:
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
		_, id, gone := original.Head(ctx, a.s3, a.src.Object, s3.HeadObjectInput{})
		switch {
		case errors.Is(gone, job.ErrObjectGone) || errors.Is(gone, job.ErrObjectChanged):
			return false, nil
		case gone != nil:
			return false, fmt.Errorf("delete the original: %w", gone)
		}
		if in.VersionId = id; id != nil {
			in.IfMatch = nil
		}
		_, err = a.s3.DeleteObject(ctx, in)
	}
	if err == nil || awserr.NotFound(err) || awserr.PreconditionFailed(err) {
		return false, nil
	}
	err = awserr.Classify(err)
	if errors.Is(err, job.ErrAccessDenied) && a.src.isLocked(err) {
		return true, nil
	}
	return false, fmt.Errorf("delete the original: %w", err)
}

// deleteRequest returns the request that deletes the original. If the job names no version, the
// condition is the ETag, which S3 checks in the same request. For the version "null" the request has
// both: without the id it would only add a delete marker.
func (s *Source) deleteRequest() *s3.DeleteObjectInput {
	in := &s3.DeleteObjectInput{Bucket: &s.Object.Bucket, Key: &s.Object.Key, VersionId: s.id}
	if s.Object.Pinned() == "" {
		in.IfMatch = aws.String(original.Quoted(s.Object.ETag))
	}
	return in
}

// isLocked reports whether Object Lock is the reason of a refusal. HEAD shows a lock only to callers
// that may read it, and the refusal names it.
func (s *Source) isLocked(refusal error) bool {
	return s.head.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn ||
		aws.ToTime(s.head.ObjectLockRetainUntilDate).After(time.Now()) ||
		strings.Contains(strings.ToLower(refusal.Error()), "object lock")
}
