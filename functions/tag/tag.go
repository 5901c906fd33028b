package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// api is what Tag asks of S3.
type api interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
	PutObjectTagging(context.Context, *s3.PutObjectTaggingInput, ...func(*s3.Options)) (*s3.PutObjectTaggingOutput, error)
}

type handler struct {
	s3  api
	now func() time.Time
}

// handle writes the job's verdict among the tags of the version that was
// scanned, unless a later scan's stands there (verdicttag.Stands). Where that
// one is worse the job ends here, as superseded: promoting or announcing what
// it found would contradict it. An infection always goes on to quarantine.
//
// Tags cannot be written under a condition, so in a bucket without
// versions the object is looked at before and after; what remains is the moment
// in which an overwrite is not yet seen and the old verdict stands on it.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	if err := h.tag(ctx, j.Object, j.Scan); err != nil {
		return job.Job{}, fmt.Errorf("tag %s: %w", j.Object, original.Confirm(ctx, h.s3, j.Object, err))
	}
	return j, nil
}

func (h *handler) tag(ctx context.Context, o job.Object, scan *job.Scan) error {
	if !scan.Known() {
		return fmt.Errorf("%w: %s", job.ErrBadJob, scan.Outcome())
	}
	id, err := h.address(ctx, o)
	if err != nil {
		return err
	}
	existing, err := h.get(ctx, o, id)
	if err != nil {
		return err
	}
	if verdicttag.Stands(existing, *scan, h.now()) {
		if there := verdicttag.Verdict(existing); there[verdicttag.Status] != string(scan.Verdict) {
			return fmt.Errorf("%w: a scan at %s found it %s", job.ErrSuperseded, cmp.Or(there[verdicttag.Time], "a time unknown"), there[verdicttag.Status])
		}
		return nil
	}
	merged, err := verdicttag.Merge(existing, *scan)
	if err != nil {
		return err
	}
	if err := h.put(ctx, o, id, merged); err != nil {
		return err
	}
	if _, err := h.address(ctx, o); err != nil {
		return h.withdraw(ctx, o, id, merged, err)
	}
	return nil
}

// address returns the version id by which the object that was scanned is addressed,
// nil in a bucket that has none. There, and where the id is "null", the ETag says
// whether it is still that object. A version cannot change.
func (h *handler) address(ctx context.Context, o job.Object) (*string, error) {
	if id := o.Pinned(); id != "" {
		return &id, nil
	}
	if o.ETag == "" {
		return nil, fmt.Errorf("%w: neither a version nor an ETag says which bytes were scanned", job.ErrBadJob)
	}
	_, id, err := original.Head(ctx, h.s3, o, s3.HeadObjectInput{})
	if err != nil {
		return nil, fmt.Errorf("look at the object, whose ETag was %s: %w", o.ETag, err)
	}
	return id, nil
}

// withdraw takes our verdict off an object that was overwritten while it was
// tagged. Its own tags stay, and so does a verdict that is not ours: the newer
// object may have been judged already. Any other failure to look is the
// caller's to repeat, for the tags are in place.
func (h *handler) withdraw(ctx context.Context, o job.Object, id *string, ours []types.Tag, cause error) error {
	if job.Name(cause) != job.Name(job.ErrObjectChanged) {
		return cause
	}
	now, err := h.get(ctx, o, id)
	if err != nil {
		return fmt.Errorf("withdraw the verdict: %w", err)
	}
	if !maps.Equal(verdicttag.Verdict(now), verdicttag.Verdict(ours)) {
		return cause
	}
	if err := h.put(ctx, o, id, verdicttag.Own(now)); err != nil {
		return fmt.Errorf("withdraw the verdict: %w", err)
	}
	return cause
}

func (h *handler) get(ctx context.Context, o job.Object, id *string) ([]types.Tag, error) {
	out, err := h.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: id})
	if err != nil {
		return nil, absent("read its tags", err)
	}
	return out.TagSet, nil
}

func (h *handler) put(ctx context.Context, o job.Object, id *string, tags []types.Tag) error {
	_, err := h.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: id, Tagging: &types.Tagging{TagSet: tags},
	})
	if err != nil {
		return absent("write its tags", err)
	}
	return nil
}

// absent says what was being done, and that a missing version is a deleted one:
// S3 announced it.
func absent(doing string, err error) error {
	if awserr.NotFound(err) {
		return fmt.Errorf("%s: %w: %w", doing, job.ErrObjectGone, err)
	}
	return fmt.Errorf("%s: %w", doing, awserr.Classify(err))
}
