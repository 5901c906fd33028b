package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/sweep"
)

const (
	// mostPages is how many pages a round has at most. Their results fit into the files that count reads at once.
	mostPages = 500
	// listTime is how long a round lists: half of the function's timeout.
	listTime = 7 * time.Minute
)

// list lists the versions of the next round, and writes its pages to the bucket of records. A round of a retro-scan
// belongs to one window.
func (h *handler) list(ctx context.Context, s sweep.State) (sweep.State, error) {
	s.Round++
	s.Pages, s.Map = sweep.File{}, nil
	var lines bytes.Buffer
	for began := h.now(); !s.Done && s.Pages.Count < mostPages && h.now().Sub(began) < listTime; {
		if s.Next.Bucket >= len(s.Buckets) {
			if s.Pages.Count > 0 || !nextWindow(&s) {
				break
			}
			continue
		}
		page := sweep.Page{Number: s.Pages.Count + 1, Bucket: s.Buckets[s.Next.Bucket], From: s.Next.After}
		listed, err := h.versions(ctx, page.Bucket, s.Request.Prefix, page.From)
		if err != nil {
			return s, err
		}
		if page.To = listed.next; page.To != nil {
			s.Next.After = *page.To
		} else {
			s.Next = sweep.Place{Bucket: s.Next.Bucket + 1}
		}
		if listed.empty() || s.Request.Purpose == sweep.Retro && !listed.within(s) {
			continue
		}
		line, err := json.Marshal(page)
		if err != nil {
			return s, fmt.Errorf("encode a page of s3://%s: %w", page.Bucket, err)
		}
		lines.Write(append(line, '\n'))
		s.Pages.Count++
	}
	s.Done = s.Done || s.Next.Bucket >= len(s.Buckets) && !hasNextWindow(s)
	if s.Pages.Count == 0 {
		return s, nil
	}
	s.Pages.Bucket, s.Pages.Key = h.records, sweep.PagesKey(s.Run, s.Round)
	return s, h.put(ctx, s.Pages.Key, lines.Bytes())
}

// listed is a page of S3's list. Its keys are decoded.
type listed struct {
	versions []types.ObjectVersion
	markers  int
	next     *sweep.Marker // nil on the last page
}

func (l listed) empty() bool { return len(l.versions)+l.markers == 0 }

// within reports whether the window of a retro-scan has a version of the page. Other pages need no look at tags.
func (l listed) within(s sweep.State) bool {
	return slices.ContainsFunc(l.versions, func(v types.ObjectVersion) bool {
		return asks(s, v)
	})
}

// versions lists the versions behind a place, as many as S3 returns at once: 1,000, delete markers included. It does
// not use the SDK's paginator, which sends the URL-encoded key of an answer as the marker of the next request.
func (h *handler) versions(ctx context.Context, bucket, prefix string, after sweep.Marker) (l listed, err error) {
	in := &s3.ListObjectVersionsInput{
		Bucket: &bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl, // XML cannot hold control characters
	}
	if after.Key != "" {
		in.KeyMarker, in.VersionIdMarker = &after.Key, &after.VersionID
	}
	out, err := h.s3.ListObjectVersions(ctx, in)
	if err != nil {
		return l, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, prefix, awserr.Classify(err))
	}
	l.versions, l.markers = out.Versions, len(out.DeleteMarkers)
	for i := range l.versions {
		if l.versions[i].Key, err = decoded(out, l.versions[i].Key); err != nil {
			return l, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, prefix, err)
		}
	}
	if !aws.ToBool(out.IsTruncated) {
		return l, nil
	}
	key, err := decoded(out, out.NextKeyMarker)
	if err != nil {
		return l, fmt.Errorf("list the versions of s3://%s/%s: %w", bucket, prefix, err)
	}
	l.next = &sweep.Marker{Key: aws.ToString(key), VersionID: aws.ToString(out.NextVersionIdMarker)}
	if *l.next == after {
		return l, fmt.Errorf("list the versions of s3://%s/%s: the list does not advance beyond %q",
			bucket, prefix, after.Key)
	}
	return l, nil
}

// decoded returns a listed key without the encoding, which a store other than AWS may ignore.
func decoded(out *s3.ListObjectVersionsOutput, key *string) (*string, error) {
	if out.EncodingType != types.EncodingTypeUrl {
		return key, nil
	}
	plain, err := url.QueryUnescape(aws.ToString(key)) // S3 writes a space as +
	if err != nil {
		return nil, fmt.Errorf("decode the key %q: %w", aws.ToString(key), err)
	}
	return &plain, nil
}

// put writes an object to the bucket of records.
func (h *handler) put(ctx context.Context, key string, content []byte) error {
	_, err := h.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &h.records, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return fmt.Errorf("write s3://%s/%s: %w", h.records, key, awserr.Classify(err))
	}
	return nil
}
