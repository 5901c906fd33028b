package sweeps

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/local/plan/workload"
)

// lister is the operation that Count calls.
type lister interface {
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
}

// Count lists the current objects below a prefix, or all versions, and returns how many of which sizes there are. It
// calls progress after each thousand versions. AWS bills each thousand as a LIST request.
func Count(
	ctx context.Context, client lister, bucket, prefix string, versions bool, progress func(n float64),
) (*workload.Objects, error) {
	all := &workload.Objects{}
	in := &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
	for {
		out, err := client.ListObjectVersions(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, prefix, err)
		}
		for _, v := range out.Versions {
			if !versions && !aws.ToBool(v.IsLatest) {
				continue
			}
			archived := v.StorageClass == "GLACIER" || v.StorageClass == "DEEP_ARCHIVE"
			if err := all.Add(aws.ToInt64(v.Size), aws.ToTime(v.LastModified), archived); err != nil {
				return nil, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, prefix, err)
			}
		}
		n, _ := all.Total()
		progress(n)
		if !aws.ToBool(out.IsTruncated) {
			return all, nil
		}
		// The SDK's paginator would send the URL-encoded key as it is.
		next := aws.ToString(out.NextKeyMarker)
		if out.EncodingType == types.EncodingTypeUrl {
			if next, err = url.QueryUnescape(next); err != nil {
				return nil, fmt.Errorf("list the versions of s3://%s/%s: decode the key %q: %w",
					bucket, prefix, aws.ToString(out.NextKeyMarker), err)
			}
		}
		version := aws.ToString(out.NextVersionIdMarker)
		if in.KeyMarker != nil && *in.KeyMarker == next && aws.ToString(in.VersionIdMarker) == version {
			return nil, fmt.Errorf("list the versions of s3://%s/%s: the list does not advance beyond %q", bucket, prefix, next)
		}
		in.KeyMarker, in.VersionIdMarker = &next, &version
	}
}
