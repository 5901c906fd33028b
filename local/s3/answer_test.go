package s3

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestNotModified looks for what a cache needs.
func TestNotModified(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "plain", keyOfTest(t)
	putBody(t, c, b, k, "x")
	head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k}))(t)
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k, IfNoneMatch: head.ETag})
	wantError(t, err, http.StatusNotModified, "")
	answer, _ := errors.AsType[*awshttp.ResponseError](err)
	if got := answer.Response.Header.Get("ETag"); got != *head.ETag {
		t.Errorf("ETag is %q, want %q", got, *head.ETag)
	}
	if got, want := answer.Response.Header.Get("Last-Modified"),
		head.LastModified.Format(http.TimeFormat); got != want {
		t.Errorf("Last-Modified is %q, want %q", got, want)
	}
}

// TestCreateBucket holds to what S3 does in us-east-1.
func TestCreateBucket(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), keyOfTest(t)
	for range 2 {
		must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b}))(t)
	}
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("two..periods")})
	wantError(t, err, http.StatusBadRequest, "InvalidBucketName")
	answer := must2(http.Get(endpoint + "/not-there/k"))(t)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("to nobody who signs, a bucket that is not there is HTTP %d, want 404", answer.StatusCode)
	}
}

// TestConditionalDeletes goes through what the condition may meet.
func TestConditionalDeletes(t *testing.T) {
	t.Parallel()
	c := as("alice")
	tests := []struct {
		name          string
		there, marker bool
		ifMatch       string
		status        int
	}{
		{"any object", true, false, "*", 0},
		{"another ETag", true, false, `"abc"`, http.StatusPreconditionFailed},
		{"delete marker", true, true, "*", http.StatusPreconditionFailed},
		{"nothing", false, false, "*", http.StatusNotFound},
		{"nothing with an ETag", false, false, `"abc"`, http.StatusNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, k := "versioned", keyOfTest(t)
			if tt.there {
				putBody(t, c, b, k, "x")
			}
			if tt.marker {
				must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k}))(t)
			}
			_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k, IfMatch: &tt.ifMatch})
			if tt.status != 0 {
				wantError(t, err, tt.status, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTooManyDeletions has one key more than S3 takes.
func TestTooManyDeletions(t *testing.T) {
	t.Parallel()
	in := &s3.DeleteObjectsInput{Bucket: aws.String("plain"), Delete: &types.Delete{}}
	for i := range maxDeletions + 1 {
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: aws.String(fmt.Sprint(i))})
	}
	_, err := as("alice").DeleteObjects(t.Context(), in)
	wantError(t, err, http.StatusBadRequest, "MalformedXML")
}

// TestSuspended looks for an id in the answer to an upload.
func TestSuspended(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), keyOfTest(t), "k"
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b}))(t)
	must2(c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &b,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	}))(t)
	out := must2(c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &k, Body: strings.NewReader("x")}))(t)
	if out.VersionId != nil {
		t.Errorf("version id of the upload is %q, want none", *out.VersionId)
	}
	head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k}))(t)
	if got := aws.ToString(head.VersionId); got != nullID {
		t.Errorf("version id of the object is %q, want %q", got, nullID)
	}
}

// TestPartSums completes an upload with sums of an algorithm that its start did not
// announce: the SDK sends one with each part by itself.
func TestPartSums(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32} {
		c, b, k := as("alice"), "plain", keyOfTest(t)
		up := must2(
			c.CreateMultipartUpload(
				t.Context(),
				&s3.CreateMultipartUploadInput{Bucket: &b, Key: &k, ChecksumAlgorithm: algorithm},
			),
		)(
			t,
		)
		part := must2(c.UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket: &b, Key: &k, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x"),
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		}))(t)
		complete := func(sum *string) error {
			_, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
				Bucket: &b, Key: &k, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
					Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag, ChecksumCRC32: sum}},
				},
			})
			return err
		}
		if algorithm == "" {
			wantError(t, complete(part.ChecksumCRC32), http.StatusBadRequest, "InvalidPart")
			part.ChecksumCRC32 = nil
		}
		if err := complete(part.ChecksumCRC32); err != nil {
			t.Errorf("upload that announced %q: %v", algorithm, err)
		}
	}
}
