// Package s3copy moves one version of an object to another bucket inside S3 and
// loses nothing of it: the bytes are those that were scanned, metadata, content
// headers and tags come along, and exactly that version is deleted afterwards.
// Quarantine and promote share it; each decides for itself where the copy goes,
// what may be replaced there and what a copy already made means. Every step may
// be repeated after a crash. It retries nothing.
package s3copy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// MaxSize is the largest object in bytes that one CopyObject takes, 5 GiB:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
const MaxSize = 5 << 30

var (
	// ErrConflict: a condition of the copy did not hold. Either the key is taken
	// or was replaced, or the source is another object by now; the caller looks.
	ErrConflict = errors.New("a condition of the copy did not hold")
	// ErrOtherBytes: what stands at the destination is not what was scanned. It
	// has no name in the state machine: it ends as a dead letter, for a person.
	ErrOtherBytes = errors.New("the copy holds other bytes than were scanned")
)

// api is what a move asks of S3.
type api interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
}

// Mover moves objects. It holds no state between moves.
type Mover struct{ s3 api }

// New returns a Mover that speaks through client.
func New(client api) *Mover { return &Mover{s3: client} }

// Source is the version to be moved, as S3 described it when Look asked.
type Source struct {
	Object   job.Object
	Modified time.Time // to the second, as HTTP has it
	head     *s3.HeadObjectOutput
}

// Look asks S3 for the version that o names. The error is a job.ErrObjectGone
// when it was deleted, a job.ErrObjectChanged when a bucket without versions
// holds another object by now, and a job.ErrBadJob when o is larger than MaxSize
// or names neither version nor ETag.
func (m *Mover) Look(ctx context.Context, o job.Object) (*Source, error) {
	if o.Size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, CopyObject takes at most %d", job.ErrBadJob, o.Size, int64(MaxSize))
	}
	in := &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	switch {
	case o.Pinned() != "":
		in.VersionId = aws.String(o.Pinned())
	case o.ETag != "":
		in.IfMatch = aws.String(quoted(o.ETag))
	default:
		return nil, fmt.Errorf("%w: neither a version nor an ETag says which bytes were scanned", job.ErrBadJob)
	}
	head, err := m.s3.HeadObject(ctx, in)
	switch {
	case awserr.NotFound(err):
		return nil, fmt.Errorf("look at the original: %w: %w", job.ErrObjectGone, err)
	case awserr.PreconditionFailed(err):
		return nil, fmt.Errorf("look at the original: %w: %w", job.ErrObjectChanged, err)
	case err != nil:
		return nil, fmt.Errorf("look at the original: %w", awserr.Classify(err))
	}
	if size := aws.ToInt64(head.ContentLength); size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, CopyObject takes at most %d", job.ErrBadJob, size, int64(MaxSize))
	}
	return &Source{Object: o, Modified: aws.ToTime(head.LastModified).UTC(), head: head}, nil
}

// Tags returns the tags of the version. The error is a job.ErrObjectGone when
// it was deleted meanwhile.
func (m *Mover) Tags(ctx context.Context, src *Source) ([]types.Tag, error) {
	out, err := m.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{
		Bucket: &src.Object.Bucket, Key: &src.Object.Key, VersionId: src.version(),
	})
	if awserr.NotFound(err) {
		return nil, fmt.Errorf("read the original's tags: %w: %w", job.ErrObjectGone, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the original's tags: %w", awserr.Classify(err))
	}
	return out.TagSet, nil
}

// version is the version id to address, nil where the job names none.
func (s *Source) version() *string {
	if v := s.Object.Pinned(); v != "" {
		return &v
	}
	return nil
}

// quoted writes an ETag as HTTP does; jobs and listings differ in that.
func quoted(etag string) string { return `"` + strings.Trim(etag, `"`) + `"` }
