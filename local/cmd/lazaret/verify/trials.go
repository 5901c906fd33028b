package verify

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var checkTrials = Check{
	Name: "trials", Claim: "nobody but Lazaret counts the files that a new signature hits",
	Needs: []string{"s3:PutObject"},
	Run: func(ctx context.Context, r *run) Line {
		if limit := r.stack.Parameters["NewSignatureLimit"]; limit == "0" {
			return off("NewSignatureLimit=0: a new signature moves as many files as it hits")
		}
		bucket := r.stack.Outputs["RecordsBucketName"]
		if bucket == "" {
			return olderStack("RecordsBucketName")
		}
		key := "trials/" + r.id + "/intruder"
		out, err := r.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: bytes.NewReader(cleanText(r.id, key)),
		})
		switch {
		case err == nil:
			// What could not be removed expires after a week, and no signature has this name.
			_, _ = r.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: out.VersionId})
			return fail("an object could be written into s3://%s/trials/: forged counts keep infected objects from being moved",
				bucket)
		case isMissing(err):
			return fail("there is no bucket %s: no new signature is stopped, however many files it hits", bucket)
		case !refused(err):
			return errorLine(ctx, err, "try to write into s3://"+bucket+"/trials/", "s3:PutObject")
		case !deniedByPolicy(err):
			return notChecked("it is refused to you, but not by the policy of %s", bucket)
		}
		return pass("writing into s3://%s/trials/ is refused (%s) by the bucket's policy", bucket, answer(err))
	},
}
