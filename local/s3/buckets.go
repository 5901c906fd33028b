package s3

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// The buckets of the store. Objects and uploads have a bucket inside for each of S3's buckets, see row. Parts have one
// for each upload.
var (
	settingsBucket = []byte("s3/buckets") // name: settings
	objectsBucket  = []byte("s3/objects")
	uploadsBucket  = []byte("s3/uploads")
	partsBucket    = []byte("s3/parts")
)

// buckets is the gateway's backend: bodies are files, and all else is in the store. Each operation on an object is
// authorised, evaluates its conditions, acts and announces in one transaction. Other operations are NotImplemented.
type buckets struct {
	backend.BackendUnsupported
	state    *store.Store
	bodies   bodies
	deliver  func(tx *bbolt.Tx, queueARN, body string) error
	putEvent func(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error

	mu       sync.Mutex
	policies map[string]*policy.Policy // parsed, by their text
}

// attempts bounds how often view runs again.
const attempts = 100

// view authorises the request and runs f, on one state. It does so again on a later state when f finds no file of a
// body, because the body was dropped after the state that f saw.
func (s *buckets) view(ctx context.Context, f func(tx *bbolt.Tx) error) (err error) {
	for range attempts {
		err = s.state.View(func(tx *bbolt.Tx) error {
			if err := s.authorize(ctx, tx); err != nil {
				return err
			}
			return f(tx)
		})
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return failure(err)
}

// update authorises the request and runs f in a transaction that may change the state. f may run more than once.
func (s *buckets) update(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	return failure(s.state.Update(func(tx *bbolt.Tx) error {
		if err := s.authorize(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	}))
}

// request returns the HTTP request for which the gateway calls the backend.
func request(ctx context.Context) (*fasthttp.RequestCtx, bool) {
	rc, ok := ctx.(*fasthttp.RequestCtx)
	return rc, ok
}

// create makes a bucket.
func create(tx *bbolt.Tx, bucket string, c settings) error {
	for _, inside := range [][]byte{objectsBucket, uploadsBucket} {
		if _, err := tx.Bucket(inside).CreateBucket([]byte(bucket)); err != nil {
			return fmt.Errorf("create bucket %s: %w", bucket, err)
		}
	}
	c.Created = time.Now().UTC()
	if c.Documents == nil {
		c.Documents = map[string][]byte{}
	}
	return store.PutJSON(tx.Bucket(settingsBucket), []byte(bucket), c)
}

// prepare creates the buckets of the template that are absent, and sets what the template says about each. Buckets of
// an earlier template keep their objects and send no notifications.
func (s *buckets) prepare(all []template.Bucket) error {
	return s.state.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{settingsBucket, objectsBucket, uploadsBucket, partsBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("create %s: %w", name, err)
			}
		}
		known := tx.Bucket(settingsBucket)
		if err := known.ForEach(func(name, _ []byte) error {
			c, err := settingsOf(tx, string(name))
			if err != nil || c.Notifications == nil {
				return err
			}
			c.Notifications = nil
			return store.PutJSON(known, name, c)
		}); err != nil {
			return err
		}
		for _, b := range all {
			if err := s.prepareOne(tx, b); err != nil {
				return fmt.Errorf("prepare bucket %s: %w", b.Name, err)
			}
		}
		return nil
	})
}

func (s *buckets) prepareOne(tx *bbolt.Tx, b template.Bucket) error {
	known := tx.Bucket(settingsBucket)
	if known.Get([]byte(b.Name)) == nil {
		if err := create(tx, b.Name, settings{}); err != nil {
			return err
		}
	}
	c, err := settingsOf(tx, b.Name)
	if err != nil {
		return err
	}
	c = c.copied()
	c.Notifications, c.EventBridge = b.Notifications, b.EventBridge
	if b.Versioned {
		c.Versioning = types.BucketVersioningStatusEnabled
	}
	if b.Policy != nil {
		c.Documents["policy"] = b.Policy
		if _, err := s.parsePolicy(b.Policy); err != nil {
			return err
		}
	}
	return store.PutJSON(known, []byte(b.Name), c)
}

// CreateBucket makes a bucket for callers of the account. As S3 in us-east-1 it succeeds when the account has the
// bucket:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
func (s *buckets) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, _ []byte) error {
	if callerOf(ctx).account != template.Account {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	if strings.Contains(*in.Bucket, "..") {
		return s3err.GetBucketErr(s3err.ErrInvalidBucketName, *in.Bucket) // the gateway checks the other rules
	}
	var c settings
	if aws.ToBool(in.ObjectLockEnabledForBucket) {
		lock, err := json.Marshal(auth.BucketLockConfig{Enabled: true})
		if err != nil {
			return err
		}
		c.Versioning, c.Documents = types.BucketVersioningStatusEnabled, map[string][]byte{"lock": lock}
	}
	return failure(s.state.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(settingsBucket).Get([]byte(*in.Bucket)) != nil {
			return nil
		}
		return create(tx, *in.Bucket, c)
	}))
}

// DeleteBucket removes a bucket without objects, with its uploads and settings.
func (s *buckets) DeleteBucket(_ context.Context, bucket string) error {
	return failure(s.state.Update(func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, bucket)
		if err != nil {
			return err
		}
		if k, _ := tx.Bucket(objectsBucket).Bucket([]byte(bucket)).Cursor().First(); k != nil {
			if c.Versioning != "" {
				return s3err.GetBucketErr(s3err.ErrVersionedBucketNotEmpty, bucket)
			}
			return s3err.GetBucketErr(s3err.ErrBucketNotEmpty, bucket)
		}
		uploads := tx.Bucket(uploadsBucket).Bucket([]byte(bucket))
		if err := uploads.ForEach(func(row, _ []byte) error {
			_, id := unrow(row)
			return s.dropParts(tx, string(id))
		}); err != nil {
			return err
		}
		for _, inside := range [][]byte{objectsBucket, uploadsBucket} {
			if err := tx.Bucket(inside).DeleteBucket([]byte(bucket)); err != nil {
				return err
			}
		}
		return tx.Bucket(settingsBucket).Delete([]byte(bucket))
	}))
}

// ListBuckets lists the buckets for callers of the account.
func (s *buckets) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (
	out s3response.ListAllMyBucketsResult, err error,
) {
	if callerOf(ctx).account != template.Account {
		return out, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return out, failure(s.state.View(func(tx *bbolt.Tx) error {
		out = s3response.ListAllMyBucketsResult{
			Owner: s3response.CanonicalUser{ID: template.Account}, Prefix: in.Prefix,
		}
		list := &out.Buckets.Bucket
		cursor := tx.Bucket(settingsBucket).Cursor()
		k, _ := cursor.Seek([]byte(max(in.Prefix, in.ContinuationToken)))
		for ; k != nil && bytes.HasPrefix(k, []byte(in.Prefix)); k, _ = cursor.Next() {
			if in.ContinuationToken == string(k) {
				continue
			}
			if len(*list) == int(cmp.Or(in.MaxBuckets, 10_000)) {
				out.ContinuationToken = (*list)[len(*list)-1].Name
				break
			}
			c, err := settingsOf(tx, string(k))
			if err != nil {
				return err
			}
			*list = append(*list, s3response.ListAllMyBucketsEntry{
				Name: string(k), BucketRegion: template.Region, CreationDate: c.Created,
			})
		}
		return nil
	}))
}
