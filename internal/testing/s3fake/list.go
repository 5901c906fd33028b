package s3fake

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// listed is a version in a listing.
type listed struct {
	key    string
	latest bool
	*Object
}

// ListObjectVersions lists the versions of the keys with a prefix: keys in order, the newest version
// of each first.
func (f *S3) ListObjectVersions(
	_ context.Context, in *s3.ListObjectVersionsInput, _ ...func(*s3.Options),
) (out *s3.ListObjectVersionsOutput, err error) {
	err = f.call("ListObjectVersions", func() error {
		b := f.buckets[*in.Bucket]
		if b == nil {
			return Err("ListObjectVersions", 404, "NoSuchBucket", "")
		}
		var all []listed
		for _, key := range slices.Sorted(maps.Keys(b.keys)) {
			for i, o := range slices.Backward(b.keys[key]) {
				if strings.HasPrefix(key, aws.ToString(in.Prefix)) {
					all = append(all, listed{key: key, latest: i == len(b.keys[key])-1, Object: o})
				}
			}
		}
		if in.KeyMarker != nil {
			after := slices.IndexFunc(all, func(l listed) bool {
				return l.key == *in.KeyMarker && l.ID == *in.VersionIdMarker
			})
			if after < 0 { // it was removed meanwhile
				after = slices.IndexFunc(append(all, listed{key: "\xff"}), func(l listed) bool { return l.key > *in.KeyMarker }) - 1
			}
			all = all[after+1:]
		}
		out = &s3.ListObjectVersionsOutput{EncodingType: in.EncodingType, IsTruncated: aws.Bool(false)}
		if f.Page > 0 && len(all) > f.Page {
			all = all[:f.Page]
			last := all[f.Page-1]
			out.IsTruncated, out.NextKeyMarker, out.NextVersionIdMarker = aws.Bool(true), encoded(last.key, in), &last.ID
		}
		for _, l := range all {
			key := encoded(l.key, in)
			if l.Marker {
				out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
					Key: key, VersionId: &l.ID, IsLatest: &l.latest, LastModified: &l.Modified,
				})
				continue
			}
			out.Versions = append(out.Versions, types.ObjectVersion{
				Key: key, VersionId: &l.ID, IsLatest: &l.latest, LastModified: &l.Modified,
				ETag: aws.String(l.ETag()), Size: aws.Int64(int64(len(l.Body))),
				StorageClass: types.ObjectVersionStorageClass(l.StorageClass),
			})
		}
		return nil
	})
	return out, err
}

// ListObjectsV2 lists the current objects of the keys with a prefix, in order. The continuation token is the last key
// of the page before.
func (f *S3) ListObjectsV2(
	_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options),
) (out *s3.ListObjectsV2Output, err error) {
	err = f.call("ListObjectsV2", func() error {
		b := f.buckets[*in.Bucket]
		if b == nil {
			return Err("ListObjectsV2", 404, "NoSuchBucket", "")
		}
		out = &s3.ListObjectsV2Output{IsTruncated: aws.Bool(false)}
		for _, key := range slices.Sorted(maps.Keys(b.keys)) {
			n := len(b.keys[key])
			if !strings.HasPrefix(key, aws.ToString(in.Prefix)) || n == 0 || b.keys[key][n-1].Marker ||
				in.ContinuationToken != nil && key <= *in.ContinuationToken {
				continue
			}
			if f.Page > 0 && len(out.Contents) == f.Page {
				out.IsTruncated, out.NextContinuationToken = aws.Bool(true), out.Contents[f.Page-1].Key
				break
			}
			o := b.keys[key][n-1]
			out.Contents = append(out.Contents, types.Object{
				Key: aws.String(key), LastModified: &o.Modified, ETag: aws.String(o.ETag()), Size: aws.Int64(int64(len(o.Body))),
			})
		}
		return nil
	})
	return out, err
}

// encoded returns a key or a key marker as S3 answers it.
func encoded(key string, in *s3.ListObjectVersionsInput) *string {
	if in.EncodingType == types.EncodingTypeUrl {
		key = url.QueryEscape(key)
	}
	return &key
}
