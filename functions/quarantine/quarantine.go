package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// api is what Quarantine asks of S3: a move, and the record beside the copy.
type api interface {
	move.API
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

type handler struct {
	s3     api
	move   *move.Mover
	bucket string // the quarantine bucket
}

// handle moves the version to the quarantine bucket. The original stays where
// Object Lock keeps it (Copy.SourceLocked), and, with no Copy, where S3 itself
// cannot read it (UNSCANNABLE unreadable).
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
	copied, err := h.move.Move(ctx, j, &policy{handler: h, job: j})
	if j.Scan.Reason == job.Unreadable && refusedByStorage(err) {
		return nil, nil
	}
	return copied, err
}

// policy is how one job's object goes to quarantine: under a key that belongs to
// its version alone, whose bytes therefore settle what is there.
type policy struct {
	*handler
	job job.Job
}

// Place is the key of this version.
func (p *policy) Place() (bucket, key string) { return p.bucket, p.job.Object.QuarantineKey() }

// Target gives the copy its record, and the verdict where Tag could not.
func (p *policy) Target(ctx context.Context, src *move.Source) (move.Target, error) {
	tags, err := p.verdict(ctx, src)
	return move.Target{Record: record(p.job, src), Tags: tags, SHA256: scanned(p.job)}, err
}

// verdict returns the tags for the copy of an object that Tag could not tag, or
// nil where the original carries its verdict, or has no room for one: its own
// tags come first, and the record beside the copy holds the verdict anyway.
func (p *policy) verdict(ctx context.Context, src *move.Source) ([]types.Tag, error) {
	tags, err := p.move.Tags(ctx, src)
	if err != nil || verdicttag.Verdict(tags)[verdicttag.Status] == string(p.job.Scan.Verdict) {
		return nil, err
	}
	merged, err := verdicttag.Merge(tags, *p.job.Scan)
	if errors.Is(err, job.ErrTagLimit) {
		return nil, nil
	}
	return merged, err
}

// Ours is true of what has the scanned bytes. Other bytes under this key are an
// error, whoever put them there.
func (p *policy) Ours(_ context.Context, found *move.Found) (bool, error) {
	if sum := scanned(p.job); sum != "" {
		return true, found.Holds(sum)
	}
	return true, ours(found, p.job)
}

// Replace allows a copy in place of an incomplete one: Ours refuses any other.
func (p *policy) Replace(context.Context, *move.Found, *move.Source) error { return nil }

// Beneath is false: nothing else is ever put under this key, and a copy beneath a
// delete marker is about to expire (QuarantineRetentionDays): another one is made.
func (p *policy) Beneath(context.Context, *move.Found, *move.Source) (bool, error) { return false, nil }

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
