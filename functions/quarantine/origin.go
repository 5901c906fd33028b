package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
)

// keySource is the metadata key for the original's key.
const keySource = move.Reserved + "source-key"

// newOrigin returns the metadata that says which version the copy of src was made
// from, and why. The most important entries come first: S3 has 2 KB for all
// metadata, the original's own comes first, and entries that do not fit are left
// out. The record beside the copy has all of it.
func newOrigin(j job.Job, src *move.Source) []move.Entry {
	entries := []move.Entry{
		{Key: move.KeyBucket, Value: j.Object.Bucket},
		{Key: move.KeyVersion, Value: j.Object.Pinned()},
		{Key: move.Reserved + "verdict", Value: move.Printable(j.Scan.Outcome()), Varies: true},
		{Key: move.KeySHA256, Value: scannedSHA256(j)},
		{Key: keySource, Value: move.PrintableKey(j.Object.Key)},
		{Key: move.Reserved + "source-etag", Value: move.Printable(j.Object.ETag), Varies: true},
		{Key: move.KeyModified, Value: src.Modified.Format(time.RFC3339), Varies: true},
		{Key: move.Reserved + "scan-time", Value: j.Scan.Time.UTC().Format(time.RFC3339), Varies: true},
	}
	if d := j.Scan.Definitions; d != nil {
		version := strconv.Itoa(d.Version)
		entries = append(entries, move.Entry{Key: move.Reserved + "definitions", Value: version, Varies: true})
	}
	return entries
}

// checkUnscanned returns a move.ErrOtherBytes if found cannot be a copy of an object
// that was never fetched, by its size or by the entries of its origin.
func checkUnscanned(found *move.Found, j job.Job) error {
	at := found.Copy.String()
	if found.Size != j.Object.Size {
		return fmt.Errorf("%s: %w: %d bytes, the original has %d", at, move.ErrOtherBytes, found.Size, j.Object.Size)
	}
	want := map[string]string{
		move.KeyBucket:  j.Object.Bucket,
		move.KeyVersion: j.Object.Pinned(),
		keySource:       move.PrintableKey(j.Object.Key),
	}
	for key, value := range want {
		if got, written := found.Metadata[key]; written && got != value {
			return fmt.Errorf("%s: %w: %s is %q, want %q", at, move.ErrOtherBytes, key, got, value)
		}
	}
	return nil
}
