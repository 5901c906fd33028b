package machine

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// Hold creates a bucket that is like the uploads bucket, policy included, but
// announces nothing: a test can do to its objects what it likes and then let
// the machine know of them with Announce.
func (m *Machine) Hold(t testing.TB, name string) func(*s3.PutObjectInput) {
	t.Helper()
	m.NewBucket(t, name)
	m.guard(t, name)
	return func(in *s3.PutObjectInput) { in.Bucket = &name }
}

// Mute lets the uploads bucket announce nothing from now on: for tests of what is
// done to objects of the stack's own bucket alone, on a machine of their own.
func (m *Machine) Mute(t testing.TB) {
	t.Helper()
	if _, err := m.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(Uploads), NotificationConfiguration: &types.NotificationConfiguration{},
	}); err != nil {
		t.Fatalf("mute %s: %v", Uploads, err)
	}
}

// guard gives a bucket the policy of the uploads bucket.
func (m *Machine) guard(t testing.TB, name string) {
	t.Helper()
	policy, err := m.S3.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String(Uploads)})
	if err != nil {
		t.Fatalf("read the policy of %s: %v", Uploads, err)
	}
	document := strings.ReplaceAll(*policy.Policy, ":"+Uploads, ":"+name)
	if _, err := m.S3.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &document}); err != nil {
		t.Fatalf("give %s a policy: %v", name, err)
	}
}

// NewBucket creates a versioned bucket without a policy.
func (m *Machine) NewBucket(t testing.TB, name string) {
	t.Helper()
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("create bucket %s: %v", name, err)
	}
	if _, err := m.S3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatalf("enable versions in %s: %v", name, err)
	}
}

// Announce sends S3's notification of these objects, all in one message, to the
// uploads queue.
func (m *Machine) Announce(t testing.TB, objects ...job.Object) {
	t.Helper()
	m.Send(t, UploadQueue, Notification(objects...))
}

// Notification is what S3 sends when objects are created, as far as anybody
// reads it.
func Notification(objects ...job.Object) any {
	var records []any
	for i, o := range objects {
		entity := map[string]any{
			"key": strings.ReplaceAll(url.QueryEscape(o.Key), "%2F", "/"), "size": o.Size, "eTag": o.ETag,
			"sequencer": o.Sequencer,
		}
		if o.Sequencer == "" {
			entity["sequencer"] = fmt.Sprintf("00%016X", i)
		}
		if o.VersionID != "" {
			entity["versionId"] = o.VersionID
		}
		records = append(records, map[string]any{
			"eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
			"s3": map[string]any{"s3SchemaVersion": "1.0", "bucket": map[string]any{"name": o.Bucket}, "object": entity},
		})
	}
	return map[string]any{"Records": records}
}

// Delete deletes a version for good or, without one, hides the object behind a
// delete marker.
func (m *Machine) Delete(t testing.TB, o job.Object) {
	t.Helper()
	in := &s3.DeleteObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	if _, err := m.S3.DeleteObject(t.Context(), in); err != nil {
		t.Fatalf("delete %s: %v", o, err)
	}
}

// Versions are the ids of the versions of a key that are left, newest first,
// delete markers left out.
func (m *Machine) Versions(t testing.TB, bucket, key string) []string {
	t.Helper()
	out, err := m.S3.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &key})
	if err != nil {
		t.Fatalf("list the versions of s3://%s/%s: %v", bucket, key, err)
	}
	var ids []string
	for _, v := range out.Versions {
		if aws.ToString(v.Key) == key {
			ids = append(ids, aws.ToString(v.VersionId))
		}
	}
	return ids
}
