package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
)

// maxDocument is the most bytes of a document that are read.
const maxDocument = 8 << 20

// conflicts is how often a document is written again that somebody else has written meanwhile.
const conflicts = 5

// get returns an object and its ETag, or nil if there is none.
func (h *handler) get(ctx context.Context, bucket, key string) (body []byte, eTag *string, err error) {
	at := job.Object{Bucket: bucket, Key: key}
	out, err := h.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if awserr.NotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", at, awserr.Classify(err))
	}
	defer out.Body.Close()
	body, err = io.ReadAll(io.LimitReader(out.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read %s: %w", at, awserr.Classify(err))
	case len(body) > maxDocument:
		return nil, nil, fmt.Errorf("read %s: it has more than %d bytes", at, maxDocument)
	}
	return append([]byte{}, body...), out.ETag, nil
}

// put writes a document to the records bucket in place of the one with this ETag, nil for none. It returns false if
// another one is there.
func (h *handler) put(ctx context.Context, key string, body []byte, eTag *string) (bool, error) {
	in := &s3.PutObjectInput{
		Bucket: &h.records, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"),
		IfMatch: eTag,
	}
	if eTag == nil {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := h.s3.PutObject(ctx, in)
	if awserr.PreconditionFailed(err) || awserr.Conflict(err) || eTag != nil && awserr.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write %s: %w", job.Object{Bucket: h.records, Key: key}, awserr.Classify(err))
	}
	return true, nil
}

// readAllowed returns the entry that allows a content and its ETag, nil if there is none.
func (h *handler) readAllowed(ctx context.Context, sha256 string) (*decision.Allowed, *string, error) {
	key := decision.AllowedKey(sha256)
	body, eTag, err := h.get(ctx, h.records, key)
	if err != nil || body == nil {
		return nil, nil, err
	}
	entry, err := decision.DecodeAllowed(body, sha256)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", job.Object{Bucket: h.records, Key: key}, err)
	}
	return entry, eTag, nil
}

// allow publishes the entry that allows a content and reads it back, byte for byte. It returns the entry, and the
// release that stands in it: that of an earlier attempt, if there was one.
func (h *handler) allow(
	ctx context.Context, sha256 string, r decision.Release, lifetime time.Duration,
) (decision.Allowed, decision.Release, error) {
	for range conflicts {
		entry, eTag, err := h.readAllowed(ctx, sha256)
		if err != nil {
			return decision.Allowed{}, r, err
		}
		if there := entry.Released(r.Copy, h.now()); there != nil {
			return *entry, *there, nil
		}
		next := entry.Add(sha256, r, r.Time.Add(lifetime))
		body, err := decision.Encode(next)
		if err != nil {
			return decision.Allowed{}, r, err
		}
		written, err := h.put(ctx, decision.AllowedKey(sha256), body, eTag)
		if err != nil {
			return decision.Allowed{}, r, err
		}
		if !written {
			continue
		}
		back, _, err := h.get(ctx, h.records, decision.AllowedKey(sha256))
		if err != nil {
			return decision.Allowed{}, r, err
		}
		if bytes.Equal(back, body) {
			return next, r, nil
		}
		// Somebody else has written it since. What they have written is read now, with this release in it.
	}
	return decision.Allowed{}, r, fmt.Errorf("%w: others wrote %s each time", job.ErrTransient,
		job.Object{Bucket: h.records, Key: decision.AllowedKey(sha256)})
}

// readRecord returns an audit record, nil if there is none.
func (h *handler) readRecord(ctx context.Context, key string) (*decision.Record, error) {
	body, _, err := h.get(ctx, h.records, key)
	if err != nil || body == nil {
		return nil, err
	}
	var record decision.Record
	if err := json.Unmarshal(body, &record); err != nil {
		return nil, fmt.Errorf("decode %s: %w", job.Object{Bucket: h.records, Key: key}, err)
	}
	return &record, nil
}

// writeRecord writes an audit record. One that is there already is the same one.
func (h *handler) writeRecord(ctx context.Context, record decision.Record) error {
	body, err := decision.Encode(record)
	if err == nil {
		_, err = h.put(ctx, decision.RecordKey(record.Time, record.SHA256), body, nil)
	}
	return err
}
