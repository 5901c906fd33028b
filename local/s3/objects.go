package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"
)

// maxKey is S3's limit, in bytes.
const maxKey = 1024

func checkKey(key string) error {
	if len(key) > maxKey {
		return s3err.GetKeyTooLongErr(int64(len(key)), maxKey)
	}
	return nil
}

// writing is what the ways of making an object have in common.
type writing struct {
	kind                 created
	bucket, key          string
	ifMatch, ifNoneMatch *string
}

// publish makes v the current version and announces it, in the transaction that
// evaluates the conditions. It returns the id to answer with.
func (s *buckets) publish(ctx context.Context, tx *bbolt.Tx, w writing, v *version) (id string, err error) {
	c, err := settingsOf(tx, w.bucket)
	if err != nil {
		return "", err
	}
	now, there, err := current(tx, w.bucket, w.key)
	if err != nil {
		return "", err
	}
	if err := backend.EvaluateObjectPutPreconditions(now.ETag, w.ifMatch, w.ifNoneMatch, there); err != nil {
		return "", err
	}
	if err := v.lockBy(c); err != nil {
		return "", err
	}
	if err := s.add(tx, w.bucket, w.key, c, v); err != nil {
		return "", err
	}
	return answeredID(c, *v), s.announce(tx, c, w.kind, object{
		bucket: w.bucket, key: w.key, versionID: shownID(c, *v), eTag: v.ETag, size: v.Size, sequence: v.Sequence, requester: callerOf(ctx),
	})
}

// PutObject stores a plain upload or one by POST form.
func (s *buckets) PutObject(ctx context.Context, in s3response.PutObjectInput) (out s3response.PutObjectOutput, err error) {
	key, kind, size := reveal(*in.Key), createdPut, aws.ToInt64(in.ContentLength)
	if ctx.Value(string(utils.ContextKeyObjectPostResult)) != nil {
		// A form's key has not been hidden, and nobody knows the length but the file.
		key, kind, size = strings.Clone(*in.Key), createdPost, -1
	}
	if err := checkKey(key); err != nil {
		return out, err
	}
	v := version{
		headers: headersOf(in.ContentType, in.ContentEncoding, in.ContentDisposition, in.ContentLanguage, in.CacheControl,
			in.Expires, in.WebsiteRedirectLocation, in.Metadata),
		lock: lockOf(in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus),
	}
	if v.Tags, err = parseTags(aws.ToString(in.Tagging)); err != nil {
		return out, err
	}
	w := writing{kind, *in.Bucket, key, in.IfMatch, in.IfNoneMatch}
	sum := announced(&in, in.Body, in.ChecksumAlgorithm)
	if sum.Algorithm == "" {
		sum.Algorithm = types.ChecksumAlgorithmCrc64nvme // S3's default
	}
	body, err := s.bodies.write(in.Body, size, sums{}.ask(sum))
	if err != nil {
		return out, failure(err)
	}
	v.Body, v.Size, v.ETag, v.Sum = body.name, body.size, body.eTag, body.sums.of(sum.Algorithm)
	if err := s.update(ctx, func(tx *bbolt.Tx) (err error) {
		out.VersionID, err = s.publish(ctx, tx, w, &v)
		return err
	}); err != nil {
		s.bodies.remove(body.name)
		return out, err
	}
	out.ETag, out.Size = quoted(v.ETag), &v.Size
	v.Sum.put(&out)
	return out, nil
}

// headersOf takes what requests have. aws-chunked is how a body travels, not how
// an object is encoded.
func headersOf(contentType, encoding, disposition, language, cache, expires, redirect *string, metadata map[string]string) headers {
	var kept []string
	for e := range strings.SplitSeq(aws.ToString(encoding), ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			kept = append(kept, e)
		}
	}
	return headers{
		aws.ToString(contentType), strings.Join(kept, ", "), aws.ToString(disposition), aws.ToString(language),
		aws.ToString(cache), aws.ToString(expires), aws.ToString(redirect), metadata,
	}
}

func quoted(eTag string) string { return `"` + eTag + `"` }

func trimQuotes(eTag string) string { return strings.Trim(eTag, `"`) }

// reading is an object that was found, and the part of it that is wanted.
type reading struct {
	version
	shown         string // version id
	start, length int64
	partial       bool
}

