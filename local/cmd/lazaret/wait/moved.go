package wait

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// mostVersions is how many versions of a key in the clean bucket are looked at. The copy is the newest one unless a
// newer upload was promoted in the meantime.
const mostVersions = 20

// lookElsewhere looks for the copy of a version that is gone. A copy is made before its original is deleted: if there
// is none, somebody else has deleted it. The policy of the quarantine bucket refuses to read copies, and not their
// tags.
func (r *Result) lookElsewhere(ctx context.Context, api S3, buckets Buckets) (done bool, err error) {
	if r.Object.Pinned() == "" {
		return false, fmt.Errorf("%w: %s was never uploaded, or it was deleted or moved; whoever names the version "+
			"(?versionId=, which S3 answers to an upload) learns which", ErrGone, r.Object)
	}
	var refused []string
	for _, place := range []struct {
		bucket string
		look   func(context.Context, S3, string) (bool, error)
		needs  string
	}{
		{buckets.Quarantine, r.lookInQuarantine, "s3:GetObjectTagging and s3:ListBucket on %s"},
		{buckets.Clean, r.lookInClean, "s3:GetObject, s3:GetObjectTagging and s3:ListBucket on %s"},
	} {
		if place.bucket == "" {
			continue
		}
		done, err := place.look(ctx, api, place.bucket)
		switch err := awserr.Classify(err); {
		case done:
			return true, nil
		case errors.Is(err, job.ErrAccessDenied):
			refused = append(refused, fmt.Sprintf(place.needs, place.bucket))
		case errors.Is(err, ErrGone):
			return false, err
		case err != nil:
			return false, fmt.Errorf("look for %s in %s: %w", r.Object, place.bucket, err)
		}
	}
	if refused != nil {
		return false, fmt.Errorf("%w: %s was deleted, or moved with its verdict; to learn which you need %s",
			ErrGone, r.Object, strings.Join(refused, ", or "))
	}
	return false, fmt.Errorf("%w: %s was deleted before it was moved", ErrGone, r.Object)
}

// lookInQuarantine reads the tags of the copy in quarantine.
func (r *Result) lookInQuarantine(ctx context.Context, api S3, bucket string) (bool, error) {
	key := r.Object.QuarantineKey()
	out, err := api.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return false, unlessMissing(err)
	}
	if !r.take(verdicttag.Verdict(out.TagSet)) { // somebody has removed them
		return false, fmt.Errorf("%w: its copy s3://%s/%s is in quarantine, without the tags of a verdict",
			ErrGone, bucket, key)
	}
	r.Copy = &job.Copy{Bucket: bucket, Key: key, VersionID: aws.ToString(out.VersionId)}
	return true, nil
}

// lookInClean looks for the version of the key that was promoted from this one. What is in the clean bucket is CLEAN.
func (r *Result) lookInClean(ctx context.Context, api S3, bucket string) (bool, error) {
	found, err := r.isCopy(ctx, api, bucket, "")
	if found || err != nil {
		return found, err
	}
	looked := 0
	for v, err := range original.Versions(ctx, api, bucket, r.Object.Key) {
		if err != nil || looked == mostVersions {
			return false, unlessMissing(err)
		}
		looked++
		if found, err := r.isCopy(ctx, api, bucket, aws.ToString(v.VersionId)); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// isCopy reports whether this version of the key in the clean bucket is a copy of the object, and takes its verdict. It
// asks for the tags first: S3 answers HEAD for what is not there with 403 where the bucket has the read gate.
func (r *Result) isCopy(ctx context.Context, api S3, bucket, version string) (bool, error) {
	in := &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &r.Object.Key}
	if version != "" {
		in.VersionId = &version
	}
	tags, err := api.GetObjectTagging(ctx, in)
	if err != nil {
		return false, unlessMissing(err)
	}
	head, err := api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &r.Object.Key, VersionId: in.VersionId})
	if err != nil {
		return false, unlessMissing(err)
	}
	id := aws.ToString(head.VersionId)
	if id != aws.ToString(tags.VersionId) { // another one was promoted between the two requests
		return false, nil
	}
	if move.OriginID(head.Metadata, tags.TagSet) != r.Object.QuarantineKey() {
		return false, nil
	}
	if !r.take(verdicttag.Verdict(tags.TagSet)) { // only promote writes there, and only what is CLEAN
		r.Verdict = job.Clean
	}
	r.Copy = &job.Copy{Bucket: bucket, Key: r.Object.Key, VersionID: id}
	return true, nil
}

// unlessMissing returns nil for an error that says that something is not there: an object, or the whole bucket, such as
// the clean bucket of a stack without one.
func unlessMissing(err error) error {
	if awserr.NotFound(err) || awserr.Status(err) == 404 {
		return nil
	}
	return err
}
