package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/policy"
)

// parsed refuses with MalformedPolicy what local/policy cannot evaluate. It keeps
// what it has parsed.
func (s *buckets) parsed(text []byte) (*policy.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.policies[string(text)]
	if known {
		return p, nil
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, s3err.APIError{Code: "MalformedPolicy", Description: err.Error(), HTTPStatusCode: http.StatusBadRequest}
	}
	if len(s.policies) > 100 {
		clear(s.policies)
	}
	s.policies[string(text)] = p
	return p, nil
}

// GetBucketPolicy serves the API. The gateway also asks it about anonymous
// callers, who are turned away before any policy of ours is asked: to them no
// bucket has one.
func (s *buckets) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	policy, err := s.document(bucket, "policy", s3err.ErrNoSuchBucketPolicy)
	if err == nil && callerOf(ctx) == (caller{}) {
		return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, bucket)
	}
	return policy, err
}

// DeleteBucketPolicy serves the API.
func (s *buckets) DeleteBucketPolicy(_ context.Context, bucket string) error {
	return s.setDocument(bucket, "policy", nil)
}

// putPolicy serves PutBucketPolicy in the gateway's place, which refuses
// condition keys that it cannot evaluate, s3:ExistingObjectTag among them.
func (s *buckets) putPolicy(bucket string, body []byte) (*controllers.Response, error) {
	_, err := s.parsed(body)
	if err == nil {
		err = s.setDocument(bucket, "policy", body)
	}
	return &controllers.Response{MetaOpts: &controllers.MetaOptions{Status: http.StatusNoContent}}, err
}

// GetBucketAcl is the last thing that the gateway asks for before it carries
// out any request on a bucket, after the signature is verified, so this is
// where requests are first authorised. Operations on objects are authorised once
// more, on the state that they act on.
func (s *buckets) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	if rc, ok := request(ctx); ok {
		hideSource(rc)
	}
	return acl, failure(s.state.View(func(tx *bbolt.Tx) error {
		if _, err := settingsOf(tx, *in.Bucket); err != nil {
			return err
		}
		return s.authorize(ctx, tx)
	}))
}
