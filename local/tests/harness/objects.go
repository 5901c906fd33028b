package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// Put uploads an object and returns its identity. Each of changes is applied to the request first.
func (m *Machine) Put(t testing.TB, key string, content []byte, changes ...func(*s3.PutObjectInput)) job.Object {
	t.Helper()
	in := &s3.PutObjectInput{Bucket: aws.String(Uploads), Key: &key, Body: bytes.NewReader(content)}
	for _, change := range changes {
		change(in)
	}
	out, err := m.S3.PutObject(t.Context(), in)
	if err != nil {
		t.Fatalf("upload %q: %v", key, err)
	}
	return job.Object{
		Bucket: *in.Bucket, Key: key, VersionID: aws.ToString(out.VersionId),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Size: int64(len(content)),
	}
}

// WithTags adds tags to an upload, written as "a=1&b=2".
func WithTags(tags string) func(*s3.PutObjectInput) {
	return func(in *s3.PutObjectInput) { in.Tagging = &tags }
}

// Tags returns the tags of an object's version.
func (m *Machine) Tags(t testing.TB, o job.Object) map[string]string {
	t.Helper()
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := m.S3.GetObjectTagging(t.Context(), in)
	if err != nil {
		t.Fatalf("read the tags of %s: %v", o, err)
	}
	tags := map[string]string{}
	for _, tag := range out.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}

// Read downloads an object's version, or the newest one if the object names none.
func (c Clients) Read(ctx context.Context, o job.Object) ([]byte, error) {
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := c.S3.GetObject(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o, err)
	}
	content, err := io.ReadAll(out.Body)
	return content, errors.Join(err, out.Body.Close())
}

// Delete deletes a version permanently or, if the object names none, adds a delete marker.
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

// Versions returns the ids of a key's versions, newest first, without delete markers.
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

// NewBucket creates a versioned bucket without a policy.
func (m *Machine) NewBucket(t testing.TB, name string) {
	t.Helper()
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("create bucket %s: %v", name, err)
	}
	if _, err := m.S3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatalf("enable versions in %s: %v", name, err)
	}
}

// SilentBucket creates a bucket with the policy of the uploads bucket and without its events, and returns the change
// that makes Put upload there. A test can change the objects first and then send their event with SendEvent.
func (m *Machine) SilentBucket(t testing.TB, name string) func(*s3.PutObjectInput) {
	t.Helper()
	m.NewBucket(t, name)
	m.CopyUploadsPolicy(t, name)
	return func(in *s3.PutObjectInput) { in.Bucket = &name }
}

// ExistingBucket creates a bucket as the parameter ExistingBuckets wants it: its events go to EventBridge, and it has
// the policy of the uploads bucket. It returns the change that makes Put upload there.
func (m *Machine) ExistingBucket(t testing.TB, name string) func(*s3.PutObjectInput) {
	t.Helper()
	change := m.SilentBucket(t, name)
	if _, err := m.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: &name, NotificationConfiguration: &types.NotificationConfiguration{
			EventBridgeConfiguration: &types.EventBridgeConfiguration{},
		},
	}); err != nil {
		t.Fatalf("send the events of %s to EventBridge: %v", name, err)
	}
	return change
}

// StopEvents removes the notifications of the uploads bucket. It is for tests that have a machine of their own.
func (m *Machine) StopEvents(t testing.TB) {
	t.Helper()
	if _, err := m.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(Uploads), NotificationConfiguration: &types.NotificationConfiguration{},
	}); err != nil {
		t.Fatalf("remove the notifications of %s: %v", Uploads, err)
	}
}

// CopyUploadsPolicy gives a bucket the policy of the uploads bucket.
func (m *Machine) CopyUploadsPolicy(t testing.TB, name string) {
	t.Helper()
	policy, err := m.S3.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String(Uploads)})
	if err != nil {
		t.Fatalf("read the policy of %s: %v", Uploads, err)
	}
	document := strings.ReplaceAll(*policy.Policy, ":"+Uploads, ":"+name)
	if _, err := m.S3.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{
		Bucket: &name, Policy: &document,
	}); err != nil {
		t.Fatalf("put a policy on %s: %v", name, err)
	}
}

// SendEvent sends S3's event of these objects, all in one message, to the uploads queue.
func (m *Machine) SendEvent(t testing.TB, objects ...job.Object) {
	t.Helper()
	m.Send(t, UploadQueue, S3Event(objects...))
}

// S3Event returns the event that S3 sends when objects are created, with the fields that Lazaret reads.
func S3Event(objects ...job.Object) any {
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
			"s3": map[string]any{
				"s3SchemaVersion": "1.0", "bucket": map[string]any{"name": o.Bucket}, "object": entity,
			},
		})
	}
	return map[string]any{"Records": records}
}
