package s3

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"
)

// lock protects a version from deletion. The gateway asks for it before it passes a deletion on.
type lock struct {
	Retention *types.ObjectLockRetention `json:",omitempty"`
	Hold      *bool                      `json:",omitempty"` // legal hold
}

// lockOf returns the lock that a request asks for.
func lockOf(mode types.ObjectLockMode, until *time.Time, hold types.ObjectLockLegalHoldStatus) (l lock) {
	if mode != "" {
		l.Retention = &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(mode), RetainUntilDate: until}
	}
	if hold != "" {
		l.Hold = aws.Bool(hold == types.ObjectLockLegalHoldStatusOn)
	}
	return l
}

func holdStatus(on bool) types.ObjectLockLegalHoldStatus {
	if on {
		return types.ObjectLockLegalHoldStatusOn
	}
	return types.ObjectLockLegalHoldStatusOff
}

// lockConfig returns the zero value for a bucket without object lock.
func lockConfig(c settings) (l auth.BucketLockConfig) {
	if document := c.Documents["lock"]; document != nil {
		_ = json.Unmarshal(document, &l) // the gateway wrote it
	}
	return l
}

// applyDefault adds the bucket's default retention. It refuses a lock in a bucket without object lock.
func (l *lock) applyDefault(c settings) error {
	config := lockConfig(c)
	if !config.Enabled && (l.Retention != nil || aws.ToBool(l.Hold)) {
		return s3err.GetAPIError(s3err.ErrMissingObjectLockConfigurationNoSpaces)
	}
	if d := config.DefaultRetention; config.Enabled && d != nil && l.Retention == nil {
		until := time.Now().UTC().AddDate(int(aws.ToInt32(d.Years)), 0, int(aws.ToInt32(d.Days)))
		l.Retention = &types.ObjectLockRetention{Mode: d.Mode, RetainUntilDate: &until}
	}
	return nil
}

// lockable finds a version in a bucket with object lock.
func lockable(tx *bbolt.Tx, bucket, key, id string) (version, error) {
	c, err := settingsOf(tx, bucket)
	if err != nil {
		return version{}, err
	}
	v, err := taggable(tx, bucket, key, id)
	if err == nil && !lockConfig(c).Enabled {
		err = s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
	}
	return v, err
}

// setLock changes the lock of a version.
func (s *buckets) setLock(ctx context.Context, bucket, key, id string, set func(*lock)) error {
	key = reveal(key)
	return s.update(ctx, func(tx *bbolt.Tx) error {
		v, err := lockable(tx, bucket, key, id)
		if err != nil {
			return err
		}
		set(&v.lock)
		return replace(tx, bucket, key, v)
	})
}

// readLock returns the lock of a version.
func (s *buckets) readLock(ctx context.Context, bucket, key, id string) (l lock, err error) {
	return l, s.view(ctx, func(tx *bbolt.Tx) error {
		v, err := lockable(tx, bucket, reveal(key), id)
		l = v.lock
		return err
	})
}

// PutObjectRetention serves the operation of that name.
func (s *buckets) PutObjectRetention(ctx context.Context, bucket, key, id string, retention []byte) error {
	parsed, err := auth.ParseObjectLockRetentionOutput(retention)
	if err != nil {
		return err
	}
	return s.setLock(ctx, bucket, key, id, func(l *lock) { l.Retention = parsed })
}

// GetObjectRetention serves the operation of that name.
func (s *buckets) GetObjectRetention(ctx context.Context, bucket, key, id string) ([]byte, error) {
	l, err := s.readLock(ctx, bucket, key, id)
	if err == nil && l.Retention == nil {
		err = s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(l.Retention)
}

// PutObjectLegalHold serves the operation of that name.
func (s *buckets) PutObjectLegalHold(ctx context.Context, bucket, key, id string, on bool) error {
	return s.setLock(ctx, bucket, key, id, func(l *lock) { l.Hold = &on })
}

// GetObjectLegalHold serves the operation of that name.
func (s *buckets) GetObjectLegalHold(ctx context.Context, bucket, key, id string) (*bool, error) {
	l, err := s.readLock(ctx, bucket, key, id)
	if err == nil && l.Hold == nil {
		err = s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
	}
	return l.Hold, err
}
