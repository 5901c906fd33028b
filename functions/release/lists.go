package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
)

// shownReleases is how many releases of each entry a list has, so that a page fits into an answer of Lambda (6 MB).
const shownReleases = 3

// errNotListed: there is no entry to remove.
var errNotListed = errors.New("there is no such entry")

// list returns one page of the contents that are allowed, each with its last releases.
func (h *handler) list(ctx context.Context, in decision.Request) (decision.Answer, error) {
	all, next, err := entries(ctx, h, decision.AllowedPrefix, in.Next,
		func(ctx context.Context, sha256 string) (*decision.Allowed, error) {
			entry, _, err := h.readAllowed(ctx, sha256)
			if entry != nil {
				entry.Releases = entry.Releases[max(0, len(entry.Releases)-shownReleases):]
			}
			return entry, err
		})
	return decision.Answer{Allowed: all, Next: next}, err
}

// remove takes a content off the allowed ones. The record is written first: a removal that was not carried out is
// asked for again, but one without a record would never be known.
func (h *handler) remove(ctx context.Context, in decision.Request) (decision.Answer, error) {
	if err := errors.Join(decision.CheckSHA256(in.SHA256), checkReason(in)); err != nil {
		return decision.Answer{}, fmt.Errorf("remove %s: %w", in.SHA256, err)
	}
	entry, _, err := h.readAllowed(ctx, in.SHA256)
	if err == nil && entry == nil {
		err = fmt.Errorf("%w: this content is not allowed", errNotListed)
	}
	if err != nil {
		return decision.Answer{}, fmt.Errorf("remove %s: %w", in.SHA256, err)
	}
	record := h.decide(decision.DecidedRemove, in)
	record.Signatures = entry.Signatures
	return h.recordAndDelete(ctx, in, record, decision.AllowedKey(in.SHA256))
}

// decide returns the record of a decision about a content.
func (h *handler) decide(what string, in decision.Request) decision.Record {
	return decision.Record{
		Version: decision.Version, Decision: what, SHA256: in.SHA256,
		By: in.By, Reason: in.Reason, Time: h.now().UTC(),
	}
}

// recordAndDelete announces and records a removal and carries it out.
func (h *handler) recordAndDelete(
	ctx context.Context, in decision.Request, record decision.Record, key string,
) (decision.Answer, error) {
	if in.DryRun {
		return decision.Answer{Record: &record}, nil
	}
	err := h.announce(ctx, record)
	if err == nil {
		err = h.writeRecord(ctx, record)
	}
	if err == nil {
		if _, err = h.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &h.records, Key: &key}); err != nil {
			err = fmt.Errorf("delete s3://%s/%s: %w", h.records, key, awserr.Classify(err))
		}
	}
	if err != nil {
		return decision.Answer{}, err
	}
	return decision.Answer{Record: &record}, nil
}

// block makes a content INFECTED from now on: the entry, then the index that scan reads.
func (h *handler) block(ctx context.Context, in decision.Request) (decision.Answer, error) {
	answer, err := h.blockContent(ctx, in)
	if err != nil {
		return decision.Answer{}, fmt.Errorf("block %s: %w", in.SHA256, err)
	}
	return answer, nil
}

func (h *handler) blockContent(ctx context.Context, in decision.Request) (decision.Answer, error) {
	if err := errors.Join(decision.CheckSHA256(in.SHA256), checkReason(in)); err != nil {
		return decision.Answer{}, err
	}
	if canary.IsSampleSHA256(in.SHA256) {
		return decision.Answer{}, refuseSample(in.SHA256)
	}
	record := h.decide(decision.DecidedBlock, in)
	there, err := h.readBlocked(ctx, in.SHA256)
	if err != nil {
		return decision.Answer{}, err
	}
	if there != nil { // an earlier request may not have finished
		record.By, record.Reason, record.Time = there.By, there.Reason, there.Time
		done, err := h.readRecord(ctx, decision.RecordKey(there.Time, in.SHA256))
		if err != nil || done != nil {
			return decision.Answer{Record: done, Done: true}, err
		}
	}
	if in.DryRun {
		return decision.Answer{Record: &record}, nil
	}
	if there == nil {
		if err := h.writeBlocked(ctx, record); err != nil {
			return decision.Answer{}, err
		}
	}
	if err := h.writeIndex(ctx); err != nil {
		return decision.Answer{}, err
	}
	if err := h.announce(ctx, record); err != nil {
		return decision.Answer{}, err
	}
	return decision.Answer{Record: &record}, h.writeRecord(ctx, record)
}

// refuseSample refuses to decide about a sample: function canary and lazaret verify upload it to see that the engine
// calls the infected one INFECTED and the clean one CLEAN, and would report a failure for as long as the decision
// stands.
func refuseSample(sha256 string) error {
	return fmt.Errorf("%w: the bytes with the SHA-256 %s are a test file (EICAR, or the clean sample), with which "+
		"function canary and lazaret verify check this stack: they are neither released nor blocked",
		job.ErrBadJob, sha256)
}

