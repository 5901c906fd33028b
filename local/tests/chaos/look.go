package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// result is what there is after a run.
type result struct {
	layout    string
	held      []held
	letters   map[name]string // why, by the version that a dead letter names
	nonsense  []string        // dead letters that name no object
	sent      []string        // messages that are no uploads
	announced map[name][]job.Verdict
	breaches  []string // reads that must not have been possible
	guarded   int      // reads of versions that are not clean, and were refused
	workFiles []string // that nothing explains
	swept     []string // work files of executions that died, which freshclam removes days later
	processes []string // that were left after the end
	permits   string   // what is wrong with the permits, "" if nothing is

	hadLetter  int // dead letters before they were redriven
	crashed    int // versions that were scanned again, because their engines had been killed
	lostBefore []wrong
}

// held is a version in a bucket.
type held struct {
	bucket   string
	name            // of itself
	original name   // that it is or was copied from
	hash     string // of the original, see job.Object.QuarantineKey, if a copy tells no more
	recorded bool   // whether a copy in quarantine has its record
	latest   bool   // whether it is its key's current version
	status   string // scan-status
	detail   string // scan-detail
	tags     map[string]string
	metadata map[string]string // without Lazaret's
	headers  headers
	sha256   [sha256.Size]byte
	size     int64
	modified time.Time
	// originalStored is when the original was stored, for a copy by what its metadata says.
	originalStored time.Time
}

// look reads all versions in all buckets, as roles that may, and the dead letters.
func (r *run) look(ctx context.Context) (*result, error) {
	now, err := r.lettersOnly(ctx)
	if err != nil {
		return nil, err
	}
	now.layout, now.sent = r.layout, r.nonsense
	readers := map[string]string{harness.Uploads: "Fetch", harness.Quarantine: "Quarantine"}
	if r.layout == "three-bucket" {
		readers[harness.Clean] = "Promote"
	}
	for bucket, function := range readers {
		reader := r.stack.machine.As("lazaret-" + function + "FunctionRole").S3
		all, err := r.lookInto(ctx, reader, bucket)
		if err != nil {
			return nil, err
		}
		now.held = append(now.held, all...)
	}
	r.ledger.recognise(now.held)
	return now, nil
}

// lettersOnly reads the dead letters alone.
func (r *run) lettersOnly(ctx context.Context) (*result, error) {
	bodies, err := r.drain(ctx, harness.DeadLetterQueue, true)
	if err != nil {
		return nil, err
	}
	var now result
	now.letters, now.nonsense = r.lettersOf(bodies)
	return &now, nil
}

// lookInto reads all versions in a bucket.
func (r *run) lookInto(ctx context.Context, reader *s3.Client, bucket string) ([]held, error) {
	var mu sync.Mutex
	var all []held
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(4)
	pages := s3.NewListObjectVersionsPaginator(r.clients.S3, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("list the versions in %s: %w", bucket, err), group.Wait())
		}
		for _, v := range page.Versions {
			if bucket == harness.Quarantine && strings.HasSuffix(*v.Key, ".json") {
				continue // the record beside a copy
			}
			h := held{
				bucket: bucket, name: name{*v.Key, aws.ToString(v.VersionId)}, latest: aws.ToBool(v.IsLatest),
				modified: aws.ToTime(v.LastModified),
			}
			group.Go(func() error {
				if err := h.read(reading, reader); err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, h)
				return nil
			})
		}
	}
	return all, group.Wait()
}

// read reads the tags, the metadata and the bytes of a version.
func (h *held) read(ctx context.Context, reader *s3.Client) error {
	at := job.Object{Bucket: h.bucket, Key: h.key, VersionID: h.id}
	tags, err := reader.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &h.bucket, Key: &h.key, VersionId: &h.id})
	if err != nil {
		return fmt.Errorf("read the tags of %s: %w", at, err)
	}
	verdict := verdicttag.Verdict(tags.TagSet)
	h.status, h.detail, h.tags = verdict[verdicttag.Status], verdict[verdicttag.Detail], map[string]string{}
	for _, t := range verdicttag.WithoutVerdict(tags.TagSet) {
		if !strings.HasPrefix(*t.Key, "lazaret-") { // the origin of a copy
			h.tags[*t.Key] = aws.ToString(t.Value)
		}
	}
	out, err := reader.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.bucket, Key: &h.key, VersionId: &h.id})
	if err != nil {
		return fmt.Errorf("read %s: %w", at, err)
	}
	defer out.Body.Close()
	sum := sha256.New()
	if h.size, err = io.Copy(sum, out.Body); err != nil {
		return fmt.Errorf("read %s: %w", at, err)
	}
	h.sha256 = [sha256.Size]byte(sum.Sum(nil))
	h.metadata = map[string]string{}
	for k, v := range out.Metadata {
		if !strings.HasPrefix(k, "lazaret-") {
			h.metadata[k] = v
		}
	}
	h.headers = headers{
		aws.ToString(out.ContentType), aws.ToString(out.CacheControl), aws.ToString(out.ContentDisposition),
	}
	h.original, h.originalStored = h.name, h.modified
	if at, err := time.Parse(time.RFC3339, out.Metadata["lazaret-source-modified"]); err == nil {
		h.originalStored = at
	}
	switch h.bucket {
	case harness.Quarantine:
		return h.readRecord(ctx, reader, out.Metadata)
	case harness.Clean:
		h.readOrigin(out.Metadata, tags.TagSet)
	}
	return nil
}

// readOrigin finds the original of a copy in the clean bucket in its metadata or, where that had no room, in a tag.
func (h *held) readOrigin(metadata map[string]string, tags []types.Tag) {
	h.original.id = metadata["lazaret-source-version"]
	for _, t := range tags {
		// The hash, the sequencer, the time and the bucket: functions/promote/origin.go.
		fields := strings.Fields(aws.ToString(t.Value))
		if *t.Key != "lazaret-source" || h.original.id != "" || len(fields) != 4 {
			continue
		}
		h.hash = fields[0]
		if at, err := time.Parse(time.RFC3339, fields[2]); err == nil {
			h.originalStored = at
		}
	}
}

// readRecord finds the original of a copy in quarantine in the record beside it, or in its metadata.
func (h *held) readRecord(ctx context.Context, reader *s3.Client, metadata map[string]string) error {
	out, err := reader.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.bucket, Key: aws.String(h.key + ".json")})
	if awsclient.Status(err) == http.StatusNotFound {
		key, err := url.PathUnescape(metadata["lazaret-source-key"])
		h.original, h.hash = name{key, metadata["lazaret-source-version"]}, h.key
		return err
	}
	if err != nil {
		return fmt.Errorf("read the record of s3://%s/%s: %w", h.bucket, h.key, err)
	}
	defer out.Body.Close()
	var record job.Job
	if err := json.NewDecoder(out.Body).Decode(&record); err != nil {
		return fmt.Errorf("read the record of s3://%s/%s: %w", h.bucket, h.key, err)
	}
	h.original, h.recorded = name{record.Object.Key, record.Object.VersionID}, true
	return nil
}
