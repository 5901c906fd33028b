// Package move moves one version of an object to another bucket inside S3 and
// loses nothing of it: the bytes are those that were scanned, metadata, content
// headers and tags come along, and exactly that version is deleted afterwards.
//
// A move has five steps: look at the original, look for the copy of an earlier
// attempt, copy, compare, record, and remove the original. It may end between any
// two of them; the next attempt goes on from there. Quarantine and promote share
// it, and each gives it a Policy. It retries nothing.
package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// MaxSize is the largest object in bytes that one CopyObject takes, 5 GiB:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
const MaxSize = 5 << 30

var (
	// ErrOtherBytes: what stands at the destination is not what was scanned. It
	// has no name in the state machine: it ends as a dead letter, for a person.
	ErrOtherBytes = errors.New("the copy holds other bytes than were scanned")
	// ErrIncomplete: a copy has the bytes, and lacks some of the original's tags,
	// metadata or headers, or of its record.
	ErrIncomplete = errors.New("the copy is incomplete")
)

// API is what a move asks of S3.
type API interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
}

// Policy is what quarantine and promote decide each in its own way, about one job.
type Policy interface {
	// Place is where the copy goes.
	Place() (bucket, key string)
	// Target says what the copy of src is given.
	Target(ctx context.Context, src *Source) (Target, error)
	// Ours reports whether found is the copy that an earlier attempt made of the
	// job's version. An error says that it is neither that nor to be replaced.
	Ours(ctx context.Context, found *Found) (bool, error)
	// Replace returns an error where a copy of src must not replace what is there.
	Replace(ctx context.Context, there *Found, src *Source) error
	// Beneath reports whether our copy may lie beneath what is there, as a
	// noncurrent version, or beneath a delete marker, when there is nil. src is nil
	// where the original is gone.
	Beneath(ctx context.Context, there *Found, src *Source) (bool, error)
	// Record keeps what is to be known of the copy, before the original is removed.
	Record(ctx context.Context, copied job.Copy) error
}

// Mover moves objects. It holds no state between moves.
type Mover struct{ s3 API }

// New returns a Mover that speaks through client.
func New(client API) *Mover { return &Mover{s3: client} }

// Move moves the job's version where p says, unless an earlier attempt has. The
// error is a job.ErrObjectGone or a job.ErrObjectChanged when there is neither an
// original nor a copy. Where Object Lock keeps the original, it stays, and the
// copy is SourceLocked.
func (m *Mover) Move(ctx context.Context, j job.Job, p Policy) (*job.Copy, error) {
	// Where the original had vanished before, nothing that stands in its place is
	// looked at: only an earlier attempt's copy can be found.
	err := j.Vanished()
	if err == nil {
		var copied *job.Copy
		if copied, err = m.move(ctx, j, p); err == nil {
			return copied, nil
		}
		err = original.Confirm(ctx, m.s3, j.Object, err)
	}
	if !errors.Is(err, job.ErrObjectGone) && !errors.Is(err, job.ErrObjectChanged) {
		return nil, err
	}
	// An earlier attempt of ours may have removed the original.
	found, _, lost := m.earlier(ctx, j, nil, Target{}, p)
	switch {
	case lost != nil:
		return nil, lost
	case found == nil:
		return nil, err
	}
	return &found.Copy, p.Record(ctx, found.Copy)
}

// move goes through the steps with an original that is there.
func (m *Mover) move(ctx context.Context, j job.Job, p Policy) (*job.Copy, error) {
	src, err := m.Look(ctx, j.Object)
	if err != nil {
		return nil, err
	}
	to, err := p.Target(ctx, src)
	if err != nil {
		return nil, err
	}
	found, there, err := m.earlier(ctx, j, src, to, p)
	if err != nil {
		return nil, err
	}
	if found == nil {
		if err := p.Replace(ctx, there, src); err != nil {
			return nil, err
		}
		if found, err = m.copy(ctx, src, there, to, p); err != nil {
			return nil, err
		}
	}
	copied := found.Copy
	if err := p.Record(ctx, copied); err != nil {
		return nil, err
	}
	if copied.SourceLocked, err = m.remove(ctx, src); err == nil && copied.SourceLocked {
		err = p.Record(ctx, copied)
	}
	if err != nil {
		return nil, err
	}
	return &copied, nil
}

// earlier finds the complete copy that an earlier attempt made, and what is at the
// destination now. Either may be nil.
func (m *Mover) earlier(ctx context.Context, j job.Job, src *Source, to Target, p Policy) (found, there *Found, err error) {
	bucket, key := p.Place()
	there, hidden, err := m.find(ctx, bucket, key, nil)
	if err != nil {
		return nil, nil, err
	}
	if there != nil {
		if ok, err := m.complete(ctx, there, src, to, p); err != nil || ok {
			return there, there, err
		}
	}
	if there == nil && !hidden {
		return nil, nil, nil
	}
	if beneath, err := p.Beneath(ctx, there, src); err != nil || !beneath {
		return nil, there, err
	}
	size := j.Object.Size
	if src != nil {
		size = src.size()
	}
	for v, err := range original.Versions(ctx, m.s3, bucket, key) {
		switch {
		case err != nil:
			return nil, nil, err
		case src != nil && aws.ToTime(v.LastModified).Before(src.Modified.Add(-time.Second)):
			return nil, there, nil // they come newest first, and a copy is no older than its original
		case v.VersionId == nil, v.Size == nil || *v.Size != size:
			continue
		case there != nil && *v.VersionId == there.Copy.VersionID:
			continue
		}
		older, _, err := m.find(ctx, bucket, key, v.VersionId)
		if err != nil {
			return nil, nil, err
		}
		if older == nil {
			continue
		}
		if ok, err := m.complete(ctx, older, src, to, p); err != nil || ok {
			return older, there, err
		}
	}
	return nil, there, nil
}

// complete reports whether found is our copy and, as far as there is an original
// to compare it with, all of it.
func (m *Mover) complete(ctx context.Context, found *Found, src *Source, to Target, p Policy) (bool, error) {
	ours, err := p.Ours(ctx, found)
	if err != nil || !ours || src == nil {
		return ours, err
	}
	err = m.compare(ctx, found, src, to)
	if errors.Is(err, ErrIncomplete) {
		return false, nil
	}
	return err == nil, err
}

// copy makes the copy in place of what is there, and compares it.
func (m *Mover) copy(ctx context.Context, src *Source, there *Found, to Target, p Policy) (*Found, error) {
	bucket, key := p.Place()
	copied, err := m.copyObject(ctx, bucket, key, src, there, to)
	if errors.Is(err, ErrOtherBytes) && to.Retract {
		err = errors.Join(err, m.retract(ctx, copied))
	}
	if err == nil {
		var found *Found
		if found, _, err = m.find(ctx, bucket, key, optional(copied.VersionID)); err == nil && found == nil {
			err = fmt.Errorf("%w: it was removed at once", job.ErrTransient)
		}
		if err == nil {
			if err = m.compare(ctx, found, src, to); err == nil {
				return found, nil
			}
			if errors.Is(err, ErrIncomplete) { // or the original's tags changed meanwhile
				err = fmt.Errorf("%w: %w", job.ErrTransient, err)
			}
		}
	}
	return nil, fmt.Errorf("copy to s3://%s/%s: %w", bucket, key, err)
}
