package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// tryWrite tries to write into a bucket into which only a function may write.
func (r *run) tryWrite(ctx context.Context, bucket string) error {
	key := r.key("intruder.txt")
	out, err := r.s3.PutObject(
		ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(cleanText(r.id, key))},
	)
	if err == nil {
		_, _ = r.s3.DeleteObject(
			ctx,
			&s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: out.VersionId},
		) // told as a failure anyway
	}
	return err
}

// policyDenies reports whether the bucket's policy is the reason of a refusal: the error says so, or the policy has
// this statement, and the statement denies access to every object to everybody. No other caller is there to compare
// with.
func (r *run) policyDenies(ctx context.Context, bucket, statement string, err error) bool {
	if deniedByPolicy(err) {
		return true
	}
	out, asked := r.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket})
	if asked != nil {
		return false
	}
	var policy struct{ Statement []map[string]any }
	if json.Unmarshal([]byte(aws.ToString(out.Policy)), &policy) != nil {
		return false
	}
	return slices.ContainsFunc(policy.Statement, func(s map[string]any) bool {
		everybody := s["Principal"] == "*" || reflect.DeepEqual(s["Principal"], map[string]any{"AWS": "*"})
		objects, _ := normalize(s["Resource"]).(string)
		return s["Sid"] == statement && s["Effect"] == "Deny" && everybody &&
			strings.HasSuffix(objects, ":::"+bucket+"/*")
	})
}

var checkQuarantineShut = Check{
	Name: "quarantine-shut", Claim: "quarantine can be neither read nor written to",
	Needs: []string{"s3:GetObjectVersion", "s3:PutObject", "s3:GetBucketPolicy"},
	Run: func(ctx context.Context, r *run) Line {
		bucket := r.stack.quarantine()
		written := r.tryWrite(ctx, bucket)
		if written == nil {
			return fail("an object could be written into %s", bucket)
		}
		p, line := r.require(ctx, infected)
		if line != nil {
			return *line
		}
		where := p.location()
		_, read := r.download(ctx, where.Bucket, where.Key, where.VersionID)
		switch {
		case where.Bucket != bucket:
			return notChecked("there is nothing to be read: EICAR was not moved to %s", bucket)
		case read == nil && r.stack.exemptedBy("QuarantineReaderArn") != "":
			return notChecked("EICAR could be read there, but you are its reader (QuarantineReaderArn)")
		case read == nil:
			return fail("EICAR could be read in %s", bucket)
		case !refused(written):
			return errorLine(ctx, written, "try to write into "+bucket, "s3:PutObject")
		case !refused(read):
			return errorLine(ctx, read, "try to read in "+bucket, "s3:GetObjectVersion")
		case !r.policyDenies(ctx, bucket, "OnlyTheNamedRoleReads", read),
			!r.policyDenies(ctx, bucket, "OnlyQuarantineWrites", written):
			return notChecked(
				"both are refused to you, but whether the bucket's policy does it cannot be told (s3:GetBucketPolicy)",
			)
		}
		return pass(
			"reading EICAR there and writing are refused (%s, %s) by the bucket's policy",
			answer(read),
			answer(written),
		)
	},
}

var checkCleanShut = Check{
	Name: "clean-shut", Claim: "nobody but promote writes into the clean bucket",
	Needs: []string{"s3:PutObject", "s3:GetBucketPolicy"},
	Run: func(ctx context.Context, r *run) Line {
		if !r.stack.threeBuckets() {
			return off("BucketLayout=%s has no clean bucket", r.stack.Parameters["BucketLayout"])
		}
		bucket := r.stack.clean()
		switch err := r.tryWrite(ctx, bucket); {
		case err == nil:
			return fail("an object could be written into %s", bucket)
		case !refused(err):
			return errorLine(ctx, err, "try to write into "+bucket, "s3:PutObject")
		case !r.policyDenies(ctx, bucket, "OnlyPromoteWrites", err):
			return notChecked(
				"it is refused to you, but it cannot be told whether the bucket's policy does it (s3:GetBucketPolicy)",
			)
		default:
			return pass("refused (%s) by the bucket's policy", answer(err))
		}
	},
}
