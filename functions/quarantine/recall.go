package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/job"
)

// maxRecord is more than a record has, in bytes: a key has 1,024 at most, and a job is as long as its
// names and texts.
const maxRecord = 1 << 20

// recall gives a job without a verdict, whose object is gone, the verdict that an earlier execution has
// written beside its copy. An EXPRESS execution that died after it had moved the object has left nothing
// else: it has no history that dispatch could read, and nobody was told of the infection. The error is
// that of the state that found the object gone, if there is no record: then it was deleted.
//
// A job with a verdict is returned as it is.
func (h *handler) recall(ctx context.Context, j job.Job) (job.Job, error) {
	gone := j.Vanished()
	if j.Scan != nil || gone == nil {
		return j, nil
	}
	key := j.Object.QuarantineKey() + ".json"
	out, err := h.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.bucket, Key: aws.String(key)})
	if awserr.NotFound(err) && h.canary.Has(j.Object) { // a sample's record lies beside its copy
		key = canary.QuarantinePrefix + key
		out, err = h.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.bucket, Key: aws.String(key)})
	}
	if awserr.NotFound(err) {
		return j, gone
	}
	if err != nil {
		return j, fmt.Errorf("read the record s3://%s/%s: %w", h.bucket, key, awserr.Classify(err))
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxRecord))
	if err != nil {
		return j, fmt.Errorf("read the record s3://%s/%s: %w", h.bucket, key, awserr.Classify(err))
	}
	var record job.Job
	if err := json.Unmarshal(body, &record); err != nil {
		return j, fmt.Errorf("read the record s3://%s/%s: %w", h.bucket, key, err)
	}
	if !record.Object.Same(j.Object) {
		return j, fmt.Errorf("%w: the record s3://%s/%s is about %s", job.ErrBadJob, h.bucket, key, record.Object)
	}
	j.Scan, j.Work = record.Scan, record.Work
	return j, nil
}
