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

// PutBucketOwnershipControls serves the API.
func (s *buckets) PutBucketOwnershipControls(_ context.Context, bucket string, ownership types.ObjectOwnership) error {
	return s.setDocument(bucket, "ownership", []byte(ownership))
}

// GetBucketOwnershipControls serves the API.
func (s *buckets) GetBucketOwnershipControls(_ context.Context, bucket string) (types.ObjectOwnership, error) {
	d, err := s.document(bucket, "ownership", s3err.ErrOwnershipControlsNotFound)
	return types.ObjectOwnership(d), err
}

// DeleteBucketOwnershipControls serves the API.
func (s *buckets) DeleteBucketOwnershipControls(_ context.Context, bucket string) error {
	return s.setDocument(bucket, "ownership", nil)
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

// PutBucketTagging serves the API.
func (s *buckets) PutBucketTagging(_ context.Context, bucket string, tags map[string]string) error {
	d, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	return s.setDocument(bucket, "tagging", d)
}

// GetBucketTagging serves the API.
func (s *buckets) GetBucketTagging(_ context.Context, bucket string) (tags map[string]string, err error) {
	d, err := s.document(bucket, "tagging", s3err.ErrBucketTaggingNotFound)
	if err == nil {
		err = json.Unmarshal(d, &tags)
	}
	return tags, err
}

// DeleteBucketTagging serves the API.
func (s *buckets) DeleteBucketTagging(_ context.Context, bucket string) error {
	return s.setDocument(bucket, "tagging", nil)
}
