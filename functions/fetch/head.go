package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// objectHead is what S3 says of the object.
type objectHead struct {
	size        int64   // in bytes
	id          *string // the version id that requests must name; nil in a bucket without versions
	eTag        string
	checksums   []checksum // of the whole object, to compare the download with
	body        []byte     // all bytes of the object, or nil if they were not read with its metadata
	unscannable job.Reason // empty if the object can be fetched
	detail      string
}

// look asks S3 for the object's metadata, and decides whether it can be scanned. A version that fits into
// one part is read by the same request. Any refusal of that request is left to HeadObject, whose answers
// tell more: whether the object is archived, or which version a key without an id means.
func (h *handler) look(ctx context.Context, o job.Object) (objectHead, error) {
	if o.Pinned() != "" && o.Size <= partSize {
		head, err := h.readWhole(ctx, o)
		if err == nil || !errors.Is(err, errRefused) {
			return head, err
		}
	}
	return h.head(ctx, o)
}

// errRefused says that S3 answered a request for the bytes with an error, or without their number.
var errRefused = errors.New("S3 refused to return the object")

// readWhole gets an object version with one request. If it is larger than its event said, its bytes are
// not read. An error is an errRefused, or a job.ErrTransient if the bytes ended early.
func (h *handler) readWhole(ctx context.Context, o job.Object) (objectHead, error) {
	out, err := h.s3.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: aws.String(o.Pinned()), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return objectHead{}, fmt.Errorf("%w: %w", errRefused, err)
	}
	defer out.Body.Close()
	if out.ContentLength == nil { // the object would count as empty
		return objectHead{}, fmt.Errorf("%w: the answer has no length", errRefused)
	}
	head := describe(headOf(out), aws.String(o.Pinned()))
	if head.unscannable != "" || head.size > partSize {
		return head, nil
	}
	head.body = make([]byte, head.size)
	if err := readBody(out.Body, head.body); err != nil {
		return objectHead{}, fmt.Errorf("get the object: %w", err)
	}
	return head, nil
}

// readBody fills buf from the body of an answer. Any error is a job.ErrTransient.
func readBody(body io.Reader, buf []byte) error {
	_, err := io.ReadFull(body, buf)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the body was cut off", job.ErrTransient)
	case err != nil:
		return fmt.Errorf("%w: read the body: %w", job.ErrTransient, err)
	}
	return nil
}

// headOf returns the metadata in an answer to GetObject. It has no ArchiveStatus: the bytes of an
// archived object are not returned.
func headOf(out *s3.GetObjectOutput) *s3.HeadObjectOutput {
	return &s3.HeadObjectOutput{
		ContentLength: out.ContentLength, ETag: out.ETag,
		ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME,
		ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256, ChecksumType: out.ChecksumType,
		Restore: out.Restore, StorageClass: out.StorageClass,
		SSECustomerAlgorithm: out.SSECustomerAlgorithm, ServerSideEncryption: out.ServerSideEncryption,
	}
}

// head asks S3 for the object's metadata alone.
func (h *handler) head(ctx context.Context, o job.Object) (objectHead, error) {
	out, id, err := original.Head(ctx, h.s3, o, s3.HeadObjectInput{ChecksumMode: types.ChecksumModeEnabled})
	switch {
	case err != nil && awserr.Status(err) == http.StatusBadRequest:
		return h.customerKey(ctx, o, err)
	case err != nil:
		return objectHead{}, fmt.Errorf("head object: %w", err)
	}
	return describe(out, id), nil
}

// describe decides by the metadata whether the object can be scanned. Requests must name the version id.
func describe(out *s3.HeadObjectOutput, id *string) objectHead {
	s := objectHead{
		size:      aws.ToInt64(out.ContentLength),
		id:        id,
		eTag:      aws.ToString(out.ETag),
		checksums: wholeObjectChecksums(out),
	}
	switch {
	case archived(out):
		s.unscannable, s.detail = job.Unreadable, "archived in storage class "+string(out.StorageClass)
	case s.size > clamav.MaxFileSize:
		s.unscannable = job.TooLarge
		s.detail = fmt.Sprintf("%d bytes, the engine scans at most %d", s.size, clamav.MaxFileSize)
	}
	return s
}

// customerKey returns "unreadable" if HeadObject failed with status 400 because the object is
// encrypted with a key of its uploader (SSE-C). The answer to HEAD has no body that says so; the
// answer to GET has. Any other error stays one.
func (h *handler) customerKey(ctx context.Context, o job.Object, headErr error) (objectHead, error) {
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if v := o.Pinned(); v != "" {
		in.VersionId = &v
	}
	out, err := h.s3.GetObject(ctx, in)
	if err == nil {
		return objectHead{}, fmt.Errorf("head object: %w", errors.Join(headErr, out.Body.Close()))
	}
	if awserr.Status(err) == http.StatusBadRequest && strings.Contains(strings.ToLower(err.Error()), "encrypt") {
		return objectHead{unscannable: job.Unreadable, detail: "encrypted with a customer-provided key (SSE-C)"}, nil
	}
	return objectHead{}, fmt.Errorf("head object: %w", original.Classify(err))
}

// archived reports whether the object must be restored before it can be read. Objects in Glacier
// Instant Retrieval can be read at once.
func archived(out *s3.HeadObjectOutput) bool {
	if strings.Contains(aws.ToString(out.Restore), `ongoing-request="false"`) {
		return false
	}
	return out.ArchiveStatus != "" ||
		out.StorageClass == types.StorageClassGlacier || out.StorageClass == types.StorageClassDeepArchive
}
