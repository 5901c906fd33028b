package verify

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/decision"
)

var checkDecisions = Check{
	Name: "decisions", Claim: "nobody but release writes which contents are allowed or blocked, and who decided it",
	Needs: []string{"s3:PutObject"},
	Run: func(ctx context.Context, r *run) Line {
		bucket := r.stack.Outputs["RecordsBucketName"]
		if bucket == "" {
			return olderStack("RecordsBucketName")
		}
		var seen string
		for _, prefix := range []string{decision.AllowedPrefix, decision.BlockedPrefix, decision.ReleasesPrefix} {
			// No content has this name, so that what could be written decides nothing.
			key := prefix + r.id + "-intruder"
			out, err := r.s3.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: bytes.NewReader(cleanText(r.id, key)),
			})
			switch {
			case err == nil:
				_, _ = r.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: out.VersionId})
				return fail("an object could be written into s3://%s/%s: whoever does decides what is CLEAN", bucket, prefix)
			case isMissing(err):
				return fail("there is no bucket %s: scans give no verdict", bucket)
			case !refused(err):
				return errorLine(ctx, err, "try to write into s3://"+bucket+"/"+prefix, "s3:PutObject")
			case !deniedByPolicy(err):
				return notChecked("it is refused to you, but not by the policy of %s", bucket)
			}
			seen = answer(err)
		}
		return pass("writing into allowed/, blocked/ and releases/ of s3://%s is refused (%s) by the bucket's policy",
			bucket, seen)
	},
}
