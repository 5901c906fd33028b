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

// lister is what finding an object takes. HeadObject would tell less, and the
// read gate refuses it for the very objects that operators ask about.
type lister interface {
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
}

// Find completes an object of job.ParseAddress with what S3 says of that version, or of
// the current one where none is named. The error is an ErrNotFound when there
// is none, and says what is there instead.
func Find(ctx context.Context, client lister, wanted job.Object) (job.Object, error) {
	seen, hidden := 0, false
	for page, err := range original.Pages(ctx, client, wanted.Bucket, wanted.Key) {
		if err != nil {
			return job.Object{}, refine(err, wanted)
		}
		for _, v := range page.Versions {
			seen++
			id := aws.ToString(v.VersionId)
			if id == wanted.VersionID || wanted.VersionID == "" && aws.ToBool(v.IsLatest) {
				return job.Object{
					Bucket: wanted.Bucket, Key: wanted.Key, VersionID: id, ETag: strings.Trim(aws.ToString(v.ETag), `"`),
					Size: aws.ToInt64(v.Size), LastModified: aws.ToTime(v.LastModified).UTC(),
				}, nil
			}
		}
		for _, m := range page.Markers {
			hidden = hidden || aws.ToBool(m.IsLatest) || aws.ToString(m.VersionId) == wanted.VersionID
		}
	}
	return job.Object{}, absent(wanted, seen, hidden)
}

func absent(wanted job.Object, seen int, hidden bool) error {
	switch {
	case hidden && wanted.VersionID == "":
		return fmt.Errorf("%w: %s is deleted; %d versions of it are still there and can be named with ?versionId=", ErrNotFound, wanted, seen)
	case seen > 0:
		return fmt.Errorf("%w: %s; the object has %d other versions", ErrNotFound, wanted, seen)
	default:
		return fmt.Errorf("%w: %s was never uploaded, was deleted, or has been moved to quarantine or to the clean bucket", ErrNotFound, wanted)
	}
}

// refine says in words which part of the name is wrong.
func refine(err error, wanted job.Object) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchBucket" {
		return fmt.Errorf("%w: bucket %s", ErrNotFound, wanted.Bucket)
	}
	return fmt.Errorf("list the versions of %s: %w", wanted, err)
}
