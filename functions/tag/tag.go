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

// s3API is what tag calls of S3.
type s3API interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	GetObjectTagging(
		context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options),
	) (*s3.GetObjectTaggingOutput, error)
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
	PutObjectTagging(
		context.Context, *s3.PutObjectTaggingInput, ...func(*s3.Options),
	) (*s3.PutObjectTaggingOutput, error)
}

// handler writes verdicts as object tags.
type handler struct {
	s3   s3API
	tags verdicttag.Writer
	now  func() time.Time
}

// handle writes the verdict of j into the tags of the version that was scanned. It leaves the tags of
// a later scan as they are (verdicttag.Stands). If that scan found a worse verdict, the error is a
// job.ErrSuperseded and the job ends: promoting or announcing this verdict would contradict the tags.
// An INFECTED is never superseded.
//
// S3 has no conditional request for tags. In a bucket without versions, handle therefore checks the
// ETag before and after it writes. An object that is overwritten between the two has the old verdict
// until the second check.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	earlier, err := h.tag(ctx, j.Object, j.Scan)
	if err != nil {
		return job.Job{}, fmt.Errorf("tag %s: %w", j.Object, original.Confirm(ctx, h.s3, j.Object, err))
	}
	// What a sweep has read counts: a second attempt reads what the first has written. The tags that an upload came
	// with are nobody's verdict.
	if j.Run != "" && j.Earlier == nil {
		j.Earlier = earlier
	}
	return j, nil
}

// tag writes the verdict, unless a later one is there. It returns the earlier one that it has replaced, nil if there
// was none.
func (h *handler) tag(ctx context.Context, o job.Object, scan *job.Scan) (*job.Earlier, error) {
	if !scan.Known() {
		return nil, fmt.Errorf("%w: %s", job.ErrBadJob, scan.Outcome())
	}
	id, err := h.versionID(ctx, o)
	if err != nil {
		return nil, err
	}
	existing, err := h.readTags(ctx, o, id)
	if err != nil {
		return nil, err
	}
	if verdicttag.Stands(existing, *scan, h.now()) {
		tagged := verdicttag.Verdict(existing)
		if status := tagged[verdicttag.Status]; status != string(scan.Verdict) {
			at := cmp.Or(tagged[verdicttag.Time], "an unknown time")
			return nil, fmt.Errorf("%w: a scan at %s found it %s", job.ErrSuperseded, at, status)
		}
		return nil, nil
	}
	merged, err := h.tags.Merge(existing, *scan)
	if err != nil {
		return nil, err
	}
	if err := h.writeTags(ctx, o, id, merged); err != nil {
		return nil, err
	}
	if _, err := h.versionID(ctx, o); err != nil {
		return nil, h.withdraw(ctx, o, id, merged, err)
	}
	earlier := verdicttag.Earlier(verdicttag.Verdict(existing))
	if earlier != nil && earlier.Time.After(scan.Time) {
		earlier.Time = time.Time{} // not the time of a scan before this one
	}
	return earlier, nil
}

// versionID returns the version id that requests for the scanned object must name: nil in a bucket
// without versions. There, and if the id is "null", it checks by the ETag that the object is still the
// scanned one. A version with an id of its own cannot change.
func (h *handler) versionID(ctx context.Context, o job.Object) (*string, error) {
	if id := o.Pinned(); id != "" {
		return &id, nil
	}
	if o.ETag == "" {
		return nil, fmt.Errorf("%w: neither a version nor an ETag says which bytes were scanned", job.ErrBadJob)
	}
	_, id, err := original.Head(ctx, h.s3, o, s3.HeadObjectInput{})
	if err != nil {
		return nil, fmt.Errorf("read the metadata of the object with ETag %s: %w", o.ETag, err)
	}
	return id, nil
}

// withdraw removes the verdict from an object that was overwritten while it was tagged; cause is the
// error of the second check. It keeps the other tags of the new object, and its verdict if that is not
// the one just written: the new object may have been scanned already. If the check failed for another
// reason, the tags stay and the state machine tries again.
func (h *handler) withdraw(ctx context.Context, o job.Object, id *string, ours []types.Tag, cause error) error {
	if job.Name(cause) != job.Name(job.ErrObjectChanged) {
		return cause
	}
	now, err := h.readTags(ctx, o, id)
	if err != nil {
		return fmt.Errorf("withdraw the verdict: %w", err)
	}
	if !maps.Equal(verdicttag.Verdict(now), verdicttag.Verdict(ours)) {
		return cause
	}
	if err := h.writeTags(ctx, o, id, h.tags.WithoutVerdict(now)); err != nil {
		return fmt.Errorf("withdraw the verdict: %w", err)
	}
	return cause
}

// readTags returns the tags of the version.
func (h *handler) readTags(ctx context.Context, o job.Object, id *string) ([]types.Tag, error) {
	out, err := h.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: id})
	if err != nil {
		return nil, classify("read its tags", err)
	}
	return out.TagSet, nil
}

// writeTags replaces the tags of the version.
func (h *handler) writeTags(ctx context.Context, o job.Object, id *string, tags []types.Tag) error {
	_, err := h.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: id, Tagging: &types.Tagging{TagSet: tags},
	})
	if err != nil {
		return classify("write its tags", err)
	}
	return nil
}

// classify adds what was being done to an error. A version that is not found was deleted, since S3
// sent an event about it.
func classify(doing string, err error) error {
	if awserr.NotFound(err) {
		return fmt.Errorf("%s: %w: %w", doing, job.ErrObjectGone, err)
	}
	return fmt.Errorf("%s: %w", doing, awserr.Classify(err))
}
