package s3

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// putBody uploads and returns the version.
func putBody(t *testing.T, c *s3.Client, bucket, key, body string, change ...func(*s3.PutObjectInput)) string {
	t.Helper()
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}
	for _, f := range change {
		f(in)
	}
	out, err := c.PutObject(t.Context(), in)
	return aws.ToString(must(t, out, err).VersionId)
}

func getBody(t *testing.T, c *s3.Client, bucket, key, version string) string {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := c.GetObject(t.Context(), in)
	body, err := io.ReadAll(must(t, out, err).Body)
	return string(must(t, body, err))
}

func tagsOf(t *testing.T, c *s3.Client, bucket, key, version string) map[string]string {
	t.Helper()
	in := &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := c.GetObjectTagging(t.Context(), in)
	tags := map[string]string{}
	for _, tag := range must(t, out, err).TagSet {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

func setTags(t *testing.T, c *s3.Client, bucket, key, version string, kv ...string) error {
	t.Helper()
	in := &s3.PutObjectTaggingInput{Bucket: &bucket, Key: &key, Tagging: &types.Tagging{TagSet: []types.Tag{}}}
	if version != "" {
		in.VersionId = &version
	}
	for i := 0; i < len(kv); i += 2 {
		in.Tagging.TagSet = append(in.Tagging.TagSet, types.Tag{Key: &kv[i], Value: &kv[i+1]})
	}
	_, err := c.PutObjectTagging(t.Context(), in)
	return err
}

func wantTags(t *testing.T, got map[string]string, kv ...string) {
	t.Helper()
	want := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		want[kv[i]] = kv[i+1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	v1 := putBody(t, c, b, k, "one")
	v2 := putBody(t, c, b, k, "two")
	if got := getBody(t, c, b, k, v1); got != "one" {
		t.Errorf("overwritten version reads %q", got)
	}
	marker := must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k}))(t)
	if !aws.ToBool(marker.DeleteMarker) {
		t.Error("no delete marker")
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k})
	wantError(t, err, 404, "NoSuchKey")
	if got := getBody(t, c, b, k, v2); got != "two" {
		t.Errorf("version behind a delete marker reads %q", got)
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: &b, Key: &k, VersionId: marker.VersionId,
	}); err != nil {
		t.Fatal(err)
	}
	if got := getBody(t, c, b, k, ""); got != "two" {
		t.Errorf("after removal of the marker: %q", got)
	}
	for range 2 { // a repeated deletion succeeds as well
		if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{
			Bucket: &b, Key: &k, VersionId: &v2,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := getBody(t, c, b, k, ""); got != "one" {
		t.Errorf("after removal of the current version: %q", got)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k, VersionId: &v2})
	wantError(t, err, 404, "NoSuchVersion")
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k, VersionId: &v2})
	wantError(t, err, 404, "")
	list := must2(c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &b, Prefix: &k}))(t)
	if len(list.Versions) != 1 || *list.Versions[0].VersionId != v1 || len(list.DeleteMarkers) != 0 {
		t.Errorf("left over: %v %v", list.Versions, list.DeleteMarkers)
	}
}

// TestTagsByVersion is what the verdict rests on: a tag belongs to a version.
func TestTagsByVersion(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	v1 := putBody(t, c, b, k, "one", func(in *s3.PutObjectInput) { in.Tagging = aws.String("a=1&b=x%20y") })
	wantTags(t, tagsOf(t, c, b, k, ""), "a", "1", "b", "x y")
	if err := setTags(t, c, b, k, v1, "scan-status", "CLEAN"); err != nil {
		t.Fatal(err)
	}
	v2 := putBody(t, c, b, k, "two")
	wantTags(t, tagsOf(t, c, b, k, ""))
	wantTags(t, tagsOf(t, c, b, k, v2))
	wantTags(t, tagsOf(t, c, b, k, v1), "scan-status", "CLEAN")
	if err := setTags(t, c, b, k, v1, "scan-status", "INFECTED", "c", "3"); err != nil {
		t.Fatal(err)
	}
	wantTags(t, tagsOf(t, c, b, k, v2))
	wantTags(t, tagsOf(t, c, b, k, v1), "scan-status", "INFECTED", "c", "3")
	if err := setTags(t, c, b, k, v2, "scan-status", "CLEAN"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{
		Bucket: &b, Key: &k, VersionId: &v1,
	}); err != nil {
		t.Fatal(err)
	}
	wantTags(t, tagsOf(t, c, b, k, v1))
	wantTags(t, tagsOf(t, c, b, k, v2), "scan-status", "CLEAN")

	// The untagged version comes back without the tags of the one removed.
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k, VersionId: &v2}); err != nil {
		t.Fatal(err)
	}
	wantTags(t, tagsOf(t, c, b, k, ""))
	wantError(t, setTags(t, c, b, k, v2, "a", "b"), 404, "NoSuchVersion")
	_, err := c.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &b, Key: &k, VersionId: &v2})
	wantError(t, err, 404, "NoSuchVersion")

	// Nor does an object written after everything was removed inherit any.
	if err := setTags(t, c, b, k, v1, "scan-status", "CLEAN"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k, VersionId: &v1}); err != nil {
		t.Fatal(err)
	}
	wantError(t, setTags(t, c, b, k, "", "a", "b"), 404, "NoSuchKey")
	putBody(t, c, b, k, "three")
	wantTags(t, tagsOf(t, c, b, k, ""))
}

