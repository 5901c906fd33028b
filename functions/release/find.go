package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
)

// readers is how many documents are read at a time.
const readers = 16

// find returns the copies of one page of the quarantine bucket that one signature put there. A page is what S3 lists
// at a time: the records of 500 copies.
func (h *handler) find(ctx context.Context, in decision.Request) (decision.Answer, error) {
	if in.Signature == "" {
		return decision.Answer{}, fmt.Errorf("%w: find needs a signature", job.ErrBadJob)
	}
	page, next, err := h.page(ctx, h.quarantine, "", in.Next)
	if err != nil {
		return decision.Answer{}, err
	}
	var keys []string
	for _, key := range page {
		if copied, isRecord := strings.CutSuffix(key, recordEnd); isRecord {
			keys = append(keys, copied)
		}
	}
	copies := make([]*decision.Copy, len(keys))
	err = each(ctx, keys, func(ctx context.Context, i int, key string) (err error) {
		copies[i], err = h.copyBySignature(ctx, key, in.Signature)
		return err
	})
	answer := decision.Answer{Next: next}
	for _, c := range copies {
		if c != nil {
			answer.Copies = append(answer.Copies, *c)
		}
	}
	return answer, err
}

// copyBySignature returns a copy if this signature put it into quarantine, and nil otherwise.
func (h *handler) copyBySignature(ctx context.Context, key, signature string) (*decision.Copy, error) {
	j, err := h.readJob(ctx, key)
	if err != nil {
		return nil, err
	}
	q := quarantined{job: j}
	if j.Scan == nil || j.Scan.Verdict != job.Infected || j.Scan.Signature != signature {
		return nil, nil
	}
	found, err := h.move.Find(ctx, h.quarantine, key, "")
	if err != nil || found == nil { // its retention has ended, the record's has not
		return nil, err
	}
	entry, _, err := h.readAllowed(ctx, q.sha256())
	if err != nil {
		return nil, err
	}
	copied := address(found.Copy)
	return &decision.Copy{
		Copy: copied, Original: j.Object.Address(), SHA256: q.sha256(), Signature: signature, Time: j.Scan.Time,
		Released: entry.Released(copied, h.now()) != nil,
	}, nil
}

// page returns the keys of one page of a listing, and the token of the next one.
func (h *handler) page(ctx context.Context, bucket, prefix, token string) (keys []string, next string, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}
	if token != "" {
		in.ContinuationToken = &token
	}
	out, err := h.s3.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, awserr.Classify(err))
	}
	for _, o := range out.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys, aws.ToString(out.NextContinuationToken), nil
}

// each calls do with each of the keys, some at a time. The error is the first.
func each(ctx context.Context, keys []string, do func(ctx context.Context, i int, key string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, key := range keys {
		group.Go(func() error { return do(ctx, i, key) })
	}
	return group.Wait()
}

// entries reads the documents of one page below a prefix in the records bucket.
func entries[T any](
	ctx context.Context, h *handler, prefix, token string, read func(context.Context, string) (*T, error),
) (all []T, next string, err error) {
	keys, next, err := h.page(ctx, h.records, prefix, token)
	if err != nil {
		return nil, "", err
	}
	var mu sync.Mutex
	found := map[int]T{}
	err = each(ctx, keys, func(ctx context.Context, i int, key string) error {
		sha256 := strings.TrimSuffix(strings.TrimPrefix(key, prefix), ".json")
		if decision.CheckSHA256(sha256) != nil { // the index
			return nil
		}
		entry, err := read(ctx, sha256)
		if err != nil || entry == nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		found[i] = *entry
		return nil
	})
	for i := range keys {
		if entry, ok := found[i]; ok {
			all = append(all, entry)
		}
	}
	return all, next, err
}
