package s3

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// TestListings compares pages of random listings with a simple model of S3's.
func TestListings(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), keyOfTest(t)
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b}))(t)
	must2(c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &b,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))(t)
	r := rand.New(rand.NewPCG(1, 2))
	type row struct {
		key, id string
		marker  bool
	}
	rows := map[string][]row{} // by key, newest first
	var uploads []row
	for range 120 {
		key := ""
		for range 1 + r.IntN(4) {
			key += []string{"a", "b", "/", "-", "ä"}[r.IntN(5)]
		}
		switch r.IntN(5) {
		case 0:
			out := must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &key}))(t)
			rows[key] = slices.Insert(rows[key], 0, row{key, *out.VersionId, true})
		case 1:
			out := must2(c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: &key}))(t)
			uploads = append(uploads, row{key: key, id: *out.UploadId})
		default:
			rows[key] = slices.Insert(rows[key], 0, row{key, putBody(t, c, b, key, key), false})
		}
	}
	slices.SortStableFunc(uploads, func(a, b row) int { return strings.Compare(a.key, b.key) })
	var all []row
	for _, of := range rows {
		all = append(all, of...)
	}
	slices.SortStableFunc(all, func(a, b row) int { return strings.Compare(a.key, b.key) })

	// model lists rows and common prefixes in order.
	model := func(from []row, prefix, delimiter, after string, write func(row) string) (want []string) {
		for _, of := range from {
			rest, has := strings.CutPrefix(of.key, prefix)
			if !has || of.key <= after {
				continue
			}
			if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
				group := prefix + rest[:i+len(delimiter)]
				if group != after && !slices.Contains(want, "group "+group) {
					want = append(want, "group "+group)
				}
				continue
			}
			want = append(want, write(of))
		}
		slices.Sort(want)
		return want
	}
	write := func(v row) string { return fmt.Sprintf("%s %s %t", v.key, v.id, v.marker) }
	var current []row
	for _, of := range rows {
		if !of[0].marker {
			current = append(current, of[0])
		}
	}
	for n := range 60 {
		prefix := []string{"", "a", "a/", "ab", "/", "ä"}[r.IntN(6)]
		delimiter := []string{"", "/", "-", "b"}[r.IntN(4)]
		most := aws.Int32(int32(1 + r.IntN(9)))
		after := []string{"", "", "a", "b/", "ba"}[r.IntN(5)]
		what := fmt.Sprintf("%d: prefix %q, delimiter %q, after %q, %d a page", n, prefix, delimiter, after, *most)
		check := func(kind string, want, got []string) {
			t.Helper()
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", kind, what, diff)
			}
		}
		groups := func(got []string, page []types.CommonPrefix, rows int) []string {
			if len(page)+rows > int(*most) {
				t.Errorf("%s: a page has %d", what, len(page)+rows)
			}
			for _, p := range page {
				got = append(got, "group "+*p.Prefix)
			}
			return got
		}
		var got []string
		objects := s3.NewListObjectsV2Paginator(
			c,
			&s3.ListObjectsV2Input{
				Bucket:     &b,
				Prefix:     &prefix,
				Delimiter:  &delimiter,
				MaxKeys:    most,
				StartAfter: &after,
			},
		)
		for objects.HasMorePages() {
			page := must2(objects.NextPage(t.Context()))(t)
			for _, o := range page.Contents {
				got = append(got, *o.Key)
			}
			got = groups(got, page.CommonPrefixes, len(page.Contents))
		}
		check("objects", model(current, prefix, delimiter, after, func(v row) string { return v.key }), got)

		got = nil
		versions := s3.NewListObjectVersionsPaginator(
			c,
			&s3.ListObjectVersionsInput{
				Bucket:    &b,
				Prefix:    &prefix,
				Delimiter: &delimiter,
				MaxKeys:   most,
				KeyMarker: &after,
			},
		)
		for versions.HasMorePages() {
			page := must2(versions.NextPage(t.Context()))(t)
			for _, v := range page.Versions {
				got = append(got, write(row{*v.Key, *v.VersionId, false}))
				if latest := rows[*v.Key][0].id == *v.VersionId; latest != *v.IsLatest {
					t.Errorf("%s: %s is latest: %t", what, *v.Key, *v.IsLatest)
				}
			}
			for _, v := range page.DeleteMarkers {
				got = append(got, write(row{*v.Key, *v.VersionId, true}))
			}
			got = groups(got, page.CommonPrefixes, len(page.Versions)+len(page.DeleteMarkers))
		}
		check("versions", model(all, prefix, delimiter, after, write), got)

		got = nil
		pending := s3.NewListMultipartUploadsPaginator(
			c,
			&s3.ListMultipartUploadsInput{
				Bucket:     &b,
				Prefix:     &prefix,
				Delimiter:  &delimiter,
				MaxUploads: most,
				KeyMarker:  &after,
			},
		)
		for pending.HasMorePages() {
			page := must2(pending.NextPage(t.Context()))(t)
			for _, u := range page.Uploads {
				got = append(got, write(row{*u.Key, *u.UploadId, false}))
			}
			got = groups(got, page.CommonPrefixes, len(page.Uploads))
		}
		check("uploads", model(uploads, prefix, delimiter, after, write), got)
	}
}

// TestListAfterNullVersion deletes the version at which a page of a listing ended.
// Nothing tells any more where a version "null" was: the key is listed again.
func TestListAfterNullVersion(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), keyOfTest(t), "k"
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b}))(t)
	status := func(s types.BucketVersioningStatus) {
		must2(c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: s},
		}))(t)
	}
	status(types.BucketVersioningStatusEnabled)
	older := putBody(t, c, b, k, "older")
	status(types.BucketVersioningStatusSuspended)
	putBody(t, c, b, k, "null")
	page := must2(c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &b, MaxKeys: aws.Int32(1)}))(t)
	if got := aws.ToString(page.NextVersionIdMarker); got != "null" {
		t.Fatalf("the first page ends at version %q, want null", got)
	}
	must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k, VersionId: aws.String("null")}))(t)
	page = must2(c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{
		Bucket: &b, KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker,
	}))(t)
	if len(page.Versions) != 1 || aws.ToString(page.Versions[0].VersionId) != older {
		t.Errorf("the next page has %d versions, want %s alone", len(page.Versions), older)
	}
}
