package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
)

// keyReleased is the metadata key of an object that was put back: the copy from which it was made. Promote and
// quarantine drop it, as all reserved keys.
const keyReleased = move.Reserved + "released-from"

// destination is the key that an object goes back to.
type destination struct {
	bucket, key string
	current     *move.Found // the object that is there now
	newer       *job.Copy   // an object that was written after the original; here or in the clean bucket
	back        *job.Copy   // the object that was put back
}

// inspectDestination asks what is under the original's key today. With resumed, an earlier attempt may have put the
// object back, and a scan may have promoted it since.
func (h *handler) inspectDestination(ctx context.Context, q *quarantined, resumed bool) (*destination, error) {
	to := &destination{bucket: q.job.Object.Bucket, key: q.job.Object.Key}
	// Nothing but promote writes to the clean bucket: what a later scan has moved out of there is uploaded again.
	wasPromoted := h.clean != "" && to.bucket == h.clean
	if wasPromoted {
		to.bucket = h.uploads
	}
	written, known := modified(q.found)
	// S3 tells times in whole seconds: of two objects of one second, either may be the newer one.
	newer := func(at time.Time) bool { return !known || !at.Before(written) }
	var err error
	if to.current, err = h.move.Find(ctx, to.bucket, to.key, ""); err != nil {
		return nil, err
	}
	if c := to.current; c != nil {
		switch {
		case c.Metadata[keyReleased] == q.mark():
			to.back = &c.Copy
			return to, nil
		case newer(c.Modified()):
			to.newer = &c.Copy
		}
	}
	if to.bucket != h.uploads || h.clean == "" {
		return to, nil
	}
	promoted, err := h.move.Find(ctx, h.clean, to.key, "")
	if err != nil || promoted == nil {
		return to, err
	}
	at, dated := modified(promoted)
	if wasPromoted { // then both times are those of copies in the clean bucket
		at, dated = promoted.Modified(), true
	}
	switch {
	case resumed && promoted.Copy.SHA256 == q.sha256() && to.current == nil:
		to.back = &promoted.Copy
	case to.newer == nil && (!dated || newer(at)):
		to.newer = &promoted.Copy
	}
	return to, nil
}

// mayWrite returns an error if a newer object would be hidden, and the request does not allow it.
func (d *destination) mayWrite(overwrite bool) error {
	if d.newer == nil || d.back != nil || overwrite {
		return nil
	}
	what := "the released object would hide it"
	if d.newer.VersionID == "" || d.newer.VersionID == "null" {
		what = "the released object would replace it, and the bucket keeps no older versions"
	}
	return fmt.Errorf("%w: the key has a newer object today, %s: %s; ask with --overwrite to release all the same",
		errNewer, d.newer, what)
}

// errNewer: the key has an object that was written after the quarantined one.
var errNewer = errors.New("a newer object is there")

// address returns where the object is, or will be.
func (d *destination) address() string {
	if d.back != nil {
		return address(*d.back)
	}
	return job.Object{Bucket: d.bucket, Key: d.key}.Address()
}

// overwritten returns the address of the newer object that was hidden, "" if there was none.
func (d *destination) overwritten() string {
	if d.newer == nil {
		return ""
	}
	return address(*d.newer)
}

// copyBack copies the bytes, the metadata, the headers and the uploader's own tags to where they came from. The
// verdict's tags stay behind: the scan of the copy writes its own.
func (h *handler) copyBack(ctx context.Context, q *quarantined, to *destination) (*job.Copy, error) {
	tags, err := h.move.OriginalTags(ctx, q.src)
	if err != nil {
		return nil, err
	}
	if tags = h.tags.WithoutVerdict(tags); !move.TagsFit(tags) {
		return nil, fmt.Errorf("%w: the object's own tags are too long for the request that copies it", job.ErrBadJob)
	}
	copied, err := h.move.Copy(ctx, to.bucket, to.key, q.src, to.current, move.CopyPlan{
		Origin: []move.Entry{{Key: keyReleased, Value: q.mark()}}, Tags: tags, SHA256: q.sha256(),
	})
	if err != nil {
		return nil, fmt.Errorf("copy to %s: %w", job.Object{Bucket: to.bucket, Key: to.key}, err)
	}
	return &copied, nil
}
