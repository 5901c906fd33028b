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

// Source is the original: the version to move, as InspectOriginal found it.
type Source struct {
	Object   job.Object
	Modified time.Time // UTC, in whole seconds
	id       *string   // the version id that requests must name; nil in a bucket without versions
	head     *s3.HeadObjectOutput
	tags     []types.Tag
	tagsRead bool
}

// InspectOriginal asks S3 for the version that o names. The error is a job.ErrObjectGone if it was
// deleted, a job.ErrObjectChanged if another object replaced it, and a job.ErrBadJob if o is larger
// than job.MaxMovedSize or names neither a version nor an ETag.
func (m *Mover) InspectOriginal(ctx context.Context, o job.Object) (*Source, error) {
	if err := checkSize(o.Size); err != nil {
		return nil, err
	}
	if o.Pinned() == "" && o.ETag == "" {
		return nil, fmt.Errorf("%w: neither a version nor an ETag says which bytes were scanned", job.ErrBadJob)
	}
	head, id, err := original.Head(ctx, m.s3, o, s3.HeadObjectInput{})
	if err != nil {
		return nil, fmt.Errorf("inspect the original: %w", err)
	}
	src := &Source{Object: o, Modified: aws.ToTime(head.LastModified).UTC(), id: id, head: head}
	if err := checkSize(src.size()); err != nil {
		return nil, err
	}
	return src, nil
}

// checkSize returns a job.ErrBadJob for an object of more bytes than CopyObject
// copies.
func checkSize(bytes int64) error {
	if bytes > job.MaxMovedSize {
		return fmt.Errorf("%w: %d bytes, CopyObject copies at most %d", job.ErrBadJob, bytes, int64(job.MaxMovedSize))
	}
	return nil
}

// size returns the size in bytes.
func (s *Source) size() int64 { return aws.ToInt64(s.head.ContentLength) }

// OriginalTags returns the tags of the original, and reads them once. The error is a job.ErrObjectGone
// if it was deleted meanwhile.
func (m *Mover) OriginalTags(ctx context.Context, src *Source) ([]types.Tag, error) {
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