// read finds a version under conditions, with its body opened where that is asked
// for: it can be read to its end even when the version is deleted meanwhile.
func (s *buckets) read(ctx context.Context, in *s3.HeadObjectInput, withBody bool) (r reading, f *os.File, err error) {
	for range attempts {
		err = s.view(ctx, func(tx *bbolt.Tx) error {
			c, err := settingsOf(tx, *in.Bucket)
			if err != nil {
				return err
			}
			r = reading{}
			if r.version, err = readable(tx, *in.Bucket, reveal(*in.Key), aws.ToString(in.VersionId)); err != nil {
				return err
			}
			r.shown = shownID(c, r.version)
			if err := backend.EvaluatePreconditions(r.ETag, r.Modified, backend.PreConditions{
				IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
			}); err != nil {
				notModified(ctx, r.version, err)
				return err
			}
			if err := r.choose(in.PartNumber, aws.ToString(in.Range)); err != nil || !withBody || r.Body == "" {
				return err
			}
			f, err = s.bodies.open(r.Body)
			return err
		})
		// A file that is missing was deleted in a later transaction than the one seen.
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return r, f, failure(err)
}

// notModified adds to an answer of 304 what caches look for, which the gateway leaves out.
func notModified(ctx context.Context, v version, err error) {
	if rc, ok := request(ctx); ok && errors.Is(err, s3err.GetAPIError(s3err.ErrNotModified)) {
		rc.Response.Header.Set("ETag", quoted(v.ETag))
		rc.Response.Header.Set("Last-Modified", v.Modified.Format(http.TimeFormat))
	}
}

// attempts bounds how often an operation looks again at what changed under it.
const attempts = 100

// choose works out which bytes a Range header or a part number means.
func (r *reading) choose(part *int32, header string) error {
	r.length = r.Size
	if part == nil {
		var err error
		r.start, r.length, r.partial, err = backend.ParseObjectRange(r.Size, header)
		return err
	}
	n, parts := int(*part), max(1, len(r.Parts))
	if n > parts {
		return s3err.GetInvalidPartNumberRangeErr(int32(parts), *part)
	}
	if len(r.Parts) > 0 {
		if n > 1 {
			r.start = r.Parts[n-2]
		}
		r.length = r.Parts[n-1] - r.start
	}
	r.partial = r.length > 0
	return nil
}

// HeadObject serves the API.
func (s *buckets) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	r, _, err := s.read(ctx, in, false)
	if err != nil {
		return marker(r), err
	}
	return r.head(in.ChecksumMode, in.PartNumber != nil), nil
}

// marker is the answer beside an error that a delete marker causes, and nil for others.
func marker(r reading) *s3.HeadObjectOutput {
	if !r.Marker {
		return nil
	}
	return &s3.HeadObjectOutput{DeleteMarker: aws.Bool(true), LastModified: &r.Modified}
}

func (r *reading) head(mode types.ChecksumMode, part bool) *s3.HeadObjectOutput {
	out := &s3.HeadObjectOutput{
		AcceptRanges: aws.String("bytes"), ContentLength: &r.length, ContentType: &r.ContentType, ContentEncoding: &r.ContentEncoding,
		ContentDisposition: &r.ContentDisposition, ContentLanguage: &r.ContentLanguage, CacheControl: &r.CacheControl,
		ExpiresString: &r.Expires, WebsiteRedirectLocation: &r.Redirect, ETag: aws.String(quoted(r.ETag)), LastModified: &r.Modified,
		Metadata: r.Metadata, VersionId: &r.shown,
	}
	if r.partial {
		out.ContentRange = aws.String(fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, r.Size))
	}
	if n := len(r.Tags); n > 0 {
		out.TagCount = aws.Int32(int32(n))
	}
	if n := len(r.Parts); n > 0 && part {
		out.PartsCount = aws.Int32(int32(n))
	}
	if mode == types.ChecksumModeEnabled && r.length == r.Size {
		r.Sum.put(out)
	}
	if r.Retention != nil {
		out.ObjectLockMode, out.ObjectLockRetainUntilDate = types.ObjectLockMode(r.Retention.Mode), r.Retention.RetainUntilDate
	}
	if r.Hold != nil {
		out.ObjectLockLegalHoldStatus = holdStatus(*r.Hold)
	}
	return out
}

// GetObject serves the API.
func (s *buckets) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	head := &s3.HeadObjectInput{}
	sameFields(head, in)
	r, f, err := s.read(ctx, head, true)
	if err != nil {
		if m := marker(r); m != nil {
			return &s3.GetObjectOutput{DeleteMarker: m.DeleteMarker, LastModified: m.LastModified}, err
		}
		return nil, err
	}
	out := &s3.GetObjectOutput{}
	sameFields(out, r.head(in.ChecksumMode, in.PartNumber != nil))
	switch {
	case f == nil:
		out.Body = io.NopCloser(strings.NewReader(""))
	case r.length == r.Size:
		out.Body = f
	default:
		out.Body = &backend.FileSectionReadCloser{R: io.NewSectionReader(f, r.start, r.length), F: f}
	}
	return out, nil
}

// sameFields copies the fields that two of the SDK's structures have in common.
func sameFields(to, from any) {
	t, f := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for i := range f.NumField() {
		name := f.Type().Field(i)
		if field := t.FieldByName(name.Name); name.IsExported() && field.IsValid() && field.Type() == name.Type {
			field.Set(f.Field(i))
		}
	}
}

