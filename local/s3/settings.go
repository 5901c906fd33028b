package s3

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/lazaret/lazaret/local/template"
)

// acl is every bucket's: all belong to the one account, and ACLs are off.
var acl, _ = json.Marshal(auth.ACL{Owner: template.Account})

// HeadBucket serves the API.
func (s *buckets) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	_, err := s.settings(*in.Bucket)
	return &s3.HeadBucketOutput{}, err
}

// GetBucketVersioning serves the API.
func (s *buckets) GetBucketVersioning(_ context.Context, bucket string) (out s3response.GetBucketVersioningOutput, err error) {
	c, err := s.settings(bucket)
	if c.Versioning != "" {
		out.Status = &c.Versioning
	}
	return out, err
}

// PutBucketVersioning serves the API.
func (s *buckets) PutBucketVersioning(_ context.Context, bucket string, status types.BucketVersioningStatus) error {
	return s.configure(bucket, func(c *settings) error {
		if locks(*c) && status == types.BucketVersioningStatusSuspended {
			return s3err.GetAPIError(s3err.ErrSuspendedVersioningNotAllowed)
		}
		c.Versioning = status
		return nil
	})
}

// PutObjectLockConfiguration serves the API.
func (s *buckets) PutObjectLockConfiguration(_ context.Context, bucket string, config []byte) error {
	return s.configure(bucket, func(c *settings) error {
		if c.Versioning != types.BucketVersioningStatusEnabled {
			return s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotAllowed)
		}
		c.Documents["lock"] = config
		return nil
	})
}

// GetObjectLockConfiguration serves the API.
func (s *buckets) GetObjectLockConfiguration(_ context.Context, bucket string) ([]byte, error) {
	return s.document(bucket, "lock", s3err.ErrObjectLockConfigurationNotFound)
}

// PutBucketCors serves the API.
func (s *buckets) PutBucketCors(_ context.Context, bucket string, cors []byte) error {
	return s.setDocument(bucket, "cors", cors)
}

// GetBucketCors serves the API, and the gateway asks it about every request with an Origin.
func (s *buckets) GetBucketCors(_ context.Context, bucket string) ([]byte, error) {
	return s.document(bucket, "cors", s3err.ErrNoSuchCORSConfiguration)
}

// DeleteBucketCors serves the API.
func (s *buckets) DeleteBucketCors(_ context.Context, bucket string) error {
	return s.setDocument(bucket, "cors", nil)
}
