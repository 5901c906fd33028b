package s3

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3err"
)

// TestSettingsStay changes a bucket's settings in a transaction that fails. Settings are kept between requests, which
// must not see the change.
func TestSettingsStay(t *testing.T) {
	t.Parallel()
	bucket := keyOfTest(t)
	must2(as("alice").CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}))(t)
	refused := errors.New("refused")
	err := running.buckets.configure(bucket, func(c *settings) error {
		c.EventBridge, c.Documents["cors"] = true, []byte("[]")
		return refused
	})
	if err == nil {
		t.Fatal("the change was stored, want an error")
	}
	if document, err := running.buckets.GetBucketCors(t.Context(), bucket); !errors.Is(err,
		s3err.GetBucketErr(s3err.ErrNoSuchCORSConfiguration, bucket)) {
		t.Errorf("the CORS configuration is %q and %v, want none", document, err)
	}
	if c, err := running.buckets.settings(bucket); err != nil || c.EventBridge {
		t.Errorf("the settings are %+v and %v, want no EventBridge", c, err)
	}
}
