package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// patience is how long one request of an uploader is repeated. A restart of the stack takes seconds.
const patience = 3 * time.Minute

// uploader makes the uploads of one worker, one after the other.
type uploader struct {
	s3     *s3.Client // that repeats nothing itself
	ledger *ledger
}

// upload uploads an object, and repeats that until S3 answers that it is stored. What an upload without an answer has
// stored is found at the end.
func (w *uploader) upload(ctx context.Context, u *upload) error {
	content := u.content()
	if u.way == brokenOff && len(content) > 100 {
		w.ledger.begins(u, content)
		_ = w.put(ctx, u, content, brokenBody(content)) // its failure is meant
	}
	return w.insist(ctx, u.String(), func() error {
		w.ledger.begins(u, content)
		id, eTag, err := w.store(ctx, u, content)
		if err == nil {
			w.ledger.stored(u, id, strings.Trim(eTag, `"`), content, true)
		}
		return err
	})
}

// delete deletes what a deletion names, if it was stored.
func (w *uploader) delete(ctx context.Context, d deletion) error {
	for _, v := range w.ledger.of(d.upload) {
		in := &s3.DeleteObjectInput{Bucket: aws.String(harness.Uploads), Key: &v.key}
		if !d.marker {
			in.VersionId = &v.id
			w.ledger.deletes(v, false)
		}
		if err := w.insist(ctx, "delete "+v.object().String(), func() error {
			_, err := w.s3.DeleteObject(ctx, in)
			return err
		}); err != nil {
			return err
		}
		if !d.marker {
			w.ledger.deletes(v, true)
		}
	}
	return nil
}

// insist calls do until it succeeds.
func (w *uploader) insist(ctx context.Context, what string, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do()
		if err == nil {
			return nil
		}
		if status := awsclient.Status(err); status >= 400 && status < 500 {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// store sends an upload once.
func (w *uploader) store(ctx context.Context, u *upload, content []byte) (id, eTag string, err error) {
	in := putInput(u)
	in.Body = bytes.NewReader(content)
	var options []func(*s3.Options)
	switch u.way {
	case multipart, multipartSums:
		return w.inParts(ctx, u, content)
	case presigned:
		out, err := w.presigned(ctx, in, content, nil)
		if err != nil {
			return "", "", err
		}
		return out.Get("X-Amz-Version-Id"), out.Get("ETag"), nil
	case withSHA256:
		in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	case withCRC64:
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc64nvme
	case withMD5:
		sum := md5.Sum(content)
		in.ContentMD5 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
		options = append(options, withoutChecksum)
	case unchecked:
		options = append(options, withoutChecksum)
	}
	out, err := w.s3.PutObject(ctx, in, options...)
	if err != nil {
		return "", "", err
	}
	return aws.ToString(out.VersionId), aws.ToString(out.ETag), nil
}

func withoutChecksum(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
}

func putInput(u *upload) *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: aws.String(harness.Uploads), Key: &u.key, Tagging: tagging(u.tags), Metadata: u.metadata,
		ContentType: optional(u.headers.contentType), CacheControl: optional(u.headers.cacheControl),
		ContentDisposition: optional(u.headers.contentDisposition),
	}
}

// tagging returns tags as a header.
func tagging(tags map[string]string) *string {
	values := url.Values{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		values.Set(k, tags[k])
	}
	return optional(values.Encode())
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// put sends an upload with another body than its content, for a connection that breaks.
func (w *uploader) put(ctx context.Context, u *upload, content []byte, body io.Reader) error {
	_, err := w.presigned(ctx, putInput(u), content, body)
	return err
}

// presigned uploads to a presigned URL, as a browser does, and returns the headers of the answer. The body is the
// content, unless another one is given.
func (w *uploader) presigned(
	ctx context.Context, in *s3.PutObjectInput, content []byte, body io.Reader,
) (http.Header, error) {
	in.Body = nil
	client := s3.NewPresignClient(w.s3, s3.WithPresignClientFromClientOptions(withoutChecksum))
	signed, err := client.PresignPutObject(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("presign: %w", err)
	}
	if body == nil {
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, body)
	if err != nil {
		return nil, fmt.Errorf("use the presigned URL: %w", err)
	}
	for k, values := range signed.SignedHeader {
		if k != "Host" && k != "Content-Length" {
			request.Header[k] = values
		}
	}
	request.ContentLength = int64(len(content))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("upload to the presigned URL: %w", err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body) // shown only
	if response.StatusCode != http.StatusOK {
		return nil, &statusError{response.StatusCode, string(answer)}
	}
	return response.Header, nil
}

// statusError is an answer to a request without the SDK.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.body) }

// HTTPStatusCode is what awsclient.Status asks for.
func (e *statusError) HTTPStatusCode() int { return e.status }

// brokenBody returns half of a content, and an error then.
func brokenBody(content []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(content[:len(content)/2]), failingReader{})
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("broken off on purpose") }

// partSize is S3's least size of a part that is not the last one, in bytes.
const partSize = 5 << 20

// inParts uploads in parts, of which there may be one only.
func (w *uploader) inParts(ctx context.Context, u *upload, content []byte) (id, eTag string, err error) {
	in := putInput(u)
	var sums types.ChecksumAlgorithm
	if u.way == multipartSums {
		sums = types.ChecksumAlgorithmSha256
	}
	begun, err := w.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: in.Bucket, Key: in.Key, Tagging: in.Tagging, Metadata: in.Metadata, ContentType: in.ContentType,
		CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ChecksumAlgorithm: sums,
	})
	if err != nil {
		return "", "", err
	}
	done := &types.CompletedMultipartUpload{}
	for rest := content; len(done.Parts) == 0 || len(rest) > 0; {
		part := rest[:min(partSize, len(rest))]
		rest = rest[len(part):]
		number := aws.Int32(int32(len(done.Parts) + 1))
		out, err := w.s3.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: in.Bucket, Key: in.Key, UploadId: begun.UploadId, PartNumber: number, ChecksumAlgorithm: sums,
			Body: bytes.NewReader(part),
		})
		if err != nil {
			return "", "", err
		}
		done.Parts = append(done.Parts, types.CompletedPart{
			ETag: out.ETag, PartNumber: number, ChecksumSHA256: out.ChecksumSHA256, ChecksumCRC32: out.ChecksumCRC32,
		})
	}
	out, err := w.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: in.Bucket, Key: in.Key, UploadId: begun.UploadId, MultipartUpload: done,
	})
	if err != nil {
		return "", "", err
	}
	return aws.ToString(out.VersionId), aws.ToString(out.ETag), nil
}
