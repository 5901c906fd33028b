package rescan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// ErrNotFound says that S3 has no such bucket, object or version.
var ErrNotFound = errors.New("not there")

// lister is the operation that Find calls. HeadObject would return less, and the read gate refuses it for objects that
// are not clean.
type lister interface {
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
}

// Find completes an object of job.ParseAddress with the ETag, size and time of its version. If the address names no
// version, that is the current one. Without such a version the error is an ErrNotFound, which says what exists instead.
func Find(ctx context.Context, client lister, wanted job.Object) (job.Object, error) {
	versions, deleted := 0, false
	for page, err := range original.Pages(ctx, client, wanted.Bucket, wanted.Key) {
		if err != nil {
			return job.Object{}, listError(err, wanted)
		}
		for _, v := range page.Versions {
			versions++
			id := aws.ToString(v.VersionId)
			if id == wanted.VersionID || wanted.VersionID == "" && aws.ToBool(v.IsLatest) {
				return job.Object{
					Bucket:       wanted.Bucket,
					Key:          wanted.Key,
					VersionID:    id,
					ETag:         strings.Trim(aws.ToString(v.ETag), `"`),
					Size:         aws.ToInt64(v.Size),
					LastModified: aws.ToTime(v.LastModified).UTC(),
				}, nil
			}
		}
		for _, m := range page.Markers {
			deleted = deleted || aws.ToBool(m.IsLatest) || aws.ToString(m.VersionId) == wanted.VersionID
		}
	}
	return job.Object{}, notFound(wanted, versions, deleted)
}

// notFound says what exists in place of the object: it has this many versions, and may be deleted.
func notFound(wanted job.Object, versions int, deleted bool) error {
	switch {
	case deleted && wanted.VersionID == "":
		return fmt.Errorf("%w: %s is deleted; %d versions of it still exist and can be named with ?versionId=",
			ErrNotFound, wanted, versions)
	case versions > 0:
		return fmt.Errorf("%w: %s; the object has %d other versions", ErrNotFound, wanted, versions)
	default:
		return fmt.Errorf("%w: %s was never uploaded, was deleted, "+
			"or has been moved to quarantine or to the clean bucket", ErrNotFound, wanted)
	}
}

// listError returns an ErrNotFound if the bucket does not exist.
func listError(err error, wanted job.Object) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchBucket" {
		return fmt.Errorf("%w: bucket %s", ErrNotFound, wanted.Bucket)
	}
	return fmt.Errorf("list the versions of %s: %w", wanted, err)
}
