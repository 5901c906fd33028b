package move

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/internal/job"
)

// Find asks S3 for an object: the version id, or the current one if id is empty. It returns nil if there is none.
func (m *Mover) Find(ctx context.Context, bucket, key, id string) (*Found, error) {
	found, _, err := m.find(ctx, bucket, key, optional(id))
	return found, err
}

// Modified returns when the object was written, UTC.
func (f *Found) Modified() time.Time { return aws.ToTime(f.head.LastModified).UTC() }

// Copy copies src inside S3 in place of the current object at the destination, nil if there is none, and removes
// nothing. S3 computes the SHA-256 of the copy, which must be the plan's. The error is a job.ErrTransient if the
// destination was written meanwhile, and an ErrOtherBytes for a copy of other bytes.
//
// Nothing is compared with the copy afterwards: as soon as it is there, a scan may tag it or move it.
func (m *Mover) Copy(
	ctx context.Context, bucket, key string, src *Source, current *Found, plan CopyPlan,
) (job.Copy, error) {
	return m.copyObject(ctx, bucket, key, src, current, plan)
}
