package s3

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A bucket that was made by hand sends its events to EventBridge once it was
// told to, until it is told not to, or deleted.
func TestEventBridgeOfOwnBucket(t *testing.T) {
	bucket, ctx := keyOfTest(t), t.Context()
	alice := as("alice")
	create := func() {
		t.Helper()
		if _, err := alice.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
	}
	tell := func(c *types.NotificationConfiguration) error {
		_, err := alice.PutBucketNotificationConfiguration(
			ctx,
			&s3.PutBucketNotificationConfigurationInput{Bucket: &bucket, NotificationConfiguration: c},
		)
		return err
	}
	events := func() int {
		t.Helper()
		key := keyOfTest(t)
		if _, err := alice.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
		if _, err := alice.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
		return len(put.of(key))
	}
	enabled := func() bool {
		t.Helper()
		out, err := alice.GetBucketNotificationConfiguration(
			ctx,
			&s3.GetBucketNotificationConfigurationInput{Bucket: &bucket},
		)
		if err != nil {
			t.Fatal(err)
		}
		return out.EventBridgeConfiguration != nil
	}
	create()
	if enabled() || events() != 0 {
		t.Error("a new bucket announces what happens in it")
	}
	on := &types.NotificationConfiguration{EventBridgeConfiguration: &types.EventBridgeConfiguration{}}
	if err := tell(on); err != nil {
		t.Fatal(err)
	}
	if !enabled() || events() != 1 {
		t.Error("told to announce, it does not")
	}
	wantError(t, tell(&types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{
		{QueueArn: aws.String(uploads), Events: []types.Event{types.EventS3ObjectCreated}},
	}}), 501, "NotImplemented")
	_, err := as("partner").PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &bucket, NotificationConfiguration: &types.NotificationConfiguration{},
	})
	wantError(t, err, 403, "AccessDenied")
	if !enabled() || events() != 1 {
		t.Error("what was refused had an effect")
	}
	if err := tell(&types.NotificationConfiguration{}); err != nil {
		t.Fatal(err)
	}
	if enabled() || events() != 0 {
		t.Error("told not to announce, it does")
	}
	if err := tell(on); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	create()
	if enabled() {
		t.Error("another bucket of that name announces what happens in it")
	}
}

// The template's own notifications are shown.
func TestNotificationsOfTheTemplate(t *testing.T) {
	out, err := as("alice").GetBucketNotificationConfiguration(t.Context(),
		&s3.GetBucketNotificationConfigurationInput{Bucket: aws.String("versioned")})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.QueueConfigurations) != 2 || aws.ToString(out.QueueConfigurations[0].QueueArn) != uploads ||
		out.EventBridgeConfiguration == nil {
		t.Errorf("got %+v", out)
	}
}
