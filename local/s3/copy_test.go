package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// TestCopyIntoQuarantine is the copy that quarantine makes: one version, its
// SHA-256 whole although it came in parts, tags and metadata along.
func TestCopyIntoQuarantine(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	body := [][]byte{bytes.Repeat([]byte("a"), 5<<20), []byte("tail")}
	v1 := *multipart(t, c, b, k, aws.String("a=1"), body...).VersionId
	if err := setTags(t, c, b, k, v1, "a", "1", "scan-status", "INFECTED"); err != nil {
		t.Fatal(err)
	}
	putBody(t, c, b, k, "newer")

	dst := k + "-copy"
	out := must2(c.CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: &b, Key: &dst, CopySource: aws.String(b + "/" + k + "?versionId=" + v1),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, IfNoneMatch: aws.String("*"),
	}))(t)
	sum := sha256.Sum256(bytes.Join(body, nil))
	want := base64.StdEncoding.EncodeToString(sum[:])
	if got := aws.ToString(out.CopyObjectResult.ChecksumSHA256); got != want {
		t.Errorf("ChecksumSHA256 is %q, want %q", got, want)
	}
	if aws.ToString(out.CopySourceVersionId) != v1 || aws.ToString(out.VersionId) == "" {
		t.Errorf("versions: source %v, copy %v", aws.ToString(out.CopySourceVersionId), aws.ToString(out.VersionId))
	}
	wantTags(t, tagsOf(t, c, b, dst, ""), "a", "1", "scan-status", "INFECTED")
	attr := must2(c.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
		Bucket:    &b,
		Key:       &dst,
		VersionId: out.VersionId,
		ObjectAttributes: []types.ObjectAttributes{
			types.ObjectAttributesChecksum,
			types.ObjectAttributesObjectSize,
			types.ObjectAttributesEtag,
		},
	}))(t)
	if aws.ToString(attr.Checksum.ChecksumSHA256) != want || aws.ToInt64(attr.ObjectSize) != 5<<20+4 {
		t.Errorf("attributes: %v, %d bytes", attr.Checksum, aws.ToInt64(attr.ObjectSize))
	}
	_, err := c.CopyObject(
		t.Context(),
		&s3.CopyObjectInput{
			Bucket:     &b,
			Key:        &dst,
			CopySource: aws.String(b + "/" + k + "?versionId=01ARZ3NDEKTSV4RRFFQ69G5FAV"),
		},
	)
	wantError(t, err, 404, "NoSuchVersion")
	_, err = c.CopyObject(
		t.Context(),
		&s3.CopyObjectInput{Bucket: &b, Key: &dst, CopySource: aws.String(b + "/" + k + "-absent")},
	)
	wantError(t, err, 404, "NoSuchKey")
	must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k}))(t)
	_, err = c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: &dst, CopySource: aws.String(b + "/" + k)})
	wantError(t, err, 404, "NoSuchKey")
}

func TestCopyDirectives(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	putBody(t, c, b, k, "body", func(in *s3.PutObjectInput) {
		in.Tagging = aws.String("a=1")
		in.Metadata = map[string]string{"owner": "me"}
		in.ContentType = aws.String("text/plain")
	})
	source := aws.String(b + "/" + k)
	kept, replaced := k+"-kept", k+"-replaced"
	must2(c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: &kept, CopySource: source}))(t)
	must2(c.CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket:            &b,
		Key:               &replaced,
		CopySource:        source,
		TaggingDirective:  types.TaggingDirectiveReplace,
		Tagging:           aws.String("z=9"),
		MetadataDirective: types.MetadataDirectiveReplace,
		Metadata:          map[string]string{"order": "7"},
		ContentType:       aws.String("image/png"),
	}))(t)
	tests := []struct {
		key, contentType string
		metadata         map[string]string
		tags             []string
	}{
		{kept, "text/plain", map[string]string{"owner": "me"}, []string{"a", "1"}},
		{replaced, "image/png", map[string]string{"order": "7"}, []string{"z", "9"}},
	}
	for _, tt := range tests {
		head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &tt.key}))(t)
		if diff := cmp.Diff(tt.metadata, head.Metadata); diff != "" || *head.ContentType != tt.contentType {
			t.Errorf("%s: type %s, metadata (-want +got):\n%s", tt.key, *head.ContentType, diff)
		}
		wantTags(t, tagsOf(t, c, b, tt.key, ""), tt.tags...)
	}
}
