// Package original finds the version of an object that a job names: how it is
// addressed, and whether it is really gone. Fetch, tag, quarantine and promote
// share it, so that all of them mean the same bytes.
//
// What is stored while a bucket's versioning is off or suspended has the version
// id "null". S3 leaves that id out of its events and, while versioning was never
// on, out of its answers. Without an id a request means the current version, which
// is another one as soon as versioning is on and the key is written again.
package original

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// null is the version id of what was stored without versioning.
const null = "null"

// header is what Head asks of S3.
type header interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
}

// Head asks S3 for the version that o names, with the options of in, and returns
// the version id by which requests must address it: nil where the bucket has no
// versions. Where o has no version id, the ETag, if there is one, says which bytes
// are meant. The error is a job.ErrObjectGone for a version that is not there (see
// Confirm), and a job.ErrObjectChanged where another object has taken its place
// for good.
func Head(ctx context.Context, client header, o job.Object, in s3.HeadObjectInput) (*s3.HeadObjectOutput, *string, error) {
	in.Bucket, in.Key = &o.Bucket, &o.Key
	if id := o.Pinned(); id != "" {
		in.VersionId = &id
		head, err := client.HeadObject(ctx, &in)
		return head, &id, meaning(err)
	}
	if o.ETag != "" {
		in.IfMatch = aws.String(Quoted(o.ETag))
	}
	head, err := client.HeadObject(ctx, &in)
	id := ""
	switch {
	case err == nil:
		if id = aws.ToString(head.VersionId); id == "" {
			return head, nil, nil
		}
		if id == null {
			return head, &id, nil
		}
		// The current version has an id, and so an event of its own, though its
		// bytes may be the same. What the job names lies beneath it.
	case !awserr.NotFound(err) && !awserr.PreconditionFailed(err):
		return nil, nil, meaning(err)
	}
	in.VersionId = aws.String(null)
	beneath, nullErr := client.HeadObject(ctx, &in)
	switch {
	case nullErr == nil:
		return beneath, in.VersionId, nil
	case err == nil && absent(nullErr): // an operator's list may name a version by its ETag alone
		return head, &id, nil
	case awserr.PreconditionFailed(nullErr):
		return nil, nil, meaning(nullErr)
	case absent(nullErr):
		return nil, nil, meaning(err)
	}
	return nil, nil, meaning(nullErr)
}

// absent reports that there is no version "null". Some stores do not take that
// for the id of a version where there are none.
func absent(err error) bool {
	return awserr.NotFound(err) || awserr.PreconditionFailed(err) || awserr.Status(err) == http.StatusBadRequest
}

// meaning says what an error of a read of the original is to the state machine. A
// 412 can only be an overwrite: the condition is the ETag.
func meaning(err error) error {
	switch {
	case awserr.NotFound(err):
		return fmt.Errorf("%w: %w", job.ErrObjectGone, err)
	case awserr.PreconditionFailed(err):
		return fmt.Errorf("%w: %w", job.ErrObjectChanged, err)
	}
	return awserr.Classify(err)
}

// Quoted writes an ETag as HTTP does; jobs and listings differ in that.
func Quoted(eTag string) string { return `"` + strings.Trim(eTag, `"`) + `"` }
