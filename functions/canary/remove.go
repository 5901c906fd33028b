package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
)

// keep is how long the objects of a round stay that did not end right. It is longer than a round and its repetitions
// take, so that no round removes the objects of another one that still runs.
const keep = time.Hour

// remove removes every version of this round's objects, if round is not empty, and what earlier rounds have left, from
// the three buckets.
func (h *handler) remove(ctx context.Context, round string, samples []*sample) error {
	var own []string // prefixes of keys
	if round != "" {
		own = append(own, h.place.Prefix+round+"/")
		for _, s := range samples {
			own = append(own, quarantineKey(s.object)) // and the record beside it
		}
	}
	err := errors.Join(
		h.removeBelow(ctx, h.place.Bucket, h.place.Prefix, own),
		h.removeBelow(ctx, h.quarantine, canary.QuarantinePrefix, own),
	)
	if h.clean != "" {
		err = errors.Join(err, h.removeBelow(ctx, h.clean, h.place.Prefix, own))
	}
	return err
}

// removeBelow removes the versions and delete markers below a prefix that have one of the own prefixes or are older
// than keep.
func (h *handler) removeBelow(ctx context.Context, bucket, prefix string, own []string) (err error) {
	pages := s3.NewListObjectVersionsPaginator(h.s3, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, failed := pages.NextPage(ctx)
		if failed != nil {
			return errors.Join(err, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, awserr.Classify(failed)))
		}
		remove := func(key, version *string, modified *time.Time) {
			old := h.now().Sub(aws.ToTime(modified)) > keep
			for _, p := range own {
				old = old || strings.HasPrefix(aws.ToString(key), p)
			}
			if !old {
				return
			}
			_, failed := h.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: key, VersionId: version})
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("remove s3://%s/%s: %w", bucket, aws.ToString(key), awserr.Classify(failed)))
			}
		}
		for _, v := range page.Versions {
			remove(v.Key, v.VersionId, v.LastModified)
		}
		for _, m := range page.DeleteMarkers {
			remove(m.Key, m.VersionId, m.LastModified)
		}
	}
	return err
}
