package s3

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"
)

// S3's limits: the number of tags, and lengths in characters.
const (
	maxTags     = 10
	maxTagKey   = 128
	maxTagValue = 256
)

// parseTags reads the header x-amz-tagging, which has the form of a query.
func parseTags(header string) (map[string]string, error) {
	if header == "" {
		return nil, nil
	}
	tags := map[string]string{}
	for pair := range strings.SplitSeq(header, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if _, twice := tags[key]; err != nil || err2 != nil || key == "" || twice {
			return nil, s3err.GetInvalidArgumentErr(s3err.InvalidArgURLEncodedTagging, header)
		}
		tags[key] = value
	}
	return tags, checkTags(tags)
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return s3err.GetAPIError(s3err.ErrObjectTaggingLimited)
	}
	for k, v := range tags {
		if n := utf8.RuneCountInString(k); n == 0 || n > maxTagKey || strings.HasPrefix(k, "aws:") {
			return s3err.GetInvalidTagErr(s3err.ErrInvalidTagKey, k, "")
		}
		if utf8.RuneCountInString(v) > maxTagValue {
			return s3err.GetInvalidTagErr(s3err.ErrInvalidTagValue, k, v)
		}
	}
	return nil
}

// taggable is find for operations on tags and locks, which a delete marker refuses with another error than reads.
func taggable(tx *bbolt.Tx, bucket, key, id string) (version, error) {
	v, err := find(tx, bucket, key, id)
	if err == nil && v.Marker {
		err = s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	}
	return v, err
}

// GetObjectTagging serves the operation of that name. The gateway answers the version id of the request alone, and S3
// also that of the current version for a request without one.
func (s *buckets) GetObjectTagging(ctx context.Context, bucket, key, id string) (tags map[string]string, err error) {
	shown := ""
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, bucket)
		if err != nil {
			return err
		}
		v, err := taggable(tx, bucket, reveal(key), id)
		tags, shown = v.Tags, shownID(c, v)
		return err
	})
	if rc, ok := request(ctx); ok && err == nil && shown != "" && rc.QueryArgs().Has("tagging") {
		rc.Response.Header.Set("x-amz-version-id", shown)
	}
	return tags, err
}

// PutObjectTagging replaces the tags of a version.
func (s *buckets) PutObjectTagging(ctx context.Context, bucket, key, id string, tags map[string]string) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		v, err := taggable(tx, bucket, reveal(key), id)
		if err != nil {
			return err
		}
		v.Tags = tags
		return replace(tx, bucket, reveal(key), v)
	})
}

// DeleteObjectTagging removes the tags of a version.
func (s *buckets) DeleteObjectTagging(ctx context.Context, bucket, key, id string) error {
	return s.PutObjectTagging(ctx, bucket, key, id, nil)
}
