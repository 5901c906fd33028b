package s3

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"
)

// maxKey is the longest key of S3, in bytes.
const maxKey = 1024

func checkKey(key string) error {
	if len(key) > maxKey {
		return s3err.GetKeyTooLongErr(int64(len(key)), maxKey)
	}
	return nil
}

// target is the object that a request makes, and the conditions under which it does.
type target struct {
	kind                 created
	bucket, key          string
	ifMatch, ifNoneMatch *string
}

// store makes v the current version and announces it, in a transaction that also runs before. It returns the version id
// to answer with. When it fails, it removes the body of v.
func (s *buckets) store(ctx context.Context, at target, v *version, before func(tx *bbolt.Tx) error) (
	id string, err error,
) {
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		id, err = s.publish(ctx, tx, at, v)
		return err
	})
	if err != nil {
		s.bodies.remove(v.Body)
	}
	return id, err
}

func nothing(*bbolt.Tx) error { return nil }

// publish evaluates the conditions, makes v the current version and announces it.
func (s *buckets) publish(ctx context.Context, tx *bbolt.Tx, at target, v *version) (id string, err error) {
	c, err := settingsOf(tx, at.bucket)
	if err != nil {
		return "", err
	}
	now, exists, err := current(tx, at.bucket, at.key)
	if err != nil {
		return "", err
	}
	if err := backend.EvaluateObjectPutPreconditions(now.ETag, at.ifMatch, at.ifNoneMatch, exists); err != nil {
		return "", err
	}
	if err := v.applyDefault(c); err != nil {
		return "", err
	}
	if err := s.add(tx, at.bucket, at.key, c, v); err != nil {
		return "", err
	}
	return answeredID(c, *v), s.announce(tx, c, at.kind, object{
		bucket: at.bucket, key: at.key, versionID: shownID(c, *v), eTag: v.ETag, size: v.Size, sequence: v.Sequence,
		requester: callerOf(ctx),
	})
}

// PutObject stores an upload, which may be one by POST form.
func (s *buckets) PutObject(ctx context.Context, in s3response.PutObjectInput) (
	out s3response.PutObjectOutput, err error,
) {
	at := target{createdPut, *in.Bucket, reveal(*in.Key), in.IfMatch, in.IfNoneMatch}
	size := aws.ToInt64(in.ContentLength)
	if ctx.Value(string(utils.ContextKeyObjectPostResult)) != nil {
		// The key of a form is not hidden, and the form does not tell the length of its file.
		at.kind, at.key, size = createdPost, strings.Clone(*in.Key), -1
	}
	if err := checkKey(at.key); err != nil {
		return out, err
	}
	v := version{
		headers: headersOf(&in),
		lock:    lockOf(in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus),
	}
	if v.Tags, err = parseTags(aws.ToString(in.Tagging)); err != nil {
		return out, err
	}
	sum := announced(&in, in.Body, in.ChecksumAlgorithm)
	if sum.Algorithm == "" {
		sum.Algorithm = types.ChecksumAlgorithmCrc64nvme // S3's default
	}
	written, err := s.bodies.write(in.Body, size, sums{}.ask(sum))
	if err != nil {
		return out, failure(err)
	}
	v.Body, v.Size, v.ETag, v.Sum = written.name, written.size, written.eTag, written.sums.of(sum.Algorithm)
	if out.VersionID, err = s.store(ctx, at, &v, nothing); err != nil {
		return out, err
	}
	out.ETag, out.Size = quoted(v.ETag), &v.Size
	v.Sum.put(&out)
	return out, nil
}

func quoted(eTag string) string { return `"` + eTag + `"` }

func trimQuotes(eTag string) string { return strings.Trim(eTag, `"`) }
