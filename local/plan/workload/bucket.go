package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Lister lists the objects of a bucket.
type Lister interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// ReadBucket lists a bucket below a prefix. It calls progress after each thousand objects. AWS bills each call of
// ListObjectsV2 as a LIST request: a dollar for 200 million objects.
func ReadBucket(
	ctx context.Context, api Lister, bucket, prefix string, progress func(objects float64),
) (*Objects, error) {
	o := &Objects{}
	pages := s3.NewListObjectsV2Paginator(api, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
		}
		for _, e := range page.Contents {
			modified := time.Time{}
			if e.LastModified != nil {
				modified = *e.LastModified
			}
			if err := o.Add(aws.ToInt64(e.Size), modified, archived(string(e.StorageClass))); err != nil {
				return nil, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
			}
		}
		n, _ := o.Total()
		progress(n)
	}
	if n, _ := o.Total(); n == 0 {
		return nil, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, ErrEmpty)
	}
	return o, nil
}
