package s3

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	mime "mime/multipart"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func staticCredentials(key, secret string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(key, secret, "")
}

// postForm uploads as a browser does, with a signed POST policy.
func postForm(t *testing.T, who, bucket string, form map[string]string, body string) *http.Response {
	t.Helper()
	now := time.Now().UTC()
	day := now.Format("20060102")
	form = maps.Clone(form)
	form["x-amz-algorithm"] = "AWS4-HMAC-SHA256"
	form["x-amz-credential"] = who + "/" + day + "/us-east-1/s3/aws4_request"
	form["x-amz-date"] = now.Format("20060102T150405Z")
	conditions := []any{map[string]string{"bucket": bucket}}
	for k, v := range form {
		conditions = append(conditions, map[string]string{k: v})
	}
	policy := must2(
		json.Marshal(map[string]any{"expiration": now.Add(time.Minute).Format(time.RFC3339), "conditions": conditions}),
	)(
		t,
	)
	form["policy"] = base64.StdEncoding.EncodeToString(policy)
	key := []byte("AWS4" + who + "-secret")
	for _, part := range []string{day, "us-east-1", "s3", "aws4_request", form["policy"]} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	form["x-amz-signature"] = hex.EncodeToString(key)

	var b bytes.Buffer
	w := mime.NewWriter(&b)
	for _, k := range slices.Sorted(maps.Keys(form)) {
		if err := w.WriteField(k, form[k]); err != nil {
			t.Fatal(err)
		}
	}
	f := must2(w.CreateFormFile("file", "name.txt"))(t)
	if _, err := io.WriteString(f, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	res := must2(http.Post(endpoint+"/"+bucket, w.FormDataContentType(), &b))(t)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// TestLargeBody sends more than any buffer on the way holds and reads it back,
// whole and in a range.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
	must2(
		c.PutObject(
			t.Context(),
			&s3.PutObjectInput{
				Bucket:            &b,
				Key:               &k,
				Body:              bytes.NewReader(body),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
			},
		),
	)(
		t,
	)
	out := must2(
		c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k, Range: aws.String("bytes=100-199")}),
	)(
		t,
	)
	got := must2(io.ReadAll(out.Body))(t)
	if !bytes.Equal(got, body[100:200]) {
		t.Errorf("range reads %q", got)
	}
	if whole := getBody(t, c, b, k, ""); whole != string(body) {
		t.Errorf("whole reads %d bytes, want %d", len(whole), len(body))
	}
}

// TestAWSChunked sends what the SDK sends over TLS: STREAMING-UNSIGNED-PAYLOAD
// with the checksum in a trailer, in a body of Transfer-Encoding chunked.
func TestAWSChunked(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	send := func(checksum, encoding string) *http.Response {
		wire := "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + checksum + "\r\n\r\n"
		req := must2(
			http.NewRequestWithContext(
				t.Context(),
				http.MethodPut,
				endpoint+"/"+b+"/"+k,
				struct{ io.Reader }{bytes.NewReader([]byte(wire))},
			),
		)(
			t,
		)
		req.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		req.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		req.Header.Set("X-Amz-Decoded-Content-Length", "5")
		req.Header.Set("Content-Encoding", encoding)
		req.Header.Set("Expect", "100-continue")
		alice := aws.Credentials{AccessKeyID: "alice", SecretAccessKey: "alice-secret"}
		if err := v4.NewSigner().SignHTTP(t.Context(), alice, req, "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			"s3", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		res := must2(http.DefaultClient.Do(req))(t)
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	if res := send("AAAAAA==", "aws-chunked"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("wrong trailing checksum: HTTP %d", res.StatusCode)
	}
	for encoding, kept := range map[string]string{"aws-chunked": "", "gzip,aws-chunked": "gzip"} {
		if res := send("NhCmhg==", encoding); res.StatusCode != http.StatusOK { // CRC-32 of "hello"
			answer := must2(io.ReadAll(res.Body))(t)
			t.Fatalf("Content-Encoding %s: HTTP %d: %s", encoding, res.StatusCode, answer)
		}
		if got := getBody(t, c, b, k, ""); got != "hello" {
			t.Errorf("Content-Encoding %s: reads %q", encoding, got)
		}
		head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k}))(t)
		if got := head.ContentEncoding; aws.ToString(got) != kept || kept == "" && got != nil {
			t.Errorf("Content-Encoding %s is kept as %q, want %q", encoding, aws.ToString(got), kept)
		}
	}
}

func TestPresigned(t *testing.T) {
	t.Parallel()
	b, k := "uploads", keyOfTest(t)
	p := s3.NewPresignClient(as("alice"))
	put := must2(p.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &k}))(t)
	req := must2(http.NewRequest(http.MethodPut, put.URL, bytes.NewReader([]byte("x"))))(t)
	res := must2(http.DefaultClient.Do(req))(t)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("presigned PUT: HTTP %d", res.StatusCode)
	}
	// A URL carries its signer's identity through the read gate, or not.
	for who, want := range map[string]int{"alice": http.StatusForbidden, "fetch": http.StatusOK} {
		get := must2(
			s3.NewPresignClient(as(who)).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k}),
		)(
			t,
		)
		res := must2(http.Get(get.URL))(t)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("presigned GET of %s: HTTP %d, want %d", who, res.StatusCode, want)
		}
	}
}

// TestNotImplemented lists what the gateway does not do, for docs/local.md.
func TestNotImplemented(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), aws.String("versioned")
	tests := map[string]func() error{
		"encryption": func() error {
			_, err := c.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: b})
			return err
		},
		"public access block": func() error {
			_, err := c.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: b})
			return err
		},
		"lifecycle": func() error {
			_, err := c.GetBucketLifecycleConfiguration(
				t.Context(),
				&s3.GetBucketLifecycleConfigurationInput{Bucket: b},
			)
			return err
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, call(), 501, "NotImplemented")
		})
	}
}
