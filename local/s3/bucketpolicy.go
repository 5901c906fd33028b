package s3

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3err"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/template"
)

// document is a bucket's policy as it was written and as it is evaluated.
type document struct {
	text   []byte
	parsed *policy.Policy
}

func (s *store) policyOf(bucket string) *policy.Policy {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.policies[bucket].parsed
}

// setPolicy refuses with MalformedPolicy what local/policy cannot evaluate.
func (s *store) setPolicy(bucket string, text []byte) error {
	p, err := policy.Parse(text)
	if err != nil {
		return s3err.APIError{Code: "MalformedPolicy", Description: err.Error(), HTTPStatusCode: http.StatusBadRequest}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The gateway reuses the memory behind its strings for the next request.
	s.policies[strings.Clone(bucket)] = document{slices.Clone(text), p}
	return nil
}

// GetBucketPolicy serves the API. The gateway also asks it about anonymous
// callers, who are turned away before any policy of ours is asked: to them no
// bucket has one.
func (s *store) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	s.mu.RLock()
	d, ok := s.policies[bucket]
	s.mu.RUnlock()
	if !ok || callerOf(ctx) == (caller{}) {
		return s.Backend.GetBucketPolicy(ctx, bucket) // nothing is ever stored there: NoSuchBucketPolicy
	}
	return d.text, nil
}

// DeleteBucketPolicy serves the API.
func (s *store) DeleteBucketPolicy(_ context.Context, bucket string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.policies, bucket)
	return nil
}

// DeleteBucket takes policy and notifications along: a bucket made later under that name is
// another one.
func (s *store) DeleteBucket(ctx context.Context, bucket string) error {
	if err := s.Backend.DeleteBucket(ctx, bucket); err != nil {
		return err
	}
	s.events.configure(template.Bucket{Name: bucket})
	return s.DeleteBucketPolicy(ctx, bucket)
}

// GetBucketAcl is the last thing that the gateway asks for before it carries
// out any request on a bucket, after the signature is verified, so this is
// where requests are authorised. Calls of our own carry no request.
func (s *store) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	acl, err := s.Backend.GetBucketAcl(ctx, in)
	if rc, ok := request(ctx); ok && err == nil {
		if err := s.authorize(rc, *in.Bucket); err != nil {
			return nil, err
		}
	}
	return acl, err
}

// putPolicy serves PutBucketPolicy in the gateway's place, which refuses
// condition keys that it cannot evaluate, s3:ExistingObjectTag among them.
func (s *store) putPolicy(bucket string, body []byte) (*controllers.Response, error) {
	return &controllers.Response{MetaOpts: &controllers.MetaOptions{Status: http.StatusNoContent}}, s.setPolicy(bucket, body)
}
