package s3fake

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// find returns the version that a request names. Answers to HEAD have no body, so that their error has
// no cause.
func (f *S3) find(op string, name, key, version *string) (*Object, error) {
	missing := func(code string) error {
		if op == "HeadObject" {
			code = "NotFound"
		}
		return Err(op, 404, code, "")
	}
	b := f.buckets[aws.ToString(name)]
	if b == nil {
		return nil, missing("NoSuchBucket")
	}
	versions := b.keys[aws.ToString(key)]
	if v := aws.ToString(version); v != "" {
		i := slices.IndexFunc(versions, func(o *Object) bool { return o.ID == v })
		switch {
		case i < 0:
			return nil, missing("NoSuchVersion")
		case versions[i].Marker:
			return nil, Err(op, 405, "MethodNotAllowed", "")
		}
		return versions[i], nil
	}
	n := len(versions)
	if n > 0 && !versions[n-1].Marker {
		return versions[n-1], nil
	}
	err := missing("NoSuchKey")
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && n > 0 {
		response.Response.Header = http.Header{"X-Amz-Delete-Marker": {"true"}}
	}
	return nil, err
}

// match checks If-Match, and If-None-Match with "*"; o is nil if there is no object.
func match(op string, o *Object, ifMatch, ifNoneMatch *string) error {
	failed := Err(op, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	switch {
	case ifNoneMatch != nil && o != nil:
		return failed
	case ifMatch == nil:
		return nil
	case o == nil:
		return Err(op, 404, "NoSuchKey", "")
	case *ifMatch != o.ETag():
		return failed
	}
	return nil
}

// HeadObject returns the metadata of a version.
func (f *S3) HeadObject(
	_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options),
) (out *s3.HeadObjectOutput, err error) {
	err = f.call("HeadObject", func() error {
		o, err := f.find("HeadObject", in.Bucket, in.Key, in.VersionId)
		if err != nil {
			return err
		}
		if err := match("HeadObject", o, in.IfMatch, nil); err != nil {
			return err
		}
		out = &s3.HeadObjectOutput{
			VersionId:               f.buckets[*in.Bucket].id(o),
			LastModified:            aws.Time(o.Modified),
			ContentLength:           aws.Int64(int64(len(o.Body))),
			ETag:                    aws.String(o.ETag()),
			Metadata:                maps.Clone(o.Metadata),
			MissingMeta:             aws.Int32(o.MissingMeta),
			TagCount:                aws.Int32(int32(len(o.Tags))),
			ContentType:             text(o.ContentType),
			ContentEncoding:         text(o.ContentEncoding),
			ContentLanguage:         text(o.ContentLanguage),
			ContentDisposition:      text(o.ContentDisposition),
			CacheControl:            text(o.CacheControl),
			ExpiresString:           text(o.Expires),
			WebsiteRedirectLocation: text(o.Redirect),
		}
		if o.Locked && !o.HideLock {
			out.ObjectLockMode = types.ObjectLockModeCompliance
			out.ObjectLockRetainUntilDate = aws.Time(time.Now().Add(time.Hour))
		}
		if o.SHA256 && in.ChecksumMode == types.ChecksumModeEnabled {
			out.ChecksumSHA256 = aws.String(sum(o.Body))
		}
		return nil
	})
	return out, err
}

// GetObject returns the bytes of a version. It supports no ranges, and of the conditions If-None-Match alone.
func (f *S3) GetObject(
	_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options),
) (out *s3.GetObjectOutput, err error) {
	err = f.call("GetObject", func() error {
		o, err := f.find("GetObject", in.Bucket, in.Key, in.VersionId)
		switch {
		case err != nil:
			return err
		case in.IfNoneMatch != nil && *in.IfNoneMatch == o.ETag():
			return Err("GetObject", http.StatusNotModified, "NotModified", "")
		}
		out = &s3.GetObjectOutput{
			VersionId: f.buckets[*in.Bucket].id(o), ETag: aws.String(o.ETag()), Body: io.NopCloser(strings.NewReader(o.Body)),
		}
		return nil
	})
	return out, err
}

// GetObjectTagging returns a version's tags, sorted by key.
func (f *S3) GetObjectTagging(
	_ context.Context, in *s3.GetObjectTaggingInput, _ ...func(*s3.Options),
) (out *s3.GetObjectTaggingOutput, err error) {
	err = f.call("GetObjectTagging", func() error {
		o, err := f.find("GetObjectTagging", in.Bucket, in.Key, in.VersionId)
		if err != nil {
			return err
		}
		out = &s3.GetObjectTaggingOutput{VersionId: f.buckets[*in.Bucket].id(o)}
		for _, k := range slices.Sorted(maps.Keys(o.Tags)) {
			out.TagSet = append(out.TagSet, types.Tag{Key: aws.String(k), Value: aws.String(o.Tags[k])})
		}
		return nil
	})
	return out, err
}

// text returns a pointer to s, or nil for "", which the SDK uses for a missing header.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// sum returns a SHA-256 in S3's encoding.
func sum(body string) string {
	h := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(h[:])
}
