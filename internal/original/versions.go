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
		pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{
			Bucket: &bucket, Prefix: &key, EncodingType: types.EncodingTypeUrl, // XML holds no control characters
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(types.ObjectVersion{}, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, key, awserr.Classify(err)))
				return
			}
			past := false // keys come in order, this one before those that it begins
			for _, v := range page.Versions {
				if decoded(v.Key, page.EncodingType) != key {
					past = true
				} else if !yield(v, nil) {
					return
				}
			}
			for _, m := range page.DeleteMarkers {
				past = past || decoded(m.Key, page.EncodingType) != key
			}
			if past {
				return
			}
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
