package original

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// listAPI is what a listing calls of S3.
type listAPI interface {
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
}

// Confirm checks a job.ErrObjectGone before anything relies on it. It returns gone if the list of
// versions does not have the version either; a listing is answered by another part of S3 than the
// request that failed. If the list has the version, S3 contradicts itself, and the error is a
// job.ErrTransient. Any other error is returned as it is.
func Confirm(ctx context.Context, client listAPI, o job.Object, gone error) error {
	if !errors.Is(gone, job.ErrObjectGone) {
		return gone
	}
	for v, err := range Versions(ctx, client, o.Bucket, o.Key) {
		if err != nil {
			//nolint:errorlint // whether the version is gone is not known
			return fmt.Errorf("list the versions to confirm that it is gone (%v): %w", gone, err)
		}
		if names(o, v) {
			//nolint:errorlint // the version is not gone
			return fmt.Errorf("%w: S3 lists the version that it did not find: %v", job.ErrTransient, gone)
		}
	}
	return gone
}

// names reports whether v is the version that o names.
func names(o job.Object, v types.ObjectVersion) bool {
	id := aws.ToString(v.VersionId)
	if o.Pinned() != "" {
		return id == o.Pinned()
	}
	same := strings.Trim(aws.ToString(v.ETag), `"`) == strings.Trim(o.ETag, `"`)
	return (id == "" || id == null) && (o.ETag == "" || same)
}

// Versions lists the versions of a key, the newest first, without delete markers. It ends after an
// error.
func Versions(ctx context.Context, client listAPI, bucket, key string) iter.Seq2[types.ObjectVersion, error] {
	return func(yield func(types.ObjectVersion, error) bool) {
		for page, err := range Pages(ctx, client, bucket, key) {
			if err != nil {
				err = fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, key, awserr.Classify(err))
				yield(types.ObjectVersion{}, err)
				return
			}
			for _, v := range page.Versions {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// Page is one page of S3's list for a key: versions and delete markers, each of them the newest first.
type Page struct {
	Versions []types.ObjectVersion
	Markers  []types.DeleteMarkerEntry
}

// Pages lists a key. It does not use the SDK's paginator, which sends the URL-encoded key of an answer
// as the marker of the next request: that is another key, and pages repeat for ever or are left out.
// Errors are the SDK's.
func Pages(ctx context.Context, client listAPI, bucket, key string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		in := &s3.ListObjectVersionsInput{
			Bucket:       &bucket,
			Prefix:       &key,
			EncodingType: types.EncodingTypeUrl, // XML cannot hold control characters
		}
		for {
			out, err := client.ListObjectVersions(ctx, in)
			if err != nil {
				yield(Page{}, err)
				return
			}
			otherKey := func(listed *string) bool { return decoded(listed, out.EncodingType) != key }
			var page Page
			for _, v := range out.Versions {
				if !otherKey(v.Key) {
					page.Versions = append(page.Versions, v)
				}
			}
			for _, m := range out.DeleteMarkers {
				if !otherKey(m.Key) {
					page.Markers = append(page.Markers, m)
				}
			}
			// S3 lists keys in order, so the longer keys with this prefix come later.
			if !yield(page, nil) || !aws.ToBool(out.IsTruncated) || otherKey(out.NextKeyMarker) {
				return
			}
			if aws.ToString(out.NextVersionIdMarker) == aws.ToString(in.VersionIdMarker) {
				yield(Page{}, fmt.Errorf("page of versions does not advance beyond version %q", aws.ToString(in.VersionIdMarker)))
				return
			}
			in.KeyMarker, in.VersionIdMarker = &key, out.NextVersionIdMarker
		}
	}
}

// decoded returns a listed key without the encoding. A store that ignores the requested encoding does
// not name it in its answer.
func decoded(key *string, encoding types.EncodingType) string {
	plain, err := url.QueryUnescape(aws.ToString(key)) // S3 writes a space as +
	if encoding != types.EncodingTypeUrl || err != nil {
		return aws.ToString(key)
	}
	return plain
}
