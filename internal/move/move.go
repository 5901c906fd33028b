// Package move moves one version of an object to another bucket inside S3. It
// keeps everything: the copy has the scanned bytes, the metadata, the content
// headers and the tags of the original, and only that version of the original is
// deleted.
//
// A move has six steps, each in a file of its own:
//
//  1. inspect the original (inspect.go)
//  2. find the copy that an earlier attempt made (find.go)
//  3. copy (copy.go)
//  4. compare the copy with the original (compare.go)
//  5. write the record (Policy.WriteRecord)
//  6. remove the original (remove.go)
//
// The function may be killed between any two requests. The next attempt begins
// with step 1 again and finds what the earlier one did; crash_test.go kills a move
// at each of its requests. The functions quarantine and promote differ in their
// Policy. This package retries nothing: the state machine does.
package move

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

var (
	// ErrOtherBytes: the object at the destination does not have the scanned bytes.
	// The state machine knows no name for it, so that the job becomes a dead letter.
	ErrOtherBytes = errors.New("the copy has other bytes than were scanned")
	// ErrIncomplete: the copy has the bytes, but not all of the tags, metadata and
	// headers of the original, or not all of its origin (CopyPlan.Origin).
	ErrIncomplete = errors.New("the copy is incomplete")
)

// API is what a move calls of S3.
type API interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	GetObjectTagging(
		context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options),
	) (*s3.GetObjectTaggingOutput, error)
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
}

// Policy is what quarantine and promote decide differently about one job.
type Policy interface {
	// Destination returns where the copy goes.
	Destination() (bucket, key string)
	// PlanCopy returns what the copy of src gets in addition to what src has.
	PlanCopy(ctx context.Context, src *Source) (CopyPlan, error)
	// IsOurCopy reports whether an earlier attempt at this job made found. An error
	// means that it did not, and that found must not be replaced either.
	IsOurCopy(ctx context.Context, found *Found) (bool, error)
	// MayReplace returns an error if a copy of src must not replace the current
	// object at the destination. current is nil if there is none.
	MayReplace(ctx context.Context, current *Found, src *Source) error
	// MayBeNoncurrent reports whether our copy can be a noncurrent version of the
	// destination's key. current is nil if the key has no current object, and src is
	// nil if the original is gone.
	MayBeNoncurrent(ctx context.Context, current *Found, src *Source) (bool, error)
	// WriteRecord writes what an operator needs to know about the copy. It is called
	// before the original is removed, and again if Object Lock keeps the original.
	WriteRecord(ctx context.Context, copied job.Copy) error
}

// Mover moves objects. It holds no state between moves.
type Mover struct{ s3 API }

// New returns a Mover that uses client.
func New(client API) *Mover { return &Mover{s3: client} }

// attempt is one attempt at one move.
type attempt struct {
	*Mover
	job         job.Job
	policy      Policy
	bucket, key string // of the destination

	src  *Source // the original, nil if it is gone; set by step 1
	plan CopyPlan
}

// Move moves the job's version to p's destination. If an earlier attempt made the
// copy already, it only does the steps that are left. The error is a
// job.ErrObjectGone or a job.ErrObjectChanged if neither the original nor a copy is
// found. If Object Lock keeps the original, it stays, and the copy is SourceLocked.
func (m *Mover) Move(ctx context.Context, j job.Job, p Policy) (*job.Copy, error) {
	a := &attempt{Mover: m, job: j, policy: p}
	a.bucket, a.key = p.Destination()

	// If an earlier state found the original gone, an object with the same key is
	// another one: only the copy of an earlier attempt is looked for.
	err := j.Vanished()
	if err == nil {
		var copied *job.Copy
		if copied, err = a.moveOriginal(ctx); err == nil {
			return copied, nil
		}
		err = original.Confirm(ctx, m.s3, j.Object, err)
	}
	if errors.Is(err, job.ErrObjectGone) || errors.Is(err, job.ErrObjectChanged) {
		return a.finishWithoutOriginal(ctx, err)
	}
	return nil, err
}

// moveOriginal does the six steps with an original that is there.
func (a *attempt) moveOriginal(ctx context.Context) (*job.Copy, error) {
	var err error
	if a.src, err = a.InspectOriginal(ctx, a.job.Object); err != nil {
		return nil, err
	}
	if a.plan, err = a.policy.PlanCopy(ctx, a.src); err != nil {
		return nil, err
	}
	found, current, err := a.findEarlierCopy(ctx)
	if err != nil {
		return nil, err
	}
	if found == nil {
		if err := a.policy.MayReplace(ctx, current, a.src); err != nil {
			return nil, err
		}
		if found, err = a.copyAndCompare(ctx, current); err != nil {
			return nil, err
		}
	}
	copied := found.Copy
	if err := a.policy.WriteRecord(ctx, copied); err != nil {
		return nil, err
	}
	if copied.SourceLocked, err = a.removeOriginal(ctx); err != nil {
		return nil, err
	}
	if copied.SourceLocked {
		if err := a.policy.WriteRecord(ctx, copied); err != nil {
			return nil, err
		}
	}
	return &copied, nil
}

// finishWithoutOriginal returns the copy of an earlier attempt, which may have
// removed the original and have been killed then. gone is the error to return if
// there is no such copy.
func (a *attempt) finishWithoutOriginal(ctx context.Context, gone error) (*job.Copy, error) {
	a.src, a.plan = nil, CopyPlan{}
	found, _, err := a.findEarlierCopy(ctx)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, gone
	}
	return &found.Copy, a.policy.WriteRecord(ctx, found.Copy)
}
