package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
)

// The metadata that says whose copy it is. A version is named only where the
// bucket has them.
const (
	sourceBucket  = move.Reserved + "source-bucket"
	sourceKey     = move.Reserved + "source-key"
	sourceVersion = move.Reserved + "source-version"
)

// record is what the copy's metadata says, most important first: S3 has 2 KB
// for metadata in all, the original's own comes before ours, and what does not
// fit is left out. Nothing is lost by that, since the whole job lies beside the
// copy.
func record(j job.Job, src *move.Source) []move.Entry {
	entries := []move.Entry{
		{Key: sourceBucket, Value: j.Object.Bucket},
		{Key: sourceVersion, Value: j.Object.Pinned()},
		{Key: move.Reserved + "verdict", Value: move.Printable(j.Scan.Outcome()), Varies: true},
		{Key: move.Reserved + "sha256", Value: scanned(j)},
		{Key: sourceKey, Value: move.PrintableKey(j.Object.Key)},
		{Key: move.Reserved + "source-etag", Value: move.Printable(j.Object.ETag), Varies: true},
		{Key: move.Reserved + "source-modified", Value: src.Modified.Format(time.RFC3339), Varies: true},
		{Key: move.Reserved + "scan-time", Value: j.Scan.Time.UTC().Format(time.RFC3339), Varies: true},
	}
	if d := j.Scan.Definitions; d != nil {
		entries = append(entries, move.Entry{Key: move.Reserved + "definitions", Value: strconv.Itoa(d.Version), Varies: true})
	}
	return entries
}

// ours checks what can be known of a copy whose bytes nobody scanned: its size,
// and the names in its record, as far as they were written.
func ours(found *move.Found, j job.Job) error {
	at := found.Copy.String()
	if found.Size != j.Object.Size {
		return fmt.Errorf("%s: %w: %d bytes, announced were %d", at, move.ErrOtherBytes, found.Size, j.Object.Size)
	}
	want := map[string]string{
		sourceBucket: j.Object.Bucket, sourceVersion: j.Object.Pinned(), sourceKey: move.PrintableKey(j.Object.Key),
	}
	for key, value := range want {
		if is, written := found.Metadata[key]; written && is != value {
			return fmt.Errorf("%s: %w: its %s is %q", at, move.ErrOtherBytes, key, is)
		}
	}
	return nil
}

// Record writes the job beside the copy, as <key>.json. It is written with each
// attempt, so that the last one stands.
func (p *policy) Record(ctx context.Context, copied job.Copy) error {
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
