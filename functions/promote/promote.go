package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/s3copy"
)

// api is what Promote asks of S3: the calls of a move.
type api interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
}

type handler struct {
	s3     api
	move   *s3copy.Mover
	bucket string // the clean bucket
}

// handle moves the version to the clean bucket under its own key, unless a newer
// version is there (job.ErrSuperseded). What it replaces stays as a noncurrent
// version. An object there without our record was written by somebody else, or
// before Lazaret was: it counts as older, because a verdict is worth more than
// none and a stranger's object must not block a key for ever.
//
// Two promotions of one key meet in CopyObject's condition on the destination;
// the loser is asked again by the state machine and then finds the winner.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	copied, err := h.promote(ctx, j)
	if err != nil {
		return job.Job{}, fmt.Errorf("promote %s: %w", j.Object, err)
	}
	j.Copy = copied
	return j, nil
}

func (h *handler) promote(ctx context.Context, j job.Job) (*job.Copy, error) {
	switch {
	case !j.Scan.Known() || j.Scan.Verdict != job.Clean:
		return nil, fmt.Errorf("%w: %s is not for the clean bucket", job.ErrBadJob, j.Scan.Outcome())
	case j.Scan.SHA256 == "":
		return nil, fmt.Errorf("%w: CLEAN without the SHA-256 of what was scanned", job.ErrBadJob)
	case j.Object.Bucket == h.bucket:
		return nil, fmt.Errorf("%w: the clean bucket must not be scanned", job.ErrBadJob)
	}
	src, gone := h.look(ctx, j)
	if gone != nil && !errors.Is(gone, job.ErrObjectGone) && !errors.Is(gone, job.ErrObjectChanged) {
		return nil, gone
	}
	there, err := h.move.Find(ctx, h.bucket, j.Object.Key)
	if err != nil {
		return nil, err
	}
	was, err := h.recorded(ctx, there)
	if err != nil {
		return nil, err
	}
	copied, done := earlier(there, was, j)
	switch {
	case gone != nil && done: // an earlier attempt of ours deleted it
		return &copied, nil
	case gone != nil:
		return nil, gone
	case !done:
		if copied, err = h.copy(ctx, j, src, there, was); err != nil {
			return nil, err
		}
	}
	if copied.SourceLocked, err = h.move.Remove(ctx, src); err != nil {
		return nil, err
	}
	return &copied, nil
}

// look describes the original. Where it had vanished before, nothing that stands
// in its place is looked at: only an earlier attempt's copy can be found.
func (h *handler) look(ctx context.Context, j job.Job) (*s3copy.Source, error) {
	if err := j.Vanished(); err != nil {
		return nil, err
	}
	return h.move.Look(ctx, j.Object)
}

// earlier reports whether what is there is the copy that an earlier attempt for
// this job's version made: its record and its bytes both say so.
func earlier(there *s3copy.Found, was *record, j job.Job) (job.Copy, bool) {
	if was == nil || was.id != j.Object.QuarantineKey() || was.sha256 != "" && was.sha256 != j.Scan.SHA256 {
		return job.Copy{}, false
	}
	return there.Copy, there.Holds(j.Scan.SHA256) == nil
}

// copy replaces what is there, if that is older, and nothing else.
func (h *handler) copy(ctx context.Context, j job.Job, src *s3copy.Source, there *s3copy.Found, was *record) (job.Copy, error) {
	mine := newRecord(j, src)
	if was != nil && was.newer(mine) {
		return job.Copy{}, fmt.Errorf("%w: s3://%s/%s holds %s", job.ErrSuperseded, h.bucket, j.Object.Key, was)
	}
	to := s3copy.Target{Bucket: h.bucket, Key: j.Object.Key, SHA256: j.Scan.SHA256}
	if there != nil {
		to.Replaces = there.ETag
	}
	if err := h.place(ctx, &to, mine, src); err != nil {
		return job.Copy{}, err
	}
	copied, err := h.move.Copy(ctx, src, to)
	switch {
	case errors.Is(err, s3copy.ErrConflict):
		return job.Copy{}, fmt.Errorf("%w: %w", job.ErrTransient, err)
	case errors.Is(err, s3copy.ErrOtherBytes):
		return job.Copy{}, errors.Join(err, h.retract(ctx, copied))
	}
	return copied, err
}

// place puts the record where it fits: beside the original's metadata, or else
// among the copy's tags. The verdict's lesser tags give way to it, the
// original's own never do.
func (h *handler) place(ctx context.Context, to *s3copy.Target, mine *record, src *s3copy.Source) error {
	if to.Record = mine.entries(); src.Fits(to.Record) {
		return nil
	}
	to.Record = nil
	if src.Claims() {
		return fmt.Errorf("%w: metadata under %q that cannot be replaced", job.ErrBadJob, s3copy.Reserved)
	}
	tags, err := h.move.Tags(ctx, src)
	if err != nil {
		return err
	}
	if to.Tags = mine.among(tags); to.Tags == nil || !s3copy.TagsFit(to.Tags) {
		return fmt.Errorf("%w: neither its metadata nor its tags have room for where it came from", job.ErrBadJob)
	}
	return nil
}

// recorded reads the record of what is there, nil where there is none.
func (h *handler) recorded(ctx context.Context, there *s3copy.Found) (*record, error) {
	if there == nil {
		return nil, nil
	}
	if r := fromMetadata(there.Metadata); r != nil || !there.Tagged {
		return r, nil
	}
	out, err := h.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{
		Bucket: &there.Copy.Bucket, Key: &there.Copy.Key, VersionId: optional(there.Copy.VersionID),
	})
	if awserr.NotFound(err) {
		return nil, fmt.Errorf("%w: it was deleted while it was looked at", job.ErrTransient)
	}
	if err != nil {
		return nil, fmt.Errorf("read the tags of s3://%s/%s: %w", there.Copy.Bucket, there.Copy.Key, awserr.Classify(err))
	}
	return fromTags(out.TagSet), nil
}

// retract takes a copy out of the readers' sight that is not what was scanned.
// That needs a bucket without versions, and an overwrite that keeps the ETag.
func (h *handler) retract(ctx context.Context, copied job.Copy) error {
	_, err := h.s3.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket: &copied.Bucket, Key: &copied.Key, VersionId: optional(copied.VersionID),
	})
	if err != nil {
		return fmt.Errorf("retract s3://%s/%s: %w", copied.Bucket, copied.Key, awserr.Classify(err))
	}
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}