// writeBlocked writes the entry of a content that is not blocked yet.
func (h *handler) writeBlocked(ctx context.Context, record decision.Record) error {
	blocked, err := h.blockedKeys(ctx)
	if err != nil {
		return err
	}
	if len(blocked) >= decision.MaxBlocked {
		return fmt.Errorf("%w: %d contents are blocked, which is the most", job.ErrBadJob, len(blocked))
	}
	body, err := decision.Encode(decision.Blocked{
		Version: decision.Version, SHA256: record.SHA256, By: record.By, Reason: record.Reason, Time: record.Time,
	})
	if err != nil {
		return err
	}
	written, err := h.put(ctx, decision.BlockedKey(record.SHA256), body, nil)
	if err == nil && !written {
		err = fmt.Errorf("%w: somebody else blocked it at the same time", job.ErrTransient)
	}
	return err
}

// unblock takes a content off the blocked ones. Scan asks for the entry of what the index has, so that the removal
// counts at once.
func (h *handler) unblock(ctx context.Context, in decision.Request) (decision.Answer, error) {
	if err := errors.Join(decision.CheckSHA256(in.SHA256), checkReason(in)); err != nil {
		return decision.Answer{}, fmt.Errorf("unblock %s: %w", in.SHA256, err)
	}
	there, err := h.readBlocked(ctx, in.SHA256)
	if err == nil && there == nil {
		err = fmt.Errorf("%w: this content is not blocked", errNotListed)
	}
	var answer decision.Answer
	if err == nil {
		record := h.decide(decision.DecidedUnblock, in)
		answer, err = h.recordAndDelete(ctx, in, record, decision.BlockedKey(in.SHA256))
	}
	if err == nil && !in.DryRun {
		err = h.writeIndex(ctx)
	}
	if err != nil {
		return decision.Answer{}, fmt.Errorf("unblock %s: %w", in.SHA256, err)
	}
	return answer, nil
}

// listBlocked returns one page of the contents that are blocked.
func (h *handler) listBlocked(ctx context.Context, in decision.Request) (decision.Answer, error) {
	all, next, err := entries(ctx, h, decision.BlockedPrefix, in.Next, h.readBlocked)
	return decision.Answer{Blocked: all, Next: next}, err
}

// readBlocked returns the entry that blocks a content, nil if there is none.
func (h *handler) readBlocked(ctx context.Context, sha256 string) (*decision.Blocked, error) {
	key := decision.BlockedKey(sha256)
	body, _, err := h.get(ctx, h.records, key)
	if err != nil || body == nil {
		return nil, err
	}
	var blocked decision.Blocked
	if err := json.Unmarshal(body, &blocked); err != nil {
		return nil, fmt.Errorf("decode s3://%s/%s: %w", h.records, key, err)
	}
	return &blocked, nil
}

// refuseBlocked returns an error if a content is blocked: the scan of what was put back would find it INFECTED again.
func (h *handler) refuseBlocked(ctx context.Context, sha256 string) error {
	blocked, err := h.readBlocked(ctx, sha256)
	if err != nil || blocked == nil {
		return err
	}
	return fmt.Errorf("%w: %s has blocked this content (%s); to unblock it: lazaret block remove %s",
		job.ErrBadJob, blocked.By, blocked.Reason, sha256)
}

// writeIndex makes the index from the entries that are there, so that each run repairs it.
func (h *handler) writeIndex(ctx context.Context) error {
	for range conflicts {
		_, eTag, err := h.get(ctx, h.records, decision.IndexKey)
		if err != nil {
			return err
		}
		blocked, err := h.blockedKeys(ctx)
		if err != nil {
			return err
		}
		body, err := decision.Encode(decision.Index{Version: decision.Version, SHA256: blocked})
		if err != nil {
			return err
		}
		if written, err := h.put(ctx, decision.IndexKey, body, eTag); err != nil || written {
			return err
		}
	}
	return fmt.Errorf("%w: others wrote s3://%s/%s each time", job.ErrTransient, h.records, decision.IndexKey)
}

// blockedKeys returns the SHA-256 of all contents that are blocked, sorted.
func (h *handler) blockedKeys(ctx context.Context) ([]string, error) {
	all := []string{}
	for token := ""; ; {
		keys, next, err := h.page(ctx, h.records, decision.BlockedPrefix, token)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			sha256 := strings.TrimSuffix(strings.TrimPrefix(key, decision.BlockedPrefix), ".json")
			if decision.CheckSHA256(sha256) == nil {
				all = append(all, sha256)
			}
		}
		if token = next; next == "" {
			slices.Sort(all)
			return all, nil
		}
	}
}
