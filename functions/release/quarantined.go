package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
)

// quarantined is a copy in the quarantine bucket, with its record.
type quarantined struct {
	job   job.Job // the record: the original and its verdict
	src   *move.Source
	found *move.Found
	at    job.Copy
}

// recordEnd is the end of the key of a copy's record.
const recordEnd = ".json"

// sha256 returns the SHA-256 of the scanned bytes, hex.
func (q *quarantined) sha256() string {
	if q.job.Scan.SHA256 == "" && q.job.Work != nil {
		return q.job.Work.SHA256
	}
	return q.job.Scan.SHA256
}

// address returns what an error calls the copy: as the request does while nothing is known of it.
func (q *quarantined) address(in decision.Request) job.Object {
	if q == nil {
		return job.Object{Bucket: in.Bucket, Key: in.Key, VersionID: in.VersionID}
	}
	return job.Object{Bucket: q.at.Bucket, Key: q.at.Key, VersionID: q.at.VersionID}
}

// mark returns what the metadata of an object that was put back says about this copy.
func (q *quarantined) mark() string { return q.at.Key + "/" + q.at.VersionID }

// modified returns when the original of a copy was written, and false if the copy does not say so.
func modified(found *move.Found) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, found.Metadata[move.KeyModified])
	return at, err == nil
}

// inspect reads the copy that a request names and its record, and checks that the copy has the scanned bytes.
func (h *handler) inspect(ctx context.Context, in decision.Request) (*quarantined, error) {
	if in.Bucket != h.quarantine {
		return nil, fmt.Errorf("%w: the quarantine bucket is %s", job.ErrBadJob, h.quarantine)
	}
	if copied, isRecord := strings.CutSuffix(in.Key, recordEnd); isRecord {
		return nil, fmt.Errorf("%w: this is the record of a copy; the copy is %s", job.ErrBadJob,
			job.Object{Bucket: in.Bucket, Key: copied})
	}
	found, err := h.move.Find(ctx, in.Bucket, in.Key, in.VersionID)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%w: there is no such copy", job.ErrObjectGone)
	}
	q := &quarantined{found: found, at: found.Copy}
	if q.job, err = h.readJob(ctx, in.Key); err != nil {
		return nil, err
	}
	if err := q.check(found); err != nil {
		return nil, err
	}
	o := job.Object{Bucket: in.Bucket, Key: in.Key, VersionID: found.Copy.VersionID, Size: found.Size}
	if q.src, err = h.move.InspectOriginal(ctx, o); err != nil {
		return nil, err
	}
	return q, nil
}

// readJob reads the record beside a copy.
func (h *handler) readJob(ctx context.Context, key string) (j job.Job, err error) {
	body, _, err := h.get(ctx, h.quarantine, key+recordEnd)
	if err != nil {
		return j, err
	}
	if body == nil {
		return j, fmt.Errorf("%w: there is no record %s beside the copy", job.ErrBadJob,
			job.Object{Bucket: h.quarantine, Key: key + recordEnd})
	}
	if err := json.Unmarshal(body, &j); err != nil {
		return j, fmt.Errorf("%w: decode the record %s: %w", job.ErrBadJob,
			job.Object{Bucket: h.quarantine, Key: key + recordEnd}, err)
	}
	return j, nil
}

// check returns an error unless the record is this copy's, the verdict is INFECTED, and the bytes are the scanned
// ones.
func (q *quarantined) check(found *move.Found) error {
	switch s := q.job.Scan; {
	case s != nil && canary.IsSampleSHA256(q.sha256()):
		return refuseSample(q.sha256())
	case q.job.Object.QuarantineKey() != found.Copy.Key:
		return fmt.Errorf("%w: the record beside the copy is about another object: %s", job.ErrBadJob, q.job.Object)
	case !s.Known() || s.Verdict == job.Clean:
		return fmt.Errorf("%w: the record beside the copy has the verdict %s", job.ErrBadJob, s.Outcome())
	case s.Verdict == job.Unscannable:
		return fmt.Errorf("%w: the verdict is %s: no signature is wrong, and the same bytes would get the same verdict",
			job.ErrBadJob, s.Outcome())
	}
	if err := cmp.Or(decision.CheckSHA256(q.sha256()), found.CheckSHA256(q.sha256())); err != nil {
		return errors.Join(errors.New("the copy does not have the bytes that were scanned"), err)
	}
	return nil
}
