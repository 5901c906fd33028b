package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"
)

// DeleteObject serves the operation of that name.
func (s *buckets) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (out *s3.DeleteObjectOutput, err error) {
	only := backend.ObjectDeletePreconditions{
		IfMatch: in.IfMatch, IfMatchLastModTime: in.IfMatchLastModifiedTime, IfMatchSize: in.IfMatchSize,
	}
	return out, s.update(ctx, func(tx *bbolt.Tx) (err error) {
		out, err = s.remove(tx, *in.Bucket, reveal(*in.Key), aws.ToString(in.VersionId), only)
		return err
	})
}

// remove removes the version with an id. Without an id it removes the object or, in a bucket that keeps versions, adds
// a delete marker. As on S3 it succeeds when there is nothing to remove.
func (s *buckets) remove(tx *bbolt.Tx, bucket, key, id string, only backend.ObjectDeletePreconditions) (
	*s3.DeleteObjectOutput, error,
) {
	c, err := settingsOf(tx, bucket)
	if err != nil {
		return nil, err
	}
	v, err := find(tx, bucket, key, id)
	exists := err == nil
	if err != nil && !noSuchVersion(err) && !errors.Is(err, s3err.GetAPIError(s3err.ErrNoSuchKey)) {
		return nil, err
	}
	if err := checkDeletion(v, exists, only); err != nil {
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
		marker := version{Marker: true}
		err := s.add(tx, bucket, key, c, &marker)
		return &s3.DeleteObjectOutput{VersionId: &marker.ID, DeleteMarker: aws.Bool(true)}, err
	}
}

// checkDeletion evaluates the conditions of a deletion:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
func checkDeletion(v version, exists bool, only backend.ObjectDeletePreconditions) error {
	switch {
	case only == backend.ObjectDeletePreconditions{}:
		return nil
	case !exists && only.IfMatch != nil:
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	case !exists:
		return nil
	case v.Marker:
		return s3err.GetPreconditionFailedErr(s3err.ConditionIfMatch)
	}
	if aws.ToString(only.IfMatch) == "*" {
		only.IfMatch = nil // any object matches
	}
	return backend.EvaluateObjectDeletePreconditions(v.ETag, v.Modified, v.Size, only)
}

// maxDeletions is S3's limit for one request.
const maxDeletions = 1000

// DeleteObjects authorises and carries out each deletion by itself, as S3 does.
func (s *buckets) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (
	out s3response.DeleteResult, err error,
) {
	if len(in.Delete.Objects) > maxDeletions {
		return out, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	return out, s.update(ctx, func(tx *bbolt.Tx) error {
		out = s3response.DeleteResult{}
		for _, o := range in.Delete.Objects {
			deleted, err := s.deleteOne(ctx, tx, *in.Bucket, o)
			if _, answered := errors.AsType[s3err.S3Error](err); answered {
				out.Error = append(out.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
				continue
			}
			if err != nil {
				return err
			}
			out.Deleted = append(out.Deleted, deleted)
		}
		return nil
	})
}

func (s *buckets) deleteOne(ctx context.Context, tx *bbolt.Tx, bucket string, o types.ObjectIdentifier) (
	types.DeletedObject, error,
) {
	deleted := types.DeletedObject{Key: o.Key, VersionId: o.VersionId}
	key, id := aws.ToString(o.Key), aws.ToString(o.VersionId)
	err := s.allow(ctx, tx, check{action: withVersion("DeleteObject", id), bucket: bucket, key: key, versionID: id})
	if err != nil {
		return deleted, err
	}
	removed, err := s.remove(tx, bucket, key, id, backend.ObjectDeletePreconditions{
		IfMatch: backend.TrimEtag(o.ETag), IfMatchLastModTime: o.LastModifiedTime, IfMatchSize: o.Size,
	})
	if err != nil {
		return deleted, err
	}
	deleted.DeleteMarker = removed.DeleteMarker
	if aws.ToBool(removed.DeleteMarker) {
		deleted.DeleteMarkerVersionId = removed.VersionId
	}
	return deleted, nil
}
