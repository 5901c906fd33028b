package s3

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// oddKeys are keys that are no paths, or that something on the way likes to change.
var oddKeys = []string{
	"a",
	"a/b",
	"a/b/",
	"a//b",
	"/",
	"//",
	"/k",
	"k/",
	".",
	"..",
	"../up",
	"x/./y",
	"x/../y",
	"../../../etc/passwd",
	".sgwtmp/x",
	"sp ace+plus",
	"ünï/çødé",
	"per%20cent",
	"%2e%2e",
	"a=b&c?d#e",
	"q'u\"o(t)e*~!",
	"tab\tin",
	"semi;colon:at@$,",
	"?versionId=x",
	"line\nfeed",
	"\x00",
	"\x00hex",
	"a\x00b",
	"\x01\x1f\x7f",
	"\ufeffbom",
	"😀",
	strings.Repeat("x", 300),
	strings.Repeat("y/", 512),
	strings.Repeat("ä", 512),
}

// TestKeys does to each of them, all in one bucket, whatever can be done to a key.
func TestKeys(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), keyOfTest(t)
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b}))(t)
	must2(c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &b,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))(t)
	versions := map[string]string{}
	for _, k := range oddKeys {
		putBody(t, c, b, k, "older")
		versions[k] = putBody(
			t,
			c,
			b,
			k,
			k,
			func(in *s3.PutObjectInput) { in.Tagging = aws.String("n=" + url.QueryEscape(k[:1])) },
		)
	}
	for i, k := range oddKeys {
		if got := getBody(t, c, b, k, ""); got != k {
			t.Errorf("%q reads %q", k, got)
		}
		if got := getBody(t, c, b, k, versions[k]); got != k {
			t.Errorf("%q by version reads %q", k, got)
		}
		prefix := k
		list := must2(
			c.ListObjectsV2(
				t.Context(),
				&s3.ListObjectsV2Input{Bucket: &b, Prefix: &prefix, EncodingType: types.EncodingTypeUrl},
			),
		)(
			t,
		)
		if len(list.Contents) == 0 || must2(url.PathUnescape(*list.Contents[0].Key))(t) != k {
			t.Errorf("%q is not listed: %v", k, list.Contents)
		}
		if err := setTags(t, c, b, k, versions[k], "i", "1"); err != nil {
			t.Errorf("tag %q: %v", k, err)
		}
		to := must2(c.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: &b,
			Key:    aws.String(oddKeys[(i+1)%len(oddKeys)]),
			CopySource: aws.String(
				b + "/" + strings.ReplaceAll(url.QueryEscape(k), "%2F", "/") + "?versionId=" + versions[k],
			),
		}))(t)
		wantTags(t, tagsOf(t, c, b, oddKeys[(i+1)%len(oddKeys)], *to.VersionId), "i", "1")
		must2(
			c.DeleteObject(
				t.Context(),
				&s3.DeleteObjectInput{
					Bucket:    &b,
					Key:       aws.String(oddKeys[(i+1)%len(oddKeys)]),
					VersionId: to.VersionId,
				},
			),
		)(
			t,
		)
		multipart(t, c, b, k, nil, []byte("parts of "+k))
		if got := getBody(t, c, b, k, ""); got != "parts of "+k {
			t.Errorf("%q in parts reads %q", k, got)
		}
	}
	tooLong := strings.Repeat("x", 1025)
	if out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &tooLong}); err == nil {
		t.Errorf("a key of 1025 bytes was taken: %v", out)
	} else {
		wantError(t, err, 400, "KeyTooLongError")
	}
	for k := range versions { // nothing is left behind that keeps a bucket
		for _, v := range versionsOf(t, c, b, k) {
			must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k, VersionId: &v}))(t)
		}
	}
	must2(c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &b}))(t)
}

// versionsOf lists the ids of one key, newest first.
func versionsOf(t *testing.T, c *s3.Client, b, k string) (ids []string) {
	t.Helper()
	out := must2(
		c.ListObjectVersions(
			t.Context(),
			&s3.ListObjectVersionsInput{Bucket: &b, Prefix: &k, EncodingType: types.EncodingTypeUrl},
		),
	)(
		t,
	)
	for _, v := range out.Versions {
		if must2(url.PathUnescape(*v.Key))(t) == k {
			ids = append(ids, *v.VersionId)
		}
	}
	return ids
}

// TestOrderOfRows compares the order of rows with that of keys.
func TestOrderOfRows(t *testing.T) {
	t.Parallel()
	for _, a := range oddKeys {
		if key, behind := unrow(row(a, order(7))); key != a || string(behind) != string(order(7)) {
			t.Errorf("%q comes back as %q", a, key)
		}
		for _, b := range oddKeys {
			for _, as := range []uint64{1, 1 << 40} {
				got := strings.Compare(string(row(a, order(as))), string(row(b, order(5))))
				if want := strings.Compare(a, b); want != 0 && got != want {
					t.Errorf("%q and %q are in another order", a, b)
				}
			}
		}
	}
	if string(row("k", order(2))) >= string(row("k", order(1))) {
		t.Error("the newer version does not come first")
	}
}
