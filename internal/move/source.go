package move

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// Source is the version to be moved, as S3 described it when Look asked.
type Source struct {
	Object   job.Object
	Modified time.Time // to the second, as HTTP has it
	id       *string   // the version id to address, nil where there are no versions
	head     *s3.HeadObjectOutput
	tags     []types.Tag
	tagsRead bool
}

// Look asks S3 for the version that o names. The error is a job.ErrObjectGone
// when it was deleted, a job.ErrObjectChanged when another object took its place,
// and a job.ErrBadJob when o is larger than MaxSize or names neither version nor
// ETag.
func (m *Mover) Look(ctx context.Context, o job.Object) (*Source, error) {
	if o.Size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, CopyObject takes at most %d", job.ErrBadJob, o.Size, int64(MaxSize))
	}
	if o.Pinned() == "" && o.ETag == "" {
		return nil, fmt.Errorf("%w: neither a version nor an ETag says which bytes were scanned", job.ErrBadJob)
	}
	head, id, err := original.Head(ctx, m.s3, o, s3.HeadObjectInput{})
	if err != nil {
		return nil, fmt.Errorf("look at the original: %w", err)
	}
	src := &Source{Object: o, Modified: aws.ToTime(head.LastModified).UTC(), id: id, head: head}
	if size := src.size(); size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, CopyObject takes at most %d", job.ErrBadJob, size, int64(MaxSize))
	}
	return src, nil
}

func (s *Source) size() int64 { return aws.ToInt64(s.head.ContentLength) }

// Tags returns the tags of the version, which are read once. The error is a
// job.ErrObjectGone when it was deleted meanwhile.
func (m *Mover) Tags(ctx context.Context, src *Source) ([]types.Tag, error) {
	if src.tagsRead {
		return src.tags, nil
	}
	out, err := m.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{
		Bucket: &src.Object.Bucket, Key: &src.Object.Key, VersionId: src.id,
	})
	if awserr.NotFound(err) {
		return nil, fmt.Errorf("read the original's tags: %w: %w", job.ErrObjectGone, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the original's tags: %w", awserr.Classify(err))
	}
	src.tags, src.tagsRead = out.TagSet, true
	return src.tags, nil
}
