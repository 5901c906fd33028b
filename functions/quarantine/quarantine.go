package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/trial"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// s3API is what quarantine calls of S3.
type s3API interface {
	move.API
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	GetBucketPolicy(
		context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options),
	) (*s3.GetBucketPolicyOutput, error)
	trial.API
}

// handler moves objects to the quarantine bucket.
type handler struct {
	s3     s3API
	move   *move.Mover
	bucket string // name of the quarantine bucket
	canary canary.Place
	tags   verdicttag.Writer
	trials trials
}

// handle moves the version to the quarantine bucket and returns j with Copy. The
// original stays if Object Lock keeps it (Copy.SourceLocked). If S3 cannot read it
// for Lazaret, it stays too, and Copy is nil.
//
// An object that a new signature hits may have to wait: see checkTrial.
//
// A job without a verdict, whose object is gone, gets that of the record beside its copy: see recall.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	j, err := h.recall(ctx, j)
	var copied *job.Copy
	if err == nil {
		copied, err = h.quarantine(ctx, j)
	}
	if err != nil {
		return job.Job{}, fmt.Errorf("quarantine %s: %w", j.Object, err)
	}
	j.Copy = copied
	return j, nil
}

func (h *handler) quarantine(ctx context.Context, j job.Job) (*job.Copy, error) {
	switch {
	case !j.Scan.Known() || j.Scan.Verdict == job.Clean:
		return nil, fmt.Errorf("%w: the verdict is %s, want INFECTED or UNSCANNABLE", job.ErrBadJob, j.Scan.Outcome())
	case j.Object.Bucket == h.bucket:
		return nil, fmt.Errorf("%w: the object is in the quarantine bucket already", job.ErrBadJob)
	}
	if err := h.checkTrial(ctx, j); err != nil {
		return nil, err
	}
	copied, err := h.move.Move(ctx, j, &policy{handler: h, job: j})
	if j.Scan.Reason == job.Unreadable && unreadable(err) {
		return nil, nil
	}
	return copied, err
}

// policy decides how one job's object is moved to quarantine. The key there is a
// hash of bucket, key and version, so that only copies of this version have it.
type policy struct {
	*handler
	job job.Job
}

// Destination is the key of this version in the quarantine bucket. The copies of canary's samples lie apart, where the
// function canary may delete them. What else lies among the samples in the uploads bucket is no sample: its copy lies
// with all others, where nothing deletes it.
func (p *policy) Destination() (bucket, key string) {
	key = p.job.Object.QuarantineKey()
	if p.canary.IsSample(p.job) {
		key = canary.QuarantinePrefix + key
	}
	return p.bucket, key
}

// PlanCopy gives the copy its origin and, if Tag could not tag the original, the
// tags of the verdict.
func (p *policy) PlanCopy(ctx context.Context, src *move.Source) (move.CopyPlan, error) {
	tags, err := p.verdictTags(ctx, src)
	return move.CopyPlan{Origin: newOrigin(p.job, src), Tags: tags, SHA256: scannedSHA256(p.job)}, err
}

// verdictTags returns all tags for the copy of an original without the verdict. It
// returns nil if the original has the verdict or no room for it: its own tags are
// kept, and the record has the verdict in any case.
func (p *policy) verdictTags(ctx context.Context, src *move.Source) ([]types.Tag, error) {
	tags, err := p.move.OriginalTags(ctx, src)
	if err != nil || verdicttag.Verdict(tags)[verdicttag.Status] == string(p.job.Scan.Verdict) {
		return nil, err
	}
	merged, err := p.tags.Merge(tags, *p.job.Scan)
	if errors.Is(err, job.ErrTagLimit) {
		return nil, nil
	}
	return merged, err
}

// IsOurCopy reports that found is our copy, because no other object has this key. If
// it has other bytes than were scanned, the error says so, whoever wrote them.
func (p *policy) IsOurCopy(_ context.Context, found *move.Found) (bool, error) {
	if sum := scannedSHA256(p.job); sum != "" {
		return true, found.CheckSHA256(sum)
	}
	return true, checkUnscanned(found, p.job)
}

// MayReplace allows to replace an incomplete copy. IsOurCopy refuses all others.
func (p *policy) MayReplace(context.Context, *move.Found, *move.Source) error { return nil }

// MayBeNoncurrent is false: nothing but copies of this version is written to this
// key. If a delete marker hides a copy, it expires soon (QuarantineRetentionDays),
// and another copy is made.
func (p *policy) MayBeNoncurrent(context.Context, *move.Found, *move.Source) (bool, error) {
	return false, nil
}

// WriteRecord writes the job beside the copy, as <key>.json. Each attempt writes it,
// and the last one stays.
func (p *policy) WriteRecord(ctx context.Context, copied job.Copy) error {
	j := p.job
	j.Copy = &copied
	body, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	key := copied.Key + ".json"
	_, err = p.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &copied.Bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("write the record s3://%s/%s: %w", copied.Bucket, key, awserr.Classify(err))
	}
	return nil
}

// unreadable reports whether err says that S3 cannot read the object for Lazaret: it
// is archived, or encrypted with a key that only its uploader has (SSE-C, for which
// HEAD answers BadRequest).
func unreadable(err error) bool {
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

// scannedSHA256 returns the SHA-256 of the scanned bytes in hexadecimal, "" if the
// object was never fetched.
func scannedSHA256(j job.Job) string {
	if j.Scan.SHA256 == "" && j.Work != nil {
		return j.Work.SHA256
	}
	return j.Scan.SHA256
}