// GetObjectAttributes serves the API.
func (s *buckets) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (out s3response.GetObjectAttributesResponse, err error) {
	r, _, err := s.read(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId}, false)
	if err != nil {
		if r.Marker {
			out.DeleteMarker = aws.Bool(true)
		}
		return out, err
	}
	out = s3response.GetObjectAttributesResponse{
		ETag: &r.ETag, ObjectSize: &r.Size, StorageClass: types.StorageClassStandard, LastModified: &r.Modified, VersionId: &r.shown,
		Checksum: &types.Checksum{},
	}
	r.Sum.put(out.Checksum)
	if len(r.Parts) > 0 {
		out.ObjectParts = &s3response.ObjectParts{MaxParts: len(r.Parts)}
	}
	return out, nil
}

// DeleteObject serves the API.
func (s *buckets) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (out *s3.DeleteObjectOutput, err error) {
	return out, s.update(ctx, func(tx *bbolt.Tx) (err error) {
		out, err = s.remove(tx, *in.Bucket, reveal(*in.Key), aws.ToString(in.VersionId), backend.ObjectDeletePreconditions{
			IfMatch: in.IfMatch, IfMatchLastModTime: in.IfMatchLastModifiedTime, IfMatchSize: in.IfMatchSize,
		})
		return err
	})
}

// remove removes a version, or the object as far as the bucket keeps versions. It
// succeeds, as S3 does, for what is gone already.
func (s *buckets) remove(tx *bbolt.Tx, bucket, key, id string, only backend.ObjectDeletePreconditions) (*s3.DeleteObjectOutput, error) {
	c, err := settingsOf(tx, bucket)
	if err != nil {
		return nil, err
	}
	v, err := find(tx, bucket, key, id)
	there := err == nil
	if err != nil && !noSuchVersion(err) && !errors.Is(err, s3err.GetAPIError(s3err.ErrNoSuchKey)) {
		return nil, err
	}
	if err := mayRemove(v, there, only); err != nil {
		return nil, err
	}
	switch {
	case id != "":
		out := &s3.DeleteObjectOutput{VersionId: &id}
		if v.Marker {
			out.DeleteMarker = aws.Bool(true)
		}
		return out, s.forget(tx, bucket, key, id)
	case c.Versioning == "":
		return &s3.DeleteObjectOutput{}, s.forget(tx, bucket, key, nullID)
	default:
		m := version{Marker: true}
		err := s.add(tx, bucket, key, c, &m)
		return &s3.DeleteObjectOutput{VersionId: &m.ID, DeleteMarker: aws.Bool(true)}, err
	}
}

// mayRemove evaluates the conditions of a deletion:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
func mayRemove(v version, there bool, only backend.ObjectDeletePreconditions) error {
	switch {
	case only == backend.ObjectDeletePreconditions{}:
		return nil
	case !there && only.IfMatch != nil:
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	case !there:
		return nil
	case v.Marker:
		return s3err.GetPreconditionFailedErr(s3err.ConditionIfMatch)
	}
	if aws.ToString(only.IfMatch) == "*" {
		only.IfMatch = nil // it is there
	}
	return backend.EvaluateObjectDeletePreconditions(v.ETag, v.Modified, v.Size, only)
}

// maxDeletions is S3's limit for one request.
const maxDeletions = 1000

// DeleteObjects is authorised and carried out key by key, as S3 does it.
func (s *buckets) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (out s3response.DeleteResult, err error) {
	if len(in.Delete.Objects) > maxDeletions {
		return out, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	return out, s.update(ctx, func(tx *bbolt.Tx) error {
		out = s3response.DeleteResult{}
		for _, o := range in.Delete.Objects {
			key, id := aws.ToString(o.Key), aws.ToString(o.VersionId)
			err := s.allow(ctx, tx, check{action: withVersion("DeleteObject", id), bucket: *in.Bucket, key: key, versionID: id})
			var removed *s3.DeleteObjectOutput
			if err == nil {
				removed, err = s.remove(tx, *in.Bucket, key, id, backend.ObjectDeletePreconditions{
					IfMatch: backend.TrimEtag(o.ETag), IfMatchLastModTime: o.LastModifiedTime, IfMatchSize: o.Size,
				})
			}
			if err != nil {
				if _, known := errors.AsType[s3err.S3Error](err); !known {
					return err
				}
				out.Error = append(out.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
				continue
			}
			deleted := types.DeletedObject{Key: o.Key, VersionId: o.VersionId, DeleteMarker: removed.DeleteMarker}
			if aws.ToBool(removed.DeleteMarker) {
				deleted.DeleteMarkerVersionId = removed.VersionId
			}
			out.Deleted = append(out.Deleted, deleted)
		}
		return nil
	})
}
