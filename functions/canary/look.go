package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// errWrong: a sample has come out in another way than it must.
var errWrong = errors.New("wrong")

// maxRecord is more than the record of a copy has, in bytes.
const maxRecord = 1 << 20

// look says what a sample still waits for, and "" when it has come out right. The error is errWrong if it came out in
// another way; every other error says that it could not be seen.
func (h *handler) look(ctx context.Context, s *sample) (pending string, err error) {
	status, there, err := h.status(ctx, s.object)
	if err != nil {
		return "", err
	}
	moves := s.want == job.Infected || h.clean != ""
	switch {
	case there && status != "" && status != string(s.want):
		return "", fmt.Errorf("%w: %s is tagged %s, want %s", errWrong, s.object, status, s.want)
	case there && status == "":
		return fmt.Sprintf("%s has no verdict", s.object), nil
	case there && moves:
		return fmt.Sprintf("%s is tagged %s and was not moved", s.object, status), nil
	case there:
		return "", nil
	case s.want == job.Infected:
		return "", h.checkQuarantined(ctx, s)
	case moves:
		return "", h.checkPromoted(ctx, s)
	}
	return "", fmt.Errorf("%w: %s is gone, want it to stay, tagged %s", errWrong, s.object, s.want)
}

// status returns the verdict in an object's tags, and whether the object is there.
func (h *handler) status(ctx context.Context, o job.Object) (status string, there bool, err error) {
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := h.s3.GetObjectTagging(ctx, in)
	switch {
	case awserr.NotFound(err):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("read the tags of %s: %w", o, awserr.Classify(err))
	}
	return verdicttag.Verdict(out.TagSet)[verdicttag.Status], true, nil
}

// checkPromoted checks the copy of a clean sample. The original is deleted after the copy was made.
func (h *handler) checkPromoted(ctx context.Context, s *sample) error {
	return h.checkCopy(ctx, s, job.Object{Bucket: h.clean, Key: s.object.Key})
}

// checkQuarantined checks the copy of EICAR and the record beside it. The original is deleted after both were written.
func (h *handler) checkQuarantined(ctx context.Context, s *sample) error {
	at := job.Object{Bucket: h.quarantine, Key: quarantineKey(s.object)}
	if err := h.checkCopy(ctx, s, at); err != nil {
		return err
	}
	address := job.Object{Bucket: at.Bucket, Key: at.Key + ".json"}
	out, err := h.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &address.Bucket, Key: &address.Key})
	switch {
	case awserr.NotFound(err):
		return fmt.Errorf("%w: %s is in quarantine without its record %s", errWrong, s.object, address)
	case err != nil:
		return fmt.Errorf("read the record %s: %w", address, awserr.Classify(err))
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxRecord))
	if err != nil {
		return fmt.Errorf("read the record %s: %w", address, awserr.Classify(err))
	}
	var record job.Job
	if err := json.Unmarshal(body, &record); err != nil {
		return fmt.Errorf("%w: read the record %s: %w", errWrong, address, err)
	}
	switch {
	case !record.Object.Same(s.object):
		return fmt.Errorf("%w: the record %s is about %s, want %s", errWrong, address, record.Object, s.object)
	case !record.Scan.Known() || record.Scan.Verdict != s.want:
		return fmt.Errorf("%w: the record %s says %s, want %s", errWrong, address, record.Scan.Outcome(), s.want)
	case !h.place.IsSample(record):
		return fmt.Errorf("%w: the record %s says SHA-256 %q, which is not that of the sample", errWrong, address,
			record.Scan.SHA256)
	case record.Copy == nil || record.Copy.Bucket != at.Bucket || record.Copy.Key != at.Key:
		return fmt.Errorf("%w: the record %s does not say that the copy is %s", errWrong, address, at)
	}
	return nil
}

// checkCopy checks that a copy of a sample is there, with its verdict.
func (h *handler) checkCopy(ctx context.Context, s *sample, at job.Object) error {
	status, there, err := h.status(ctx, at)
	switch {
	case err != nil:
		return err
	case !there:
		return fmt.Errorf("%w: %s is gone, and %s is not there", errWrong, s.object, at)
	case status != string(s.want):
		return fmt.Errorf("%w: %s is tagged %q, want %s", errWrong, at, status, s.want)
	}
	return nil
}

// quarantineKey is the key of a sample's copy in quarantine.
func quarantineKey(o job.Object) string { return canary.QuarantinePrefix + o.QuarantineKey() }
