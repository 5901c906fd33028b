package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/s3copy"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// api is what Quarantine asks of S3: a move, and the record beside the copy.
type api interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

type handler struct {
	s3     api
	move   *s3copy.Mover
	bucket string // the quarantine bucket
}

// handle moves the version to the quarantine bucket: copy, record, delete, in
// this order, so that a crash between any two leaves the original or a proved
// copy, and the next attempt goes on from there. The original stays where Object
// Lock keeps it (Copy.SourceLocked), and, with no Copy, where S3 itself cannot
// read it (UNSCANNABLE unreadable).
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	copied, err := h.quarantine(ctx, j)
	if err != nil {
		return job.Job{}, fmt.Errorf("quarantine %s: %w", j.Object, err)
	}
	j.Copy = copied
	return j, nil
}

func (h *handler) quarantine(ctx context.Context, j job.Job) (*job.Copy, error) {
	switch {
	case !j.Scan.Known() || j.Scan.Verdict == job.Clean:
		return nil, fmt.Errorf("%w: %s is not for quarantine", job.ErrBadJob, j.Scan.Outcome())
	case j.Object.Bucket == h.bucket:
		return nil, fmt.Errorf("%w: the quarantine bucket must not be scanned", job.ErrBadJob)
	}
	src, err := h.look(ctx, j)
	var copied job.Copy
	if err == nil {
		copied, err = h.copy(ctx, j, src)
	}
	switch {
	case errors.Is(err, s3copy.ErrConflict):
		copied, err = h.earlier(ctx, j, src, err)
	case errors.Is(err, job.ErrObjectGone), errors.Is(err, job.ErrObjectChanged):
		// It may be gone because an earlier attempt of ours deleted it.
		src = nil
		copied, err = h.earlier(ctx, j, nil, err)
	case j.Scan.Reason == job.Unreadable && refusedByStorage(err):
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := h.record(ctx, j, copied); err != nil || src == nil {
		return &copied, err
	}
	if copied.SourceLocked, err = h.move.Remove(ctx, src); err != nil {
		return nil, err
	}
	if copied.SourceLocked {
		err = h.record(ctx, j, copied)
	}
	return &copied, err
}

// look describes the original. Where it had vanished before, nothing that stands
// in its place is looked at: only an earlier attempt's copy can be found.
func (h *handler) look(ctx context.Context, j job.Job) (*s3copy.Source, error) {
	if err := j.Vanished(); err != nil {
		return nil, err
	}
	return h.move.Look(ctx, j.Object)
}

// copy makes the copy under a key that belongs to this version alone.
func (h *handler) copy(ctx context.Context, j job.Job, src *s3copy.Source) (job.Copy, error) {
	tags, err := h.verdict(ctx, j, src)
	if err != nil {
		return job.Copy{}, err
	}
	return h.move.Copy(ctx, src, s3copy.Target{
		Bucket: h.bucket, Key: j.Object.QuarantineKey(), Record: record(j, src), Tags: tags, SHA256: scanned(j),
	})
}

// verdict returns the tags for the copy of an object that Tag could not tag, or
// nil where the original carries its verdict, or has no room for one: its own
// tags come first, and the record beside the copy holds the verdict anyway.
func (h *handler) verdict(ctx context.Context, j job.Job, src *s3copy.Source) ([]types.Tag, error) {
	tags, err := h.move.Tags(ctx, src)
	if err != nil || verdicttag.Verdict(tags)[verdicttag.Status] == string(j.Scan.Verdict) {
		return nil, err
	}
	merged, err := verdicttag.Merge(tags, *j.Scan)
	if errors.Is(err, job.ErrTagLimit) {
		return nil, nil
	}
	return merged, err
}

// earlier finds the copy that an earlier attempt made. Where there is none, the
// cause for which it was looked for stands.
func (h *handler) earlier(ctx context.Context, j job.Job, src *s3copy.Source, cause error) (job.Copy, error) {
	found, err := h.move.Find(ctx, h.bucket, j.Object.QuarantineKey())
	switch {
	case err != nil:
		return job.Copy{}, err
	case found == nil && !errors.Is(cause, s3copy.ErrConflict):
		return job.Copy{}, cause
	case found == nil: // the original's condition failed: the next attempt sees it changed
		return job.Copy{}, fmt.Errorf("%w: %w", job.ErrTransient, cause)
	case scanned(j) != "": // the key is this version's alone, so its bytes settle it
		return found.Copy, found.Holds(scanned(j))
	case src != nil:
		err = found.Like(src)
	}
	return found.Copy, errors.Join(err, ours(found, j))
}

// refusedByStorage reports whether S3 cannot read the bytes for us: archived, or
// encrypted with a key that only the uploader has (a 400 without a cause on HEAD).
func refusedByStorage(err error) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "InvalidObjectState", "InvalidRequest", "BadRequest":
		return true
	}
	return false
}

// scanned is the SHA-256 of what was scanned, "" for what was never fetched.
func scanned(j job.Job) string {
	if j.Scan.SHA256 == "" && j.Work != nil {
		return j.Work.SHA256
	}
	return j.Scan.SHA256
}
