package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// verdict returns the verdict on an object that was put back, and where the object is now: where it was put, in the
// clean bucket, or in quarantine again. It is empty while there is none. In a bucket without versions the quarantine
// key of a moved object is not known, so that nothing is said about one.
func (h *handler) verdict(ctx context.Context, in decision.Request) (decision.Answer, error) {
	o := job.Object{Bucket: in.Bucket, Key: in.Key, VersionID: in.VersionID}
	v, err := h.findVerdict(ctx, o, in.SHA256)
	if err != nil {
		return decision.Answer{}, fmt.Errorf("read the verdict on %s: %w", o, err)
	}
	return decision.Answer{Verdict: v}, nil
}

func (h *handler) findVerdict(ctx context.Context, o job.Object, sha256 string) (*decision.Verdict, error) {
	request := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.Pinned() != "" {
		request.VersionId = &o.VersionID
	}
	out, err := h.s3.GetObjectTagging(ctx, request)
	switch {
	case err == nil:
		tags := verdicttag.Verdict(out.TagSet)
		v := &decision.Verdict{Verdict: tags[verdicttag.Status], Detail: tags[verdicttag.Detail], Object: o.Address()}
		if v.Verdict == string(job.Infected) { // it is moved soon
			return h.verdictInQuarantine(ctx, o, v)
		}
		return v, nil
	case !awserr.NotFound(err):
		return nil, awserr.Classify(err)
	}
	if o.Bucket == h.uploads && h.clean != "" {
		promoted, err := h.move.Find(ctx, h.clean, o.Key, "")
		if err != nil {
			return nil, err
		}
		if promoted != nil && promoted.Copy.SHA256 == sha256 {
			return &decision.Verdict{Verdict: string(job.Clean), Object: address(promoted.Copy)}, nil
		}
	}
	return h.verdictInQuarantine(ctx, o, &decision.Verdict{})
}

// verdictInQuarantine returns the verdict of the record in the quarantine bucket, or otherwise if there is none.
func (h *handler) verdictInQuarantine(
	ctx context.Context, o job.Object, otherwise *decision.Verdict,
) (*decision.Verdict, error) {
	if o.Pinned() == "" {
		return otherwise, nil
	}
	key := o.QuarantineKey()
	body, _, err := h.get(ctx, h.quarantine, key+recordEnd)
	if err != nil || body == nil {
		return otherwise, err
	}
	var j job.Job
	if err := json.Unmarshal(body, &j); err != nil {
		return nil, fmt.Errorf("decode s3://%s/%s%s: %w", h.quarantine, key, recordEnd, err)
	}
	v := &decision.Verdict{Object: job.Object{Bucket: h.quarantine, Key: key}.Address()}
	if j.Scan != nil {
		v.Verdict, v.Detail = string(j.Scan.Verdict), j.Scan.Signature+string(j.Scan.Reason)
	}
	return v, nil
}
