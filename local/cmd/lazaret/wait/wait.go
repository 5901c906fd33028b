// Package wait waits for the verdict of one version of an object. It reads that version's tags again and again, needs
// no event and no other service than S3, and so survives any restart of the stack. A version that is gone was moved, or
// deleted: its copy in quarantine, whose name is a hash of bucket, key and version, and the copy in the clean bucket
// say which.
package wait

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

var (
	// ErrGone says that the version is not there, and that no copy of it was found.
	ErrGone = errors.New("it is gone")
	// ErrRefused says that the caller may not read the tags of the object.
	ErrRefused = errors.New("not permitted")
	// ErrTimeout says that the time ended before there was a verdict. The scan goes on.
	ErrTimeout = errors.New("no verdict yet")
)

// The pauses between two polls: the first, and the longest, to which they grow by half each time.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Second
)

// S3 is what the package calls.
type S3 interface {
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
}

// Buckets are the stack's buckets to which versions are moved.
type Buckets struct{ Quarantine, Clean string }

// Result is a verdict.
type Result struct {
	Object      job.Object  // with its version, if the bucket has versions
	Verdict     job.Verdict // one of the three
	Detail      string      // the signature or the reason; may be empty where the object's own tags left no room
	Time        string      // of the scan, RFC 3339; may be empty
	Definitions string      // version of the daily set; may be empty
	Copy        *job.Copy   // where the object was moved to, if it was gone
	Polls       int         // requests for the object's tags
}

// Verdict waits until the object has a verdict or ctx ends. If o has no version id, it waits for the version that is
// the current one when it begins. After a failure of S3 or of the network it goes on. The error is an ErrGone, an
// ErrRefused or an ErrTimeout, or S3's about a wrong request; the result then has the object and the polls alone.
func Verdict(ctx context.Context, api S3, buckets Buckets, o job.Object) (Result, error) {
	r := Result{Object: o}
	var last error // of a poll that failed
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		done, err := r.poll(ctx, api, buckets)
		switch {
		case done || err != nil && !errors.Is(err, job.ErrTransient):
			return r, err
		case err != nil:
			last = err
		default:
			last = nil
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return r, fmt.Errorf("%w after %d polls, of which the last failed: %w", ErrTimeout, r.Polls, last)
			}
			return r, fmt.Errorf("%w after %d polls", ErrTimeout, r.Polls)
		case <-time.After(pause):
		}
	}
}

// poll asks once, and reports whether there is a verdict. The error is a job.ErrTransient if it makes sense to ask
// again.
func (r *Result) poll(ctx context.Context, api S3, buckets Buckets) (done bool, err error) {
	r.Polls++
	in := &s3.GetObjectTaggingInput{Bucket: &r.Object.Bucket, Key: &r.Object.Key}
	if r.Object.VersionID != "" {
		in.VersionId = &r.Object.VersionID
	}
	out, err := api.GetObjectTagging(ctx, in)
	switch {
	case err == nil:
		if r.Object.VersionID == "" {
			r.Object.VersionID = aws.ToString(out.VersionId)
		}
		return r.take(verdicttag.Verdict(out.TagSet)), nil
	case awserr.NotFound(err):
		return r.lookElsewhere(ctx, api, buckets)
	}
	err = awserr.Classify(err)
	if errors.Is(err, job.ErrAccessDenied) {
		return false, fmt.Errorf("read the tags of %s: %w (s3:GetObjectTagging and s3:GetObjectVersionTagging): %w",
			r.Object, ErrRefused, err)
	}
	return false, fmt.Errorf("read the tags of %s: %w", r.Object, err)
}

// take takes the verdict of these tags, and reports whether there is one.
func (r *Result) take(tags map[string]string) bool {
	verdict := job.Verdict(tags[verdicttag.Status])
	if verdict != job.Clean && verdict != job.Infected && verdict != job.Unscannable {
		return false
	}
	r.Verdict, r.Detail = verdict, tags[verdicttag.Detail]
	r.Time, r.Definitions = tags[verdicttag.Time], tags[verdicttag.Definitions]
	return true
}
