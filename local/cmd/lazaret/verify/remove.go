package verify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

const (
	// removeWithin bounds the removal of everything that a run has created.
	removeWithin = 30 * time.Second
	// endWithin bounds the wait for executions at the beginning of the removal. An execution that goes on may move its
	// object after the removal.
	endWithin = 15 * time.Second
)

// remove removes everything that this run has created and can remove, also after ctx has ended. It returns what is
// left.
func (r *run) remove(ctx context.Context) (left []string) {
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	running := r.awaitExecutions(ctx, stopped)
	uploads, err := r.removePrefix(ctx, r.stack.uploads(), r.prefix)
	left = append(left, leftOver(err, "objects in s3://%s/%s", r.stack.uploads(), r.prefix)...)
	left = append(
		left,
		leftOver(r.abortUploads(ctx), "multipart uploads in s3://%s/%s", r.stack.uploads(), r.prefix)...)
	if r.stack.threeBuckets() {
		_, err := r.removePrefix(ctx, r.stack.clean(), r.prefix)
		left = append(left, leftOver(err, "objects in s3://%s/%s", r.stack.clean(), r.prefix)...)
	}
	var kept []string
	for _, p := range r.uploaded {
		if key := p.object.QuarantineKey(); uploads == nil || !uploads[p.object.VersionID] {
			if _, err = r.removePrefix(ctx, r.stack.quarantine(), key); err != nil {
				kept = append(kept, key)
			}
		}
	}
	if kept != nil {
		left = append(
			left,
			fmt.Sprintf(
				"in s3://%s, if they were moved there: %s (%s)",
				r.stack.quarantine(),
				strings.Join(kept, ", "),
				removeError(err),
			),
		)
	}
	left = append(left, r.removeLetters(ctx)...)
	if running > 0 {
		left = append(left, fmt.Sprintf("%d executions that still run, and end as Gone or as dead letters", running))
	}
	return append(
		left,
		fmt.Sprintf(
			"the executions of %s whose names begin with lazaret-verify-, their log lines, metrics and announcements",
			r.stack.Name,
		),
	)
}

// awaitExecutions waits for the executions of this run and returns how many go on.
func (r *run) awaitExecutions(ctx context.Context, stopped bool) (running int) {
	limit := endWithin
	if stopped || r.blocked.Load() {
		limit = 3 * time.Second
	}
	r.started.Wait() // ends with the run
	deadline := time.Now().Add(limit)
	for _, p := range r.uploaded {
		for {
			some, settled, err := r.state(ctx, p)
			if settled || err != nil {
				break
			}
			if time.Now().After(deadline) {
				if some {
					running++
				}
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return running
}

// state reports whether a probe has an execution, and whether its last one has ended.
func (r *run) state(ctx context.Context, p *probe) (some, settled bool, err error) {
	if p.execution.status != "" {
		return true, true, nil
	}
	found, err := r.histories.FindName(ctx, nameOf(p.object), history.Window{Since: p.at.Add(-time.Minute)})
	if errors.Is(err, history.ErrNotFound) {
		return false, false, nil
	}
	return len(found) > 0, slices.ContainsFunc(found, history.Execution.Settled), err
}

// removePrefix removes every version and delete marker under a prefix, and returns their ids.
func (r *run) removePrefix(ctx context.Context, bucket, prefix string) (versions map[string]bool, err error) {
	versions = map[string]bool{}
	pages := s3.NewListObjectVersionsPaginator(
		r.s3,
		&s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl},
	)
	var all []types.ObjectIdentifier
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		add := func(key, version *string) {
			if page.EncodingType == types.EncodingTypeUrl {
				if plain, err := url.QueryUnescape(aws.ToString(key)); err == nil {
					key = &plain
				}
			}
			all = append(all, types.ObjectIdentifier{Key: key, VersionId: version})
			versions[aws.ToString(version)] = true
		}
		for _, v := range page.Versions {
			add(v.Key, v.VersionId)
		}
		for _, m := range page.DeleteMarkers {
			add(m.Key, m.VersionId)
		}
	}
	for _, o := range all { // a few dozen; DeleteObjects returns no error for a refused object
		_, failed := r.s3.DeleteObject(
			ctx,
			&s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key, VersionId: o.VersionId},
		)
		if failed != nil {
			err = failed
		}
	}
	return versions, err
}

// abortUploads aborts multipart uploads that were not completed.
func (r *run) abortUploads(ctx context.Context) error {
	bucket := r.stack.uploads()
	out, err := r.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &r.prefix})
	if err != nil {
		return err
	}
	for _, u := range out.Uploads {
		_, failed := r.s3.AbortMultipartUpload(
			ctx,
			&s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId},
		)
		if failed != nil {
			err = failed
		}
	}
	return err
}

// removeLetters removes this run's dead letters: of the invalid message, and of executions that failed.
func (r *run) removeLetters(ctx context.Context) (left []string) {
	pending := r.messageSent.Load() && !r.letterRemoved.Load()
	expected := 0
	for _, p := range r.uploaded {
		if s := p.execution.status; s != "" && s != history.Succeeded {
			expected++
		}
	}
	if expected > 0 || pending {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if pending {
			expected++
		}
		found, _, err := r.receive(limited, r.stack.Outputs["DeadLetterQueueUrl"], expected, r.isOfRun)
		if n := expected - len(found); n > 0 && err != nil {
			left = append(
				left,
				fmt.Sprintf(
					"%d letters about this run (%s in their text), which are or will be in %s",
					n,
					r.id,
					queue(r.stack.Outputs["DeadLetterQueueUrl"]),
				),
			)
		}
	}
	return left
}

// leftOver returns a line about something that could not be removed, or nothing without an error.
func leftOver(err error, format string, args ...any) []string {
	if err == nil {
		return nil
	}
	return []string{fmt.Sprintf(format, args...) + " (" + removeError(err) + ")"}
}

func removeError(err error) string {
	if refused(err) {
		return "you may not remove them"
	}
	return brief(err.Error())
}
