package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/oklog/ulid/v2"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/lazaret/lazaret/local/template"
)

// store is the gateway's backend with what S3 has and the gateway lacks: bucket
// policies, events before the answer, conditional copies, repeatable deletions.
type store struct {
	backend.Backend
	events  *announcer
	keys    *keyLocks
	copying sync.Mutex // held by conditional copies between looking and writing

	mu       sync.RWMutex
	policies map[string]document
}

func newStore(disk backend.Backend, cfg Config) *store {
	return &store{Backend: disk, events: newAnnouncer(cfg), keys: &keyLocks{seed: maphash.MakeSeed()}, policies: map[string]document{}}
}

// prepare creates a template's bucket if it is not there and gives it the
// template's versioning and policy.
func (s *store) prepare(ctx context.Context, b template.Bucket) error {
	if _, err := s.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Name}); err != nil {
		acl, err := json.Marshal(auth.ACL{Owner: template.Account})
		if err != nil {
			return err
		}
		if err := s.Backend.CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket:                    &b.Name,
			ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
			CreateBucketConfiguration: &types.CreateBucketConfiguration{},
		}, acl); err != nil {
			return fmt.Errorf("create: %w", err)
		}
	}
	if b.Versioned {
		if err := s.PutBucketVersioning(ctx, b.Name, types.BucketVersioningStatusEnabled); err != nil {
			return fmt.Errorf("enable versioning: %w", err)
		}
	}
	if b.Policy == nil {
		return nil
	}
	return s.setPolicy(b.Name, b.Policy)
}

// CreateBucket and ListBuckets concern an account, not a bucket with a policy.
func (s *store) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	if callerOf(ctx).account != template.Account {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return s.Backend.CreateBucket(ctx, in, acl)
}

// ListBuckets lists the buckets of the one account.
func (s *store) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	if callerOf(ctx).account != template.Account {
		return s3response.ListAllMyBucketsResult{}, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return s.Backend.ListBuckets(ctx, in)
}

// PutObject stores a plain upload or one by POST form, and announces it.
func (s *store) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	in.IfNoneMatch = s.behindMarker(ctx, *in.Bucket, *in.Key, in.IfNoneMatch)
	out, err := s.put(ctx, in)
	if err != nil {
		return out, err
	}
	kind := createdPut
	if ctx.Value(string(utils.ContextKeyObjectPostResult)) != nil {
		kind = createdPost
	}
	return out, s.announce(ctx, kind, *in.Bucket, *in.Key, out.VersionID)
}

func (s *store) put(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if in.Body != nil {
		body := &lockAtEnd{Reader: in.Body, mu: s.keys.of(*in.Bucket, *in.Key)}
		defer body.release()
		in.Body = body
	}
	return s.Backend.PutObject(ctx, in)
}

// behindMarker drops If-None-Match where a delete marker stands, which the
// gateway takes for an object.
func (s *store) behindMarker(ctx context.Context, bucket, key string, ifNoneMatch *string) *string {
	if ifNoneMatch == nil {
		return nil
	}
	if _, err := s.GetObjectTagging(ctx, bucket, key, ""); errors.Is(err, s3err.GetAPIError(s3err.ErrMethodNotAllowed)) {
		return nil // the gateway's answer for a delete marker, and for nothing else
	}
	return ifNoneMatch
}

// CopyObject evaluates the conditions on the destination, which the gateway
// drops, and announces the copy. It looks for the source itself because the
// gateway would copy what a delete marker hides.
func (s *store) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	bucket, key, version, err := backend.ParseCopySource(aws.ToString(in.CopySource))
	if err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	if _, err := s.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, VersionId: &version}); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	if rc, ok := request(ctx); ok {
		ifMatch, ifNoneMatch := condition(rc, "If-Match"), condition(rc, "If-None-Match")
		if ifMatch != nil || ifNoneMatch != nil {
			s.copying.Lock()
			defer s.copying.Unlock()
			var etag string
			now, err := s.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
			if err == nil {
				etag = aws.ToString(now.ETag)
			}
			if err := backend.EvaluateObjectPutPreconditions(etag, ifMatch, ifNoneMatch, err == nil); err != nil {
				return s3response.CopyObjectOutput{}, err
			}
		}
	}
	out, err := func() (s3response.CopyObjectOutput, error) {
		defer s.keys.hold(*in.Bucket, *in.Key)()
		return s.Backend.CopyObject(ctx, in)
	}()
	if err != nil {
		return out, err
	}
	return out, s.announce(ctx, createdCopy, *in.Bucket, *in.Key, aws.ToString(out.VersionId))
}

