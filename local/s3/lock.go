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

// lock is what keeps a version from being deleted. The gateway asks for it before
// it hands a deletion on.
type lock struct {
	Retention *types.ObjectLockRetention `json:",omitempty"`
	Hold      *bool                      `json:",omitempty"` // legal hold
}

// lockOf takes what requests have.
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

// lockConfig is the zero value where a bucket has no object lock.
func lockConfig(c settings) (l auth.BucketLockConfig) {
	_ = json.Unmarshal(c.Documents["lock"], &l) // the gateway wrote it
	return l
}

func locks(c settings) bool { return lockConfig(c).Enabled }

// lockBy applies the bucket's default, and refuses a lock where it has none.
func (l *lock) lockBy(c settings) error {
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
	v, err := taggable(tx, bucket, reveal(key), id)
	if err == nil && !locks(c) {
		err = s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
	}
	return v, err
}

// PutObjectRetention serves the API.
func (s *buckets) PutObjectRetention(ctx context.Context, bucket, key, id string, retention []byte) error {
	parsed, err := auth.ParseObjectLockRetentionOutput(retention)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		v, err := lockable(tx, bucket, key, id)
		if err != nil {
			return err
		}
		v.Retention = parsed
		return change(tx, bucket, reveal(key), v)
	})
}

// GetObjectRetention serves the API.
func (s *buckets) GetObjectRetention(ctx context.Context, bucket, key, id string) (retention []byte, err error) {
	return retention, s.view(ctx, func(tx *bbolt.Tx) error {
		v, err := lockable(tx, bucket, key, id)
		if err == nil && v.Retention == nil {
			err = s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
		}
		if err == nil {
			retention, err = json.Marshal(v.Retention)
		}
		return err
	})
}

// PutObjectLegalHold serves the API.
func (s *buckets) PutObjectLegalHold(ctx context.Context, bucket, key, id string, on bool) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		v, err := lockable(tx, bucket, key, id)
		if err != nil {
			return err
		}
		v.Hold = &on
		return change(tx, bucket, reveal(key), v)
	})
}

// GetObjectLegalHold serves the API.
func (s *buckets) GetObjectLegalHold(ctx context.Context, bucket, key, id string) (on *bool, err error) {
	return on, s.view(ctx, func(tx *bbolt.Tx) error {
		v, err := lockable(tx, bucket, key, id)
		if on = v.Hold; err == nil && on == nil {
			err = s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
		}
		return err
	})
}
