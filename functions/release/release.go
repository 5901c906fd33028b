package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// s3API is what release calls of S3.
type s3API interface {
	move.API
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// handler carries out requests.
type handler struct {
	s3         s3API
	move       *move.Mover
	tags       verdicttag.Writer // knows which tags are the verdict's
	sns        snsAPI
	events     eventBridgeAPI
	uploads    string // names of buckets
	quarantine string
	records    string
	clean      string // empty in the layout two-bucket
	topic      string // ARN of the topic for people
	bus        string // name of the event bus
	now        func() time.Time
}

// handle carries out one request. Each may be sent again after any failure, and finishes what was left.
func (h *handler) handle(ctx context.Context, in decision.Request) (decision.Answer, error) {
	actions := map[string]func(context.Context, decision.Request) (decision.Answer, error){
		"": h.release, decision.ActionRelease: h.release, decision.ActionFind: h.find,
		decision.ActionVerdict: h.verdict, decision.ActionList: h.list, decision.ActionRemove: h.remove,
		decision.ActionBlock: h.block, decision.ActionUnblock: h.unblock, decision.ActionBlocked: h.listBlocked,
	}
	act, ok := actions[in.Action]
	if !ok {
		return decision.Answer{}, fmt.Errorf("%w: there is no action %q", job.ErrBadJob, in.Action)
	}
	log := slog.With("action", in.Action, "bucket", in.Bucket, "key", in.Key, "sha256", in.SHA256, "by", in.By)
	out, err := act(ctx, in)
	if err != nil {
		log.ErrorContext(ctx, "release", "error", job.Name(err), "cause", err.Error())
		return decision.Answer{}, err
	}
	log.InfoContext(ctx, "release", "done", out.Done)
	return out, nil
}

// release puts a quarantined object back. The steps are in the order in which none that is left out does harm: the
// entry that allows the content is published and read back before the object is there, or the scan of the copy would
// put it into quarantine again; the audit record comes last, and says that nothing is left to do.
func (h *handler) release(ctx context.Context, in decision.Request) (decision.Answer, error) {
	quarantined, err := h.inspect(ctx, in)
	if err != nil {
		return decision.Answer{}, fmt.Errorf("release %s: %w", quarantined.address(in), err)
	}
	answer, err := h.putBack(ctx, quarantined, in)
	if err != nil {
		return decision.Answer{}, fmt.Errorf("release %s: %w", quarantined.address(in), err)
	}
	return answer, nil
}

func (h *handler) putBack(ctx context.Context, q *quarantined, in decision.Request) (decision.Answer, error) {
	r, lifetime, err := h.newRelease(q, in)
	if err != nil {
		return decision.Answer{}, err
	}
	entry, _, err := h.readAllowed(ctx, q.sha256())
	if err != nil {
		return decision.Answer{}, err
	}
	earlier := entry.Released(r.Copy, r.Time)
	if earlier != nil {
		r = *earlier
		record, err := h.readRecord(ctx, decision.RecordKey(r.Time, q.sha256()))
		if err != nil || record != nil {
			return decision.Answer{Record: record, Done: true}, err
		}
	}
	if err := h.refuseBlocked(ctx, q.sha256()); err != nil {
		return decision.Answer{}, err
	}
	to, err := h.inspectDestination(ctx, q, earlier != nil)
	if err == nil {
		err = to.mayWrite(in.Overwrite)
	}
	if err != nil {
		return decision.Answer{}, err
	}
	if in.DryRun {
		record := newRecord(q, r, entry.Add(q.sha256(), r, r.Time.Add(lifetime)), to)
		return decision.Answer{Record: &record}, nil
	}
	allowed, r, err := h.allow(ctx, q.sha256(), r, lifetime)
	if err != nil {
		return decision.Answer{}, err
	}
	if to.back == nil {
		if to.back, err = h.copyBack(ctx, q, to); err != nil {
			return decision.Answer{}, err
		}
	}
	record := newRecord(q, r, allowed, to)
	if err := h.announce(ctx, record); err != nil {
		return decision.Answer{}, err
	}
	return decision.Answer{Record: &record}, h.writeRecord(ctx, record)
}

// newRelease returns the release that the request asks for, and for how long its signature is allowed.
func (h *handler) newRelease(q *quarantined, in decision.Request) (decision.Release, time.Duration, error) {
	if err := checkReason(in); err != nil {
		return decision.Release{}, 0, err
	}
	lifetime := time.Duration(in.Seconds) * time.Second
	if in.Seconds == 0 {
		lifetime = decision.DefaultTime
	}
	if in.Seconds < 0 || in.Seconds > int64(decision.MaxTime.Seconds()) {
		return decision.Release{}, 0, fmt.Errorf("%w: the content cannot be allowed for %d seconds, want 1 to %d",
			job.ErrBadJob, in.Seconds, int64(decision.MaxTime.Seconds()))
	}
	return decision.Release{
		By: in.By, Reason: in.Reason, Time: h.now().UTC(), Signature: q.job.Scan.Signature,
		Original: q.job.Object.Address(), Copy: address(q.at),
	}, lifetime, nil
}

// checkReason returns an error unless the request says who asks and why.
func checkReason(in decision.Request) error {
	if strings.TrimSpace(in.Reason) == "" || strings.TrimSpace(in.By) == "" {
		return fmt.Errorf("%w: a decision needs a reason and who made it", job.ErrBadJob)
	}
	return nil
}

// newRecord returns the audit record of a release.
func newRecord(q *quarantined, r decision.Release, allowed decision.Allowed, to *destination) decision.Record {
	return decision.Record{
		Version: decision.Version, Decision: decision.DecidedRelease, SHA256: q.sha256(),
		By: r.By, Reason: r.Reason, Time: r.Time, Signature: r.Signature, Signatures: allowed.Signatures,
		Expires: &allowed.Expires, Original: r.Original, Copy: r.Copy, Object: to.address(), Overwritten: to.overwritten(),
	}
}

// address returns the address of an object for programs.
func address(c job.Copy) string {
	return job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}.Address()
}
