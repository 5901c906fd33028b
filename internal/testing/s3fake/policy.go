package s3fake

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// GetBucketPolicy returns the policy that Policies has for the bucket.
func (f *S3) GetBucketPolicy(
	_ context.Context, in *s3.GetBucketPolicyInput, _ ...func(*s3.Options),
) (out *s3.GetBucketPolicyOutput, err error) {
	err = f.call("GetBucketPolicy", func() error {
		policy, ok := f.Policies[*in.Bucket]
		if !ok {
			return Err("GetBucketPolicy", 404, "NoSuchBucketPolicy", "")
		}
		out = &s3.GetBucketPolicyOutput{Policy: &policy}
		return nil
	})
	return out, err
}
