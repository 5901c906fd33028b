package verify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// How long what is removed may take, and how long of that is spent on waiting for
// executions to end whose objects would otherwise arrive somewhere afterwards.
const (
	removeWithin = 30 * time.Second
	endWithin    = 15 * time.Second
)

// remove removes everything of this run that can be, also after ctx has ended, and
// says what is left.
func (r *run) remove(ctx context.Context) (left []string) {
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	running := r.settle(ctx, stopped)
	uploads, err := r.removeUnder(ctx, r.stack.uploads(), r.place)
	left = append(left, remark(err, "objects in s3://%s/%s", r.stack.uploads(), r.place)...)
	left = append(left, remark(r.abort(ctx), "multipart uploads in s3://%s/%s", r.stack.uploads(), r.place)...)
	if r.stack.threeBuckets() {
		_, err := r.removeUnder(ctx, r.stack.clean(), r.place)
		left = append(left, remark(err, "objects in s3://%s/%s", r.stack.clean(), r.place)...)
	}
	var kept []string
	for _, p := range r.made {
		if key := p.object.QuarantineKey(); uploads == nil || !uploads[p.object.VersionID] {
			if _, err = r.removeUnder(ctx, r.stack.quarantine(), key); err != nil {
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
				reason(err),
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

// settle waits for the executions of this run and counts those that go on.
func (r *run) settle(ctx context.Context, stopped bool) (running int) {
	limit := endWithin
	if stopped || r.stuck.Load() {
		limit = 3 * time.Second
	}
	r.started.Wait() // following ends with the run
	deadline := time.Now().Add(limit)
	for _, p := range r.made {
		for {
			out, err := r.sfn.DescribeExecution(
				ctx,
				&sfn.DescribeExecutionInput{ExecutionArn: aws.String(r.execution(p.object))},
			)
			_, absent := errors.AsType[*sfntypes.ExecutionDoesNotExist](err)
			if err == nil && out.Status != sfntypes.ExecutionStatusRunning || err != nil && !absent {
				break
			}
			if time.Now().After(deadline) {
				if !absent {
					running++
				}
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return running
}

// removeUnder removes every version and delete marker under a prefix, and returns the
// ids of what was there.
func (r *run) removeUnder(ctx context.Context, bucket, prefix string) (versions map[string]bool, err error) {
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
	for _, o := range all { // a few dozen; DeleteObjects answers a refusal as a success of the whole
		if _, failed := r.s3.DeleteObject(
			ctx,
			&s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key, VersionId: o.VersionId},
		); failed != nil {
			err = failed
		}
	}
	return versions, err
}

// abort ends multipart uploads that were begun and not completed.
func (r *run) abort(ctx context.Context) error {
	bucket := r.stack.uploads()
	out, err := r.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &r.place})
	if err != nil {
		return err
	}
	for _, u := range out.Uploads {
		if _, failed := r.s3.AbortMultipartUpload(
			ctx,
			&s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId},
		); failed != nil {
			err = failed
		}
	}
	return err
}

// removeLetters looks for this run's letters, where there may be some: the poison's,
// and those of executions that failed.
func (r *run) removeLetters(ctx context.Context) (left []string) {
	pending := r.sent.Load() && !r.removed.Load()
	expected := 0
	for _, p := range r.made {
		if s := p.story.status; s != "" && s != sfntypes.ExecutionStatusSucceeded {
			expected++
		}
	}
	if expected > 0 || pending {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if pending {
			expected++
		}
		found, _, err := r.collect(limited, r.stack.Outputs["DeadLetterQueueUrl"], expected, r.ours)
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

// remark names what could not be removed.
func remark(err error, format string, args ...any) []string {
	if err == nil {
		return nil
	}
	return []string{fmt.Sprintf(format, args...) + " (" + reason(err) + ")"}
}

func reason(err error) string {
	if refused(err) {
		return "you may not remove them"
	}
	return brief(err.Error())
}
