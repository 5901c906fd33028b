package original

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// lister is what a listing asks of S3.
type lister interface {
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
}

// Confirm is the second look before a version is taken for gone: a 404 of one
// request is believed only where the list of versions, another request to another
// part of S3, does not have the version either. Where it has, S3 contradicts
// itself, and the error becomes a job.ErrTransient. Any other error than a
// job.ErrObjectGone is returned as it is.
func Confirm(ctx context.Context, client lister, o job.Object, gone error) error {
	if !errors.Is(gone, job.ErrObjectGone) {
		return gone
	}
	for v, err := range Versions(ctx, client, o.Bucket, o.Key) {
		if err != nil {
			return fmt.Errorf("look again for what seems gone (%v): %w", gone, err) //nolint:errorlint // not gone yet
		}
		if names(o, v) {
			return fmt.Errorf("%w: S3 lists the version that it did not find: %v", job.ErrTransient, gone) //nolint:errorlint // not gone
		}
	}
	return gone
}

// names reports whether o names the version v.
func names(o job.Object, v types.ObjectVersion) bool {
	id := aws.ToString(v.VersionId)
	if o.Pinned() != "" {
		return id == o.Pinned()
	}
	same := strings.Trim(aws.ToString(v.ETag), `"`) == strings.Trim(o.ETag, `"`)
	return (id == "" || id == null) && (o.ETag == "" || same)
}

// Versions lists the versions of a key, the newest first, without delete markers.
// After an error it ends.
func Versions(ctx context.Context, client lister, bucket, key string) iter.Seq2[types.ObjectVersion, error] {
	return func(yield func(types.ObjectVersion, error) bool) {
		for page, err := range Pages(ctx, client, bucket, key) {
			if err != nil {
				yield(types.ObjectVersion{}, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, key, awserr.Classify(err)))
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

// Page is a part of what S3 lists of a key: its versions and its delete markers,
// each the newest first.
type Page struct {
	Versions []types.ObjectVersion
	Markers  []types.DeleteMarkerEntry
}

// Pages lists a key. The SDK's paginator cannot: it asks for the next page with a
// key as S3 encodes it in its answers, which is another key, so that a page comes
// again for ever, or the list ends early. Errors are the SDK's.
func Pages(ctx context.Context, client lister, bucket, key string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		in := &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &key, EncodingType: types.EncodingTypeUrl} // XML holds no control characters
		for {
			out, err := client.ListObjectVersions(ctx, in)
			if err != nil {
				yield(Page{}, err)
				return
			}
			other := func(listed *string) bool { return decoded(listed, out.EncodingType) != key }
			page := Page{
				Versions: slices.DeleteFunc(slices.Clone(out.Versions), func(v types.ObjectVersion) bool { return other(v.Key) }),
				Markers:  slices.DeleteFunc(slices.Clone(out.DeleteMarkers), func(m types.DeleteMarkerEntry) bool { return other(m.Key) }),
			}
			if !yield(page, nil) || !aws.ToBool(out.IsTruncated) || other(out.NextKeyMarker) {
				return // keys come in order, this one before those that it begins
			}
			if aws.ToString(out.NextVersionIdMarker) == aws.ToString(in.VersionIdMarker) {
				yield(Page{}, fmt.Errorf("page of versions does not advance beyond version %q", aws.ToString(in.VersionIdMarker)))
				return
			}
			in.KeyMarker, in.VersionIdMarker = &key, out.NextVersionIdMarker
		}
	}
}

// decoded is a listed key. A store that does not know the encoding that was asked
// for says so by not repeating it.
func decoded(key *string, encoding types.EncodingType) string {
	plain, err := url.QueryUnescape(aws.ToString(key)) // S3 writes a space as +
	if encoding != types.EncodingTypeUrl || err != nil {
		return aws.ToString(key)
	}
	return plain
}
