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

// intrude tries to write into a bucket that only a function writes to.
func (r *run) intrude(ctx context.Context, bucket string) error {
	key := r.key("intruder.txt")
	out, err := r.s3.PutObject(
		ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(harmless(r.id, key))},
	)
	if err == nil {
		_, _ = r.s3.DeleteObject(
			ctx,
			&s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: out.VersionId},
		) // told as a failure anyway
	}
	return err
}

// denies reports whether a refusal is the doing of the bucket's policy, by what it
// says or else by the policy's statement, which must deny every object's access to
// everybody: nothing else can be compared with.
func (r *run) denies(ctx context.Context, bucket, statement string, err error) bool {
	if byPolicy(err) {
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
		objects, _ := plain(s["Resource"]).(string)
		return s["Sid"] == statement && s["Effect"] == "Deny" && everybody && strings.HasSuffix(objects, ":::"+bucket+"/*")
	})
}

var quarantineIsShut = Check{
	Name: "quarantine-shut", Claim: "quarantine can be neither read nor written to",
	Needs: []string{"s3:GetObjectVersion", "s3:PutObject", "s3:GetBucketPolicy"},
	Run: func(ctx context.Context, r *run) Line {
		bucket := r.stack.quarantine()
		written := r.intrude(ctx, bucket)
		if written == nil {
			return fail("an object could be written into %s", bucket)
		}
		p, line := r.needs(ctx, infected)
		if line != nil {
			return *line
		}
		where := p.now()
		_, read := r.download(ctx, where.Bucket, where.Key, where.VersionID)
		switch {
		case where.Bucket != bucket:
			return notChecked("there is nothing to be read: EICAR was not moved to %s", bucket)
		case read == nil && r.stack.exempt("QuarantineReaderArn") != "":
			return notChecked("EICAR could be read there, but you are its reader (QuarantineReaderArn)")
		case read == nil:
			return fail("EICAR could be read in %s", bucket)
		case !refused(written):
			return unknown(ctx, written, "try to write into "+bucket, "s3:PutObject")
		case !refused(read):
			return unknown(ctx, read, "try to read in "+bucket, "s3:GetObjectVersion")
		case !r.denies(ctx, bucket, "OnlyTheNamedRoleReads", read),
			!r.denies(ctx, bucket, "OnlyQuarantineWrites", written):
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

var cleanBucketIsShut = Check{
	Name: "clean-shut", Claim: "nobody but promote writes into the clean bucket",
	Needs: []string{"s3:PutObject", "s3:GetBucketPolicy"},
	Run: func(ctx context.Context, r *run) Line {
		if !r.stack.threeBuckets() {
			return off("BucketLayout=%s has no clean bucket", r.stack.Parameters["BucketLayout"])
		}
		bucket := r.stack.clean()
		switch err := r.intrude(ctx, bucket); {
		case err == nil:
			return fail("an object could be written into %s", bucket)
		case !refused(err):
			return unknown(ctx, err, "try to write into "+bucket, "s3:PutObject")
		case !r.denies(ctx, bucket, "OnlyPromoteWrites", err):
			return notChecked(
				"it is refused to you, but it cannot be told whether the bucket's policy does it (s3:GetBucketPolicy)",
			)
		default:
			return pass("refused (%s) by the bucket's policy", answer(err))
		}
	},
}
