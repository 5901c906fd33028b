package main

import (
	"context"
	"fmt"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
)

// handler moves clean objects to the clean bucket.
type handler struct {
	move   *move.Mover
	bucket string // name of the clean bucket
}

// handle moves the version to the clean bucket, under its own key, and returns j
// with Copy. The error is a job.ErrSuperseded if a newer version of the key was
// promoted already. The object that the copy replaces stays as a noncurrent version.
//
// Two promotions of one key are ordered by CopyObject's condition on the
// destination: one of them fails, is tried again by the state machine, and then
// finds the object of the other.
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
		return nil, fmt.Errorf("%w: the verdict is %s, only CLEAN is promoted", job.ErrBadJob, j.Scan.Outcome())
	case j.Scan.SHA256 == "":
		return nil, fmt.Errorf("%w: the CLEAN scan has no SHA-256", job.ErrBadJob)
	case j.Object.Bucket == h.bucket:
		return nil, fmt.Errorf("%w: the object is in the clean bucket already", job.ErrBadJob)
	}
	return h.move.Move(ctx, j, &policy{handler: h, job: j})
}

// policy decides how one job's object is moved to the clean bucket. The key there
// is the object's own, and other versions of it are promoted to the same key.
type policy struct {
	*handler
	job job.Job
}

// Destination is the object's own key in the clean bucket.
func (p *policy) Destination() (bucket, key string) { return p.bucket, p.job.Object.Key }

// PlanCopy puts the origin into the copy's metadata or, if it does not fit there,
// into a tag. For that tag, tags of the verdict other than the status are left out;
// tags of the original's own are not.
func (p *policy) PlanCopy(ctx context.Context, src *move.Source) (move.CopyPlan, error) {
	o := newOrigin(p.job, src)
	plan := move.CopyPlan{SHA256: p.job.Scan.SHA256, RemoveWrongCopy: true}
	if plan.Origin = o.entries(); src.Fits(o.largest().entries()) {
		return plan, nil
	}
	plan.Origin, plan.OriginInTag = nil, true
	if src.KeepsReserved() {
		return plan, fmt.Errorf("%w: metadata that begins with %q and cannot be replaced", job.ErrBadJob, move.Reserved)
	}
	tags, err := p.move.OriginalTags(ctx, src)
	if err != nil {
		return plan, err
	}
	if plan.Tags = o.addTag(tags); plan.Tags == nil || !move.TagsFit(plan.Tags) {
		return plan, fmt.Errorf("%w: neither metadata nor tags have room for the origin of the copy", job.ErrBadJob)
	}
	return plan, nil
}

// IsOurCopy reports whether found has the origin and the bytes of the job's version.
func (p *policy) IsOurCopy(ctx context.Context, found *move.Found) (bool, error) {
	o, err := p.readOrigin(ctx, found)
	if err != nil || o == nil || o.id != p.job.Object.QuarantineKey() {
		return false, err
	}
	if o.sha256 != "" && o.sha256 != p.job.Scan.SHA256 {
		return false, nil
	}
	return found.CheckSHA256(p.job.Scan.SHA256) == nil, nil
}

// MayReplace refuses to replace a newer version. An object without an origin was not
// promoted and counts as older: it has no verdict, and otherwise it would keep this
// key from being promoted for ever.
func (p *policy) MayReplace(ctx context.Context, current *move.Found, src *move.Source) error {
	o, err := p.readOrigin(ctx, current)
	if err == nil && o != nil && o.newer(newOrigin(p.job, src)) {
		return fmt.Errorf("%w: s3://%s/%s holds %s", job.ErrSuperseded, p.bucket, p.job.Object.Key, o)
	}
	return err
}

// MayBeNoncurrent is false only if the current object is certainly older than this
// version. Any other object may have been promoted after this version's copy was
// made and before its original was removed.
func (p *policy) MayBeNoncurrent(ctx context.Context, current *move.Found, src *move.Source) (bool, error) {
	o, err := p.readOrigin(ctx, current)
	return err == nil && (o == nil || src == nil || !newOrigin(p.job, src).newer(o)), err
}

// WriteRecord does nothing: the origin in the copy is enough.
func (p *policy) WriteRecord(context.Context, job.Copy) error { return nil }

// readOrigin returns the origin of found, nil if there is no object or no origin.
func (p *policy) readOrigin(ctx context.Context, found *move.Found) (*origin, error) {
	if found == nil {
		return nil, nil
	}
	if o := originFromMetadata(found.Metadata); o != nil || !found.Tagged {
		return o, nil
	}
	tags, err := p.move.CopyTags(ctx, found)
	return originFromTags(tags), err
}