// TestOverwriteUnversioned has a client write over a tagged object in place, by
// each way of writing.
func TestOverwriteUnversioned(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "plain", keyOfTest(t)
	writers := map[string]func(*testing.T){
		"put":       func(t *testing.T) { putBody(t, c, b, k, "new") },
		"multipart": func(t *testing.T) { multipart(t, c, b, k, nil, []byte("new")) },
		"copy": func(t *testing.T) {
			putBody(t, c, b, k+"-source", "new")
			if _, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{
				Bucket: &b, Key: &k, CopySource: aws.String(b + "/" + k + "-source"),
			}); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			putBody(t, c, b, k, "old", func(in *s3.PutObjectInput) {
				in.Tagging = aws.String("scan-status=CLEAN")
				in.Metadata = map[string]string{"old": "yes"}
				in.ContentEncoding = aws.String("gzip")
			})
			write(t)
			wantTags(t, tagsOf(t, c, b, k, ""))
			head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k}))(t)
			if len(head.Metadata) != 0 || aws.ToString(head.ContentEncoding) != "" {
				t.Errorf("inherited %v %v", head.Metadata, head.ContentEncoding)
			}
			if got := getBody(t, c, b, k, ""); got != "new" {
				t.Errorf("reads %q", got)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	putBody(t, c, b, k, "one")
	star := aws.String("*")
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &k, IfNoneMatch: star})
	wantError(t, err, 412, "PreconditionFailed")
	_, err = c.GetObject(
		t.Context(),
		&s3.GetObjectInput{Bucket: &b, Key: &k, IfMatch: aws.String(`"00000000000000000000000000000000"`)},
	)
	wantError(t, err, 412, "PreconditionFailed")
	source := aws.String(b + "/" + k)
	copyTo := func(change func(*s3.CopyObjectInput)) error {
		in := &s3.CopyObjectInput{Bucket: &b, Key: aws.String(k + "-copy"), CopySource: source}
		change(in)
		_, err := c.CopyObject(t.Context(), in)
		return err
	}
	wantError(
		t,
		copyTo(func(in *s3.CopyObjectInput) { in.CopySourceIfMatch = aws.String(`"0"`) }),
		412,
		"PreconditionFailed",
	)
	head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k}))(t)
	if err := copyTo(func(in *s3.CopyObjectInput) {
		in.CopySourceIfMatch, in.IfNoneMatch = head.ETag, star
	}); err != nil {
		t.Fatal(err)
	}
	wantError(t, copyTo(func(in *s3.CopyObjectInput) { in.IfNoneMatch = star }), 412, "PreconditionFailed")
	wantError(t, copyTo(func(in *s3.CopyObjectInput) { in.IfMatch = aws.String(`"0"`) }), 412, "PreconditionFailed")
	if err := copyTo(func(in *s3.CopyObjectInput) { in.IfMatch = head.ETag }); err != nil {
		t.Errorf("copy over the same ETag: %v", err)
	}
	// A delete marker is no object.
	for _, key := range []string{k, k + "-copy"} {
		must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &key}))(t)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &k, IfNoneMatch: star}); err != nil {
		t.Errorf("put behind a delete marker: %v", err)
	}
	if err := copyTo(func(in *s3.CopyObjectInput) { in.IfNoneMatch = star }); err != nil {
		t.Errorf("copy behind a delete marker: %v", err)
	}
}

// multipart uploads parts of an object.
func multipart(
	t *testing.T,
	c *s3.Client,
	b, k string,
	tagging *string,
	parts ...[]byte,
) *s3.CompleteMultipartUploadOutput {
	t.Helper()
	up := must2(
		c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: &k, Tagging: tagging}),
	)(
		t,
	)
	done := &types.CompletedMultipartUpload{}
	for i, body := range parts {
		n := aws.Int32(int32(i + 1))
		p := must2(
			c.UploadPart(
				t.Context(),
				&s3.UploadPartInput{
					Bucket:     &b,
					Key:        &k,
					UploadId:   up.UploadId,
					PartNumber: n,
					Body:       bytes.NewReader(body),
				},
			),
		)(
			t,
		)
		done.Parts = append(
			done.Parts,
			types.CompletedPart{PartNumber: n, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32},
		)
	}
	return must2(
		c.CompleteMultipartUpload(
			t.Context(),
			&s3.CompleteMultipartUploadInput{Bucket: &b, Key: &k, UploadId: up.UploadId, MultipartUpload: done},
		),
	)(
		t,
	)
}

// must2 lets a call with two results stand in one line.
func must2[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		return must(t, v, err)
	}
}

// TestTagsNameTheirVersion reads tags with and without a version id: the answer names the version whose tags it has.
func TestTagsNameTheirVersion(t *testing.T) {
	t.Parallel()
	c, k := as("alice"), keyOfTest(t)
	for bucket, versioned := range map[string]bool{"versioned": true, "plain": false} {
		putBody(t, c, bucket, k, "1")
		second := putBody(t, c, bucket, k, "2")
		for _, id := range []*string{nil, optional(second)} {
			out, err := c.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &k, VersionId: id})
			if got := aws.ToString(must(t, out, err).VersionId); got != second || versioned != (got != "") {
				t.Errorf("%s: the tags of version %q are those of %q, want %q", bucket, aws.ToString(id), got, second)
			}
		}
	}
}
