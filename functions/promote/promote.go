package main

import (
	"context"
	"fmt"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
)

type handler struct {
	move   *move.Mover
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
	return h.move.Move(ctx, j, &policy{handler: h, job: j})
}

// policy is how one job's object goes to the clean bucket: under its own key, of
// which other versions are promoted too, each in its place in their order.
type policy struct {
	*handler
	job job.Job
}

// Place is the object's own key.
func (p *policy) Place() (bucket, key string) { return p.bucket, p.job.Object.Key }

// Target puts the record where it fits: beside the original's metadata, or else
// among the copy's tags. The verdict's lesser tags give way to it, the original's
// own never do.
func (p *policy) Target(ctx context.Context, src *move.Source) (move.Target, error) {
	mine := newRecord(p.job, src)
	to := move.Target{SHA256: p.job.Scan.SHA256, Retract: true}
	if to.Record = mine.entries(); src.Fits(to.Record) {
		return to, nil
	}
	to.Record = nil
	if src.Claims() {
		return to, fmt.Errorf("%w: metadata under %q that cannot be replaced", job.ErrBadJob, move.Reserved)
	}
	tags, err := p.move.Tags(ctx, src)
	if err != nil {
		return to, err
	}
	if to.Tags = mine.among(tags); to.Tags == nil || !move.TagsFit(to.Tags) {
		return to, fmt.Errorf("%w: neither its metadata nor its tags have room for where it came from", job.ErrBadJob)
	}
	return to, nil
}

// Ours reports whether the record and the bytes say that it is this version.
func (p *policy) Ours(ctx context.Context, found *move.Found) (bool, error) {
	was, err := p.recorded(ctx, found)
	if err != nil || was == nil || was.id != p.job.Object.QuarantineKey() || was.sha256 != "" && was.sha256 != p.job.Scan.SHA256 {
		return false, err
	}
	return found.Holds(p.job.Scan.SHA256) == nil, nil
}

// Replace refuses to replace a newer version.
func (p *policy) Replace(ctx context.Context, there *move.Found, src *move.Source) error {
	was, err := p.recorded(ctx, there)
	if err == nil && was != nil && was.newer(newRecord(p.job, src)) {
		return fmt.Errorf("%w: s3://%s/%s holds %s", job.ErrSuperseded, p.bucket, p.job.Object.Key, was)
	}
	return err
}

// Beneath is true of everything that may have been promoted after this version,
// and before its original was removed. That is all but what is older for sure.
func (p *policy) Beneath(ctx context.Context, there *move.Found, src *move.Source) (bool, error) {
	was, err := p.recorded(ctx, there)
	return err == nil && (was == nil || src == nil || !newRecord(p.job, src).newer(was)), err
}

// Record does nothing: the copy carries its record.
func (p *policy) Record(context.Context, job.Copy) error { return nil }

// recorded reads the record of what is there, nil where there is none.
func (p *policy) recorded(ctx context.Context, there *move.Found) (*record, error) {
	if there == nil {
		return nil, nil
	}
	if r := fromMetadata(there.Metadata); r != nil || !there.Tagged {
		return r, nil
	}
	tags, err := p.move.TagsOf(ctx, there)
	return fromTags(tags), err
}
