package s3

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// The service's buckets in the store. "objects" and "uploads" have one bucket
// inside for each of S3's, see row; "parts" has one for each upload.
var (
	settingsBucket = []byte("s3/buckets") // name: settings
	objectsBucket  = []byte("s3/objects")
	uploadsBucket  = []byte("s3/uploads")
	partsBucket    = []byte("s3/parts")
)

// buckets is the gateway's backend: bodies are files, and everything else is in
// the store. Each operation on an object is authorised, evaluates its conditions,
// acts and announces in one transaction. What it does not do is NotImplemented.
type buckets struct {
	backend.BackendUnsupported
	state    *store.Store
	bodies   bodies
	deliver  func(tx *bbolt.Tx, queueARN, body string) error
	putEvent func(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error

	mu       sync.Mutex
	policies map[string]*policy.Policy // parsed, by text
}

// settings are what a bucket is told about itself. The documents are the
// gateway's own forms, by name, but for the policy.
type settings struct {
	Created       time.Time
	Versioning    types.BucketVersioningStatus
	EventBridge   bool
	Notifications []template.Notification // of the template alone
	Documents     map[string][]byte
}

// view runs f on one state after the caller was authorised on that state.
func (s *buckets) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	return failure(s.state.View(func(tx *bbolt.Tx) error {
		if err := s.authorize(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	}))
}

// update is view for changes. f may run more than once.
func (s *buckets) update(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	return failure(s.state.Update(func(tx *bbolt.Tx) error {
		if err := s.authorize(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	}))
}

// failure makes an error that is not S3's into one that says what it was, which
// the gateway would not.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[s3err.S3Error](err); ok {
		return known
	}
	return s3err.APIError{Code: "InternalError", Description: err.Error(), HTTPStatusCode: http.StatusInternalServerError}
}

// request is the HTTP request behind a call from the gateway.
func request(ctx context.Context) (*fasthttp.RequestCtx, bool) {
	rc, ok := ctx.(*fasthttp.RequestCtx)
	return rc, ok
}

// settingsOf returns NoSuchBucket for a bucket that is not there.
func settingsOf(tx *bbolt.Tx, bucket string) (settings, error) {
	var c settings
	there, err := store.GetJSON(tx.Bucket(settingsBucket), []byte(bucket), &c)
	if err == nil && !there {
		err = s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
	}
	return c, err
}

// configure changes a bucket's settings.
func (s *buckets) configure(bucket string, change func(c *settings) error) error {
	return failure(s.state.Update(func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, bucket)
		if err != nil {
			return err
		}
		if err := change(&c); err != nil {
			return err
		}
		return store.PutJSON(tx.Bucket(settingsBucket), []byte(bucket), c)
	}))
}

// settings reads a bucket's.
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

// document returns the error for one that is not there.
func (s *buckets) document(bucket, name string, absent s3err.ErrorCode) ([]byte, error) {
	c, err := s.settings(bucket)
	if err != nil {
		return nil, err
	}
	if d := c.Documents[name]; d != nil {
		return d, nil
	}
	return nil, s3err.GetBucketErr(absent, bucket)
}

// create makes a bucket in a transaction.
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

// prepare creates the template's buckets where they are not there, and gives
// them what the template says. Buckets of another layout's template are left with
// what they hold, but send nothing to queues that are not there.
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
			if known.Get([]byte(b.Name)) == nil {
				if err := create(tx, b.Name, settings{}); err != nil {
					return err
				}
			}
			c, err := settingsOf(tx, b.Name)
			if err != nil {
				return err
			}
			c.Notifications, c.EventBridge = b.Notifications, b.EventBridge
			if b.Versioned {
				c.Versioning = types.BucketVersioningStatusEnabled
			}
			if b.Policy != nil {
				c.Documents["policy"] = b.Policy
				if _, err := s.parsed(b.Policy); err != nil {
					return fmt.Errorf("prepare bucket %s: %w", b.Name, err)
				}
			}
			if err := store.PutJSON(known, []byte(b.Name), c); err != nil {
				return err
			}
		}
		return nil
	})
}

// CreateBucket concerns the account, not a bucket with a policy. In us-east-1 alone
// S3 answers 200 for a bucket that the account has already:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
func (s *buckets) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, _ []byte) error {
	if callerOf(ctx).account != template.Account {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	if strings.Contains(*in.Bucket, "..") {
		return s3err.GetBucketErr(s3err.ErrInvalidBucketName, *in.Bucket) // the gateway looks for all else
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

// DeleteBucket takes settings and unfinished uploads along.
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

// ListBuckets lists the buckets of the one account.
func (s *buckets) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (out s3response.ListAllMyBucketsResult, err error) {
	if callerOf(ctx).account != template.Account {
		return out, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return out, failure(s.state.View(func(tx *bbolt.Tx) error {
		out = s3response.ListAllMyBucketsResult{Owner: s3response.CanonicalUser{ID: template.Account}, Prefix: in.Prefix}
		list := &out.Buckets.Bucket
		cursor := tx.Bucket(settingsBucket).Cursor()
		for k, _ := cursor.Seek([]byte(max(in.Prefix, in.ContinuationToken))); bytes.HasPrefix(k, []byte(in.Prefix)) && k != nil; k, _ = cursor.Next() {
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
			*list = append(*list, s3response.ListAllMyBucketsEntry{Name: string(k), BucketRegion: template.Region, CreationDate: c.Created})
		}
		return nil
	}))
}
