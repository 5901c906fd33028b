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

// remove deletes exactly the version that was looked at. It is locked, and stays
// where it is, when Object Lock refuses: that passes at the end of a retention
// that may be years away, so it is an outcome and not an error. An original that
// is gone or was overwritten meanwhile is no error either.
func (m *Mover) remove(ctx context.Context, src *Source) (locked bool, err error) {
	in := src.deletion()
	_, err = m.s3.DeleteObject(ctx, in)
	if (awserr.PreconditionFailed(err) || awserr.NotFound(err)) && in.VersionId != nil && in.IfMatch != nil {
		// S3 compares the condition with the current version, and this one may lie
		// beneath it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
		_, id, gone := original.Head(ctx, m.s3, src.Object, s3.HeadObjectInput{})
		switch {
		case errors.Is(gone, job.ErrObjectGone) || errors.Is(gone, job.ErrObjectChanged):
			return false, nil
		case gone != nil:
			return false, fmt.Errorf("delete the original: %w", gone)
		}
		if in.VersionId = id; id != nil {
			in.IfMatch = nil
		}
		_, err = m.s3.DeleteObject(ctx, in)
	}
	if err == nil || awserr.NotFound(err) || awserr.PreconditionFailed(err) {
		return false, nil
	}
	err = awserr.Classify(err)
	if errors.Is(err, job.ErrAccessDenied) && src.locked(err) {
		return true, nil
	}
	return false, fmt.Errorf("delete the original: %w", err)
}

// deletion addresses the version. Where the job names none the ETag is the
// condition, which S3 checks and deletes by in one step. The version "null" gets
// both: a delete without an id would only put a marker in front of it.
func (s *Source) deletion() *s3.DeleteObjectInput {
	in := &s3.DeleteObjectInput{Bucket: &s.Object.Bucket, Key: &s.Object.Key, VersionId: s.id}
	if s.Object.Pinned() == "" {
		in.IfMatch = aws.String(original.Quoted(s.Object.ETag))
	}
	return in
}

// locked reports whether Object Lock explains a refusal. S3 shows the lock only
// to those who may read it, and names it in the refusal.
func (s *Source) locked(refusal error) bool {
	return s.head.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn ||
		aws.ToTime(s.head.ObjectLockRetainUntilDate).After(time.Now()) ||
		strings.Contains(strings.ToLower(refusal.Error()), "object lock")
}
