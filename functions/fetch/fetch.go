package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/workdir"
)

// maxFetches is how often a job may be fetched; the state Refetch in statemachine/scan.asl.json has
// the same limit.
const maxFetches = 3

// s3API is what fetch calls of S3.
type s3API interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
}

// handler downloads an object version to a work file and verifies that the file has all of its bytes.
// An object that cannot be scanned, as S3's metadata shows, gets its verdict here and is not
// downloaded.
type handler struct {
	s3  s3API
	dir *workdir.Dir
}

// handle fetches the object of j and returns j with Work, or with the verdict that
// needs no scan.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	out, err := h.fetch(ctx, j)
	if err != nil {
		return job.Job{}, fmt.Errorf("fetch %s: %w", j.Object, original.Confirm(ctx, h.s3, j.Object, err))
	}
	return out, nil
}

func (h *handler) fetch(ctx context.Context, j job.Job) (job.Job, error) {
	fetches := 1
	if j.Work != nil {
		fetches += j.Work.Fetches
	}
	if err := h.removeFilesOfLastAttempt(j); err != nil {
		return j, err
	}
	head, err := h.look(ctx, j.Object)
	if err != nil {
		return j, err
	}
	j.Error = nil // the WorkFileGone that the state machine caught before it fetched again
	if head.unscannable != "" {
		j.Work = &job.Work{Fetches: fetches}
		j.Scan = &job.Scan{
			Verdict: job.Unscannable, Reason: head.unscannable, Detail: head.detail,
			Size: max(head.size, j.Object.Size), Engine: job.Engine{Name: "none"}, Time: time.Now().UTC(),
		}
		j.Object.Size, j.Copy = j.Scan.Size, nil // an earlier attempt's copy belongs to its verdict
		return j, nil
	}
	j.Object.Size = head.size // an operator's list may have named another size
	name := workdir.Name(j.WorkName(), fetches)
	if j.Work != nil && j.Work.File != "" && j.Work.File != name {
		// Scan did not find this file. If it exists all the same, no job refers to it now.
		if err := h.dir.Remove(j.Work.File); err != nil {
			return j, fmt.Errorf("fetch %s again: %w", j.Object, err)
		}
	}
	sum, err := h.download(ctx, j.Object, head, name)
	if err != nil {
		// Remove the incomplete file: the volume may be full.
		return j, errors.Join(err, h.dir.Remove(name))
	}
	j.Work = &job.Work{File: name, Size: head.size, SHA256: sum, Fetches: fetches}
	return j, nil
}

// removeFilesOfLastAttempt removes the work files of the attempt before this one. If its Scan failed
// finally, the job became a dead letter, and its file stayed. The file of an EXPRESS execution stays
// until freshclam removes it for its age: its lane is not known here, and a STANDARD execution that
// took over from it may run beside it.
func (h *handler) removeFilesOfLastAttempt(j job.Job) error {
	if j.Attempt == 0 {
		return nil
	}
	last := j
	last.Attempt, last.Lane = last.Attempt-1, ""
	for n := 1; n <= maxFetches; n++ {
		if err := h.dir.Remove(workdir.Name(last.WorkName(), n)); err != nil {
			return fmt.Errorf("remove the work file of attempt %d: %w", last.Attempt, err)
		}
	}
	return nil
}
