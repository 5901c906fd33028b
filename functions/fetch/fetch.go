package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/workdir"
)

// maxFetches is how often a job is fetched: Refetch in statemachine/scan.asl.json.
const maxFetches = 3

// objects is what fetch needs of S3.
type objects interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
}

// handler copies an object version to a work file and proves that it has all of
// its bytes. What can be known to be unscannable without a byte is decided here.
type handler struct {
	s3  objects
	dir *workdir.Dir
}

func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	out, err := h.fetch(ctx, j)
	if err != nil {
		err = fmt.Errorf("fetch %s: %w", j.Object, original.Confirm(ctx, h.s3, j.Object, err))
	}
	return out, err
}

func (h *handler) fetch(ctx context.Context, j job.Job) (job.Job, error) {
	fetches := 1
	if j.Work != nil {
		fetches += j.Work.Fetches
	}
	if err := h.removeEarlier(j); err != nil {
		return j, err
	}
	head, err := h.head(ctx, j.Object)
	if err != nil {
		return j, err
	}
	j.Error = nil // that the work file was gone before is no part of the outcome
	if head.unscannable != "" {
		j.Work = &job.Work{Fetches: fetches}
		j.Scan = &job.Scan{
			Verdict: job.Unscannable, Reason: head.unscannable, Detail: head.detail,
			Size: max(head.size, j.Object.Size), Engine: job.Engine{Name: "none"}, Time: time.Now().UTC(),
		}
		j.Object.Size, j.Copy = j.Scan.Size, nil // a copy would be an earlier verdict's
		return j, nil
	}
	j.Object.Size = head.size // S3's own word, where an operator's list may have been wrong
	name := workdir.Name(j.ExecutionName(), fetches)
	if j.Work != nil && j.Work.File != "" && j.Work.File != name {
		// Scan did not see it; where it is there after all, nobody will ask for it again.
		if err := h.dir.Remove(j.Work.File); err != nil {
			return j, fmt.Errorf("fetch %s again: %w", j.Object, err)
		}
	}
	sum, err := h.download(ctx, j.Object, head, name)
	if err != nil {
		// What is there of the file is of no use, and a full volume needs the room.
		return j, errors.Join(err, h.dir.Remove(name))
	}
	j.Work = &job.Work{File: name, Size: head.size, SHA256: sum, Fetches: fetches}
	return j, nil
}

// removeEarlier removes the work files that the attempt before this one left, if
// it did: a job whose Scan failed for good ends as a dead letter, and nobody asks
// for its file again.
func (h *handler) removeEarlier(j job.Job) error {
	if j.Attempt == 0 {
		return nil
	}
	before := j
	before.Attempt--
	for n := 1; n <= maxFetches; n++ {
		if err := h.dir.Remove(workdir.Name(before.ExecutionName(), n)); err != nil {
			return fmt.Errorf("remove the work file of attempt %d: %w", before.Attempt, err)
		}
	}
	return nil
}

// stored is what S3 says of the object before any byte of it is asked for.
type stored struct {
	size        int64
	id          *string // the version id to address, nil where there are no versions
	eTag        string
	checksums   []checksum // that the bytes must have
	unscannable job.Reason // empty when it can be fetched
	detail      string
}

func (h *handler) head(ctx context.Context, o job.Object) (stored, error) {
	out, id, err := original.Head(ctx, h.s3, o, s3.HeadObjectInput{ChecksumMode: types.ChecksumModeEnabled})
	switch {
	case err != nil && awserr.Status(err) == http.StatusBadRequest:
		return h.customerKey(ctx, o, err)
	case err != nil:
		return stored{}, fmt.Errorf("head object: %w", err)
	}
	s := stored{size: aws.ToInt64(out.ContentLength), id: id, eTag: aws.ToString(out.ETag), checksums: expected(out)}
	switch {
	case archived(out):
		s.unscannable, s.detail = job.Unreadable, "archived in storage class "+string(out.StorageClass)
	case s.size > clamav.MaxFileSize:
		s.unscannable = job.TooLarge
		s.detail = fmt.Sprintf("%d bytes, the engine takes %d", s.size, clamav.MaxFileSize)
	}
	return s, nil
}

// customerKey finds out whether a HEAD was a bad request because the object is
// encrypted with a key that its uploader kept (SSE-C): a HEAD's answer has no
// body to say so, a GET's has. Any other bad request is an error.
func (h *handler) customerKey(ctx context.Context, o job.Object, headErr error) (stored, error) {
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if v := o.Pinned(); v != "" {
		in.VersionId = &v
	}
	out, err := h.s3.GetObject(ctx, in)
	if err == nil {
		return stored{}, fmt.Errorf("head object: %w", errors.Join(headErr, out.Body.Close()))
	}
	if awserr.Status(err) == http.StatusBadRequest && strings.Contains(strings.ToLower(err.Error()), "encrypt") {
		return stored{unscannable: job.Unreadable, detail: "encrypted with a customer-provided key (SSE-C)"}, nil
	}
	return stored{}, fmt.Errorf("head object: %w", meaning(err))
}

// archived reports whether the object must be restored before it can be read.
// Of the archive classes, Glacier Instant Retrieval can be read at once.
func archived(out *s3.HeadObjectOutput) bool {
	if strings.Contains(aws.ToString(out.Restore), `ongoing-request="false"`) {
		return false
	}
	return out.StorageClass == types.StorageClassGlacier || out.StorageClass == types.StorageClassDeepArchive || out.ArchiveStatus != ""
}

// meaning says what an error of a read of the source is to the state machine.
// A 412 can only be an overwrite: every read is bound to the version or ETag.
func meaning(err error) error {
	switch {
	case awserr.NotFound(err):
		return fmt.Errorf("%w: %w", job.ErrObjectGone, err)
	case awserr.PreconditionFailed(err):
		return fmt.Errorf("%w: %w", job.ErrObjectChanged, err)
	}
	return awserr.Classify(err)
}