// CompleteMultipartUpload announces the object that the parts became.
func (s *store) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	in.IfNoneMatch = s.behindMarker(ctx, *in.Bucket, *in.Key, in.IfNoneMatch)
	out, version, err := func() (s3response.CompleteMultipartUploadResult, string, error) {
		defer s.keys.hold(*in.Bucket, *in.Key)()
		return s.Backend.CompleteMultipartUpload(ctx, in)
	}()
	if err != nil {
		return out, version, err
	}
	return out, version, s.announce(ctx, createdMultipart, *in.Bucket, *in.Key, version)
}

// announce reads back what was stored, since the operations differ in what they
// return. Its error fails the request although the object is stored: the client
// uploads again rather than leave an object that nobody will scan.
func (s *store) announce(ctx context.Context, kind created, bucket, key, version string) error {
	in := &s3.HeadObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	o, err := s.HeadObject(ctx, in)
	if err == nil {
		err = s.events.announce(ctx, kind, object{
			bucket: bucket, key: key, versionID: version,
			eTag: aws.ToString(o.ETag), size: aws.ToInt64(o.ContentLength), requester: callerOf(ctx),
		})
	}
	if err != nil {
		return s3err.APIError{
			Code:           "InternalError",
			Description:    fmt.Sprintf("announce %s of s3://%s/%s: %v", kind.event, bucket, key, err),
			HTTPStatusCode: http.StatusInternalServerError,
		}
	}
	return nil
}

// DeleteObject succeeds, as S3 does, for a version that is already gone.
func (s *store) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	defer s.keys.hold(*in.Bucket, *in.Key)()
	out, err := s.Backend.DeleteObject(ctx, in)
	var bad s3err.InvalidArgumentError
	if _, isVersion := ulid.ParseStrict(aws.ToString(in.VersionId)); isVersion == nil && errors.As(err, &bad) {
		return &s3.DeleteObjectOutput{VersionId: in.VersionId}, nil
	}
	return out, err
}

// DeleteObjects is authorised and carried out key by key, as S3 does it.
func (s *store) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	var res s3response.DeleteResult
	for _, o := range in.Delete.Objects {
		version := aws.ToString(o.VersionId)
		err := s.allow(ctx, check{action: withVersion("DeleteObject", version), bucket: *in.Bucket, key: aws.ToString(o.Key), versionID: version})
		var out *s3.DeleteObjectOutput
		if err == nil {
			out, err = s.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: in.Bucket, Key: o.Key, VersionId: o.VersionId})
		}
		if err != nil {
			res.Error = append(res.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
			continue
		}
		deleted := types.DeletedObject{Key: o.Key, VersionId: o.VersionId, DeleteMarker: out.DeleteMarker}
		if aws.ToBool(out.DeleteMarker) {
			deleted.DeleteMarkerVersionId = out.VersionId
		}
		res.Deleted = append(res.Deleted, deleted)
	}
	return res, nil
}

// request is the HTTP request behind a call from the gateway.
func request(ctx context.Context) (*fasthttp.RequestCtx, bool) {
	rc, ok := ctx.(*fasthttp.RequestCtx)
	return rc, ok
}

// condition is the value of a precondition header, without quotes; nil without it.
func condition(rc *fasthttp.RequestCtx, name string) *string {
	v := string(rc.Request.Header.Peek(name))
	if v == "" {
		return nil
	}
	return aws.String(trimQuotes(v))
}
