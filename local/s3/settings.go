package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// settings holds what a bucket is configured to do.
type settings struct {
	Created       time.Time
	Versioning    types.BucketVersioningStatus
	EventBridge   bool
	Notifications []template.Notification // those of the template
	Documents     map[string][]byte       // "policy" in JSON; "cors" and "lock" in the gateway's own forms
}

// settingsOf returns the settings of a bucket, which must not be changed. It returns NoSuchBucket for a bucket that
// does not exist.
func settingsOf(tx *bbolt.Tx, bucket string) (settings, error) {
	text := tx.Bucket(settingsBucket).Get([]byte(bucket))
	if text == nil {
		return settings{}, s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
	}
	c, err := decodedSettings.decode(text)
	if err != nil {
		return c, fmt.Errorf("decode the settings of bucket %s: %w", bucket, err)
	}
	return c, nil
}

var decodedSettings = memo[settings]{limit: 100}

// copied returns settings that may be changed.
func (c settings) copied() settings {
	c.Notifications, c.Documents = slices.Clone(c.Notifications), maps.Clone(c.Documents)
	return c
}

// configure changes the settings of a bucket. The request has been authorised in GetBucketAcl.
func (s *buckets) configure(bucket string, change func(c *settings) error) error {
	return failure(s.state.Update(func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, bucket)
		if err != nil {
			return err
		}
		c = c.copied()
		if err := change(&c); err != nil {
			return err
		}
		return store.PutJSON(tx.Bucket(settingsBucket), []byte(bucket), c)
	}))
}

// settings returns the settings of a bucket.
func (s *buckets) settings(bucket string) (c settings, err error) {
	err = failure(s.state.View(func(tx *bbolt.Tx) (err error) {
		c, err = settingsOf(tx, bucket)
		return err
	}))
	return c, err
}

// setDocument stores a document, or removes it when it is nil.
func (s *buckets) setDocument(bucket, name string, document []byte) error {
	return s.configure(bucket, func(c *settings) error {
		if document == nil {
			delete(c.Documents, name)
		} else {
			c.Documents[name] = document
		}
		return nil
	})
}

// document returns a copy of a document, or the error when it is absent.
func (s *buckets) document(bucket, name string, absent s3err.ErrorCode) ([]byte, error) {
	c, err := s.settings(bucket)
	if err != nil {
		return nil, err
	}
	if d := c.Documents[name]; d != nil {
		return bytes.Clone(d), nil
	}
	return nil, s3err.GetBucketErr(absent, bucket)
}

// HeadBucket serves the operation of that name.
func (s *buckets) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	_, err := s.settings(*in.Bucket)
	return &s3.HeadBucketOutput{}, err
}

// GetBucketAcl authorises the request. The gateway calls it before it carries out any request on a bucket, and after it
// has verified the signature. Operations on objects are authorised again, on the state that they change or read. The
// answer says that one account owns every bucket: access control lists are off.
func (s *buckets) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	if rc, ok := request(ctx); ok {
		hideSource(rc)
	}
	acl, err := json.Marshal(auth.ACL{Owner: template.Account})
	if err != nil {
		return nil, err
	}
	return acl, failure(s.state.View(func(tx *bbolt.Tx) error {
		if _, err := settingsOf(tx, *in.Bucket); err != nil {
			return err
		}
		return s.authorize(ctx, tx)
	}))
}

// GetBucketVersioning serves the operation of that name.
func (s *buckets) GetBucketVersioning(_ context.Context, bucket string) (
	out s3response.GetBucketVersioningOutput, err error,
) {
	c, err := s.settings(bucket)
	if c.Versioning != "" {
		out.Status = &c.Versioning
	}
	return out, err
}

// PutBucketVersioning serves the operation of that name.
func (s *buckets) PutBucketVersioning(_ context.Context, bucket string, status types.BucketVersioningStatus) error {
	return s.configure(bucket, func(c *settings) error {
		if lockConfig(*c).Enabled && status == types.BucketVersioningStatusSuspended {
			return s3err.GetAPIError(s3err.ErrSuspendedVersioningNotAllowed)
		}
		c.Versioning = status
		return nil
	})
}

// PutObjectLockConfiguration serves the operation of that name.
func (s *buckets) PutObjectLockConfiguration(_ context.Context, bucket string, config []byte) error {
	return s.configure(bucket, func(c *settings) error {
		if c.Versioning != types.BucketVersioningStatusEnabled {
			return s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotAllowed)
		}
		c.Documents["lock"] = config
		return nil
	})
}

// GetObjectLockConfiguration serves the operation of that name.
func (s *buckets) GetObjectLockConfiguration(_ context.Context, bucket string) ([]byte, error) {
	return s.document(bucket, "lock", s3err.ErrObjectLockConfigurationNotFound)
}

// PutBucketCors serves the operation of that name.
func (s *buckets) PutBucketCors(_ context.Context, bucket string, cors []byte) error {
	return s.setDocument(bucket, "cors", cors)
}

// GetBucketCors serves the operation of that name. The gateway also calls it for each request with an Origin.
func (s *buckets) GetBucketCors(_ context.Context, bucket string) ([]byte, error) {
	return s.document(bucket, "cors", s3err.ErrNoSuchCORSConfiguration)
}

// DeleteBucketCors serves the operation of that name.
func (s *buckets) DeleteBucketCors(_ context.Context, bucket string) error {
	return s.setDocument(bucket, "cors", nil)
}

// GetBucketPolicy serves the operation of that name. The gateway also calls it for anonymous requests, to evaluate the
// policy itself: it is told that there is none, so that it refuses them.
func (s *buckets) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	policy, err := s.document(bucket, "policy", s3err.ErrNoSuchBucketPolicy)
	if err == nil && callerOf(ctx) == (caller{}) {
		return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, bucket)
	}
	return policy, err
}

// DeleteBucketPolicy serves the operation of that name.
func (s *buckets) DeleteBucketPolicy(_ context.Context, bucket string) error {
	return s.setDocument(bucket, "policy", nil)
}

// putPolicy serves PutBucketPolicy in place of the gateway, which refuses condition keys that it does not know, such as
// s3:ExistingObjectTag.
func (s *buckets) putPolicy(bucket string, body []byte) (*controllers.Response, error) {
	_, err := s.parsePolicy(body)
	if err == nil {
		err = s.setDocument(bucket, "policy", body)
	}
	return &controllers.Response{MetaOpts: &controllers.MetaOptions{Status: http.StatusNoContent}}, err
}

// parsePolicy refuses with MalformedPolicy what package policy cannot evaluate. It keeps parsed policies.
func (s *buckets) parsePolicy(text []byte) (*policy.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.policies[string(text)]
	if known {
		return p, nil
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, s3err.APIError{
			Code: "MalformedPolicy", Description: err.Error(), HTTPStatusCode: http.StatusBadRequest,
		}
	}
	if len(s.policies) > 100 {
		clear(s.policies)
	}
	s.policies[string(text)] = p
	return p, nil
}

// failure returns an error of S3. Any other error becomes an InternalError with its text, which the gateway would hide.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[s3err.S3Error](err); ok {
		return known
	}
	return s3err.APIError{
		Code: "InternalError", Description: err.Error(), HTTPStatusCode: http.StatusInternalServerError,
	}
}
