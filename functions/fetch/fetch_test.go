package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
)

// fakeS3 calls its fields.
type fakeS3 struct {
	head func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error)
	get  func(*s3.GetObjectInput) (*s3.GetObjectOutput, error)
	list func() (*s3.ListObjectVersionsOutput, error) // nil: an empty list
}

func (f fakeS3) ListObjectVersions(
	context.Context,
	*s3.ListObjectVersionsInput,
	...func(*s3.Options),
) (*s3.ListObjectVersionsOutput, error) {
	if f.list == nil {
		return &s3.ListObjectVersionsOutput{}, nil
	}
	return f.list()
}

func (f fakeS3) HeadObject(
	_ context.Context,
	in *s3.HeadObjectInput,
	_ ...func(*s3.Options),
) (*s3.HeadObjectOutput, error) {
	return f.head(in)
}

func (f fakeS3) GetObject(
	_ context.Context,
	in *s3.GetObjectInput,
	_ ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	if in.Range != nil || in.IfMatch != nil {
		return f.get(in)
	}
	// The object is read with its metadata: S3 refuses both alike, and returns no bytes of an archived object.
	head, err := f.head(&s3.HeadObjectInput{VersionId: in.VersionId})
	switch {
	case err != nil && f.get != nil:
		return nil, errors.Join(err, second(f.get(in)))
	case err != nil:
		return nil, err
	case archived(head):
		return nil, refusal(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
	}
	out := &s3.GetObjectOutput{Body: http.NoBody}
	if f.get != nil {
		if out, err = f.get(in); err != nil {
			return nil, err
		}
	}
	out.ContentLength, out.ETag, out.StorageClass = head.ContentLength, head.ETag, head.StorageClass
	out.ChecksumType, out.ServerSideEncryption = head.ChecksumType, head.ServerSideEncryption
	out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME =
		head.ChecksumCRC32, head.ChecksumCRC32C, head.ChecksumCRC64NVME
	out.ChecksumSHA1, out.ChecksumSHA256 = head.ChecksumSHA1, head.ChecksumSHA256
	return out, nil
}

// second returns the error of a call.
func second(_ *s3.GetObjectOutput, err error) error { return err }

// serve returns a fakeS3 with one object of this content, which answers range requests.
func serve(content []byte) fakeS3 {
	return fakeS3{
		head: func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
			return &s3.HeadObjectOutput{ContentLength: aws.Int64(int64(len(content))), ETag: aws.String(`"abc-2"`)}, nil
		},
		get: func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			part := content
			if in.Range != nil {
				var from, to int
				if _, err := fmt.Sscanf(*in.Range, "bytes=%d-%d", &from, &to); err != nil {
					return nil, err
				}
				part = content[from : to+1]
			}
			return &s3.GetObjectOutput{
				Body:          io.NopCloser(bytes.NewReader(part)),
				ContentLength: aws.Int64(int64(len(part))),
			}, nil
		},
	}
}

// refusal returns an error answer of S3 in the error types of the SDK.
func refusal(status int, code, message string) error {
	return &smithy.OperationError{
		ServiceID:     "S3",
		OperationName: "X",
		Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		}},
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func newHandler(t *testing.T, f fakeS3) (*handler, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "work")
	dir, err := workdir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return &handler{s3: f, dir: dir}, path
}

func upload() job.Job {
	return job.Job{
		Version: 1,
		Object:  job.Object{Bucket: "b", Key: "in/a.bin", VersionID: "v1", ETag: "abc-2", Size: 7, Sequencer: "05"},
	}
}

// TestFetch checks that the work file has every byte, for sizes around the size of a part.
func TestFetch(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 5, partSize - 1, partSize, partSize + 1, 7*partSize + 12345} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			content := random(size)
			f := serve(content)
			get := f.get
			f.get = func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
				match := `"abc-2"`
				if size <= partSize {
					match = "" // one request, whose answer also tells the ETag
				}
				if aws.ToString(in.VersionId) != "v1" || aws.ToString(in.IfMatch) != match {
					t.Errorf("GetObject has version %q and If-Match %q, want v1 and %q",
						aws.ToString(in.VersionId), aws.ToString(in.IfMatch), match)
				}
				return get(in)
			}
			h, path := newHandler(t, f)
			in := upload()
			in.Object.Size = int64(size)
			if err := os.WriteFile(filepath.Join(path, in.ExecutionName()), []byte("not seen by scan"), 0o600); err != nil {
				t.Fatal(err)
			}
			in.Work = &job.Work{File: in.ExecutionName(), Fetches: 1} // the work file was removed once
			in.Error = &job.Failure{Error: "WorkFileGone"}
			out, err := h.handle(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(content)
			want := &job.Work{File: in.ExecutionName() + ".2", Size: int64(size), SHA256: hex.EncodeToString(sum[:]), Fetches: 2}
			if diff := cmp.Diff(want, out.Work); diff != "" {
				t.Errorf("work (-want +got):\n%s", diff)
			}
			if out.Error != nil {
				t.Errorf("Error = %+v, want nil", out.Error)
			}
			if out.Object.Size != int64(size) {
				t.Errorf("object's size = %d, want %d", out.Object.Size, size)
			}
			// An environment that did not find the first file may not find another one of its name.
			if left, err := os.ReadDir(path); err != nil || len(left) != 1 {
				t.Errorf("%d files, want the new one alone: %v", len(left), err)
			}
			got, err := os.ReadFile(filepath.Join(path, out.Work.File))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("work file differs from the object (%v), want the same bytes", err)
			}
		})
	}
}

// TestFetchUnscannable checks the verdicts that need no download.
func TestFetchUnscannable(t *testing.T) {
	t.Parallel()
	head := func(change func(*s3.HeadObjectOutput)) func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		return func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
			out := &s3.HeadObjectOutput{ContentLength: aws.Int64(7), ETag: aws.String(`"e"`)}
			change(out)
			return out, nil
		}
	}
	tests := []struct {
		name   string
		s3     fakeS3
		reason job.Reason
		size   int64
	}{
		{
			name:   "one byte too large",
			s3:     fakeS3{head: head(func(o *s3.HeadObjectOutput) { o.ContentLength = aws.Int64(clamav.MaxFileSize + 1) })},
			reason: job.TooLarge,
			size:   clamav.MaxFileSize + 1,
		},
		{
			name:   "Glacier",
			s3:     fakeS3{head: head(func(o *s3.HeadObjectOutput) { o.StorageClass = types.StorageClassGlacier })},
			reason: job.Unreadable,
			size:   7,
		},
		{name: "being restored", s3: fakeS3{head: head(func(o *s3.HeadObjectOutput) {
			o.StorageClass, o.Restore = types.StorageClassDeepArchive, aws.String(`ongoing-request="true"`)
		})}, reason: job.Unreadable, size: 7},
		{name: "archive tier", s3: fakeS3{head: head(func(o *s3.HeadObjectOutput) {
			o.StorageClass, o.ArchiveStatus = types.StorageClassIntelligentTiering, types.ArchiveStatusDeepArchiveAccess
		})}, reason: job.Unreadable, size: 7},
		{name: "SSE-C", s3: fakeS3{
			head: func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
				return nil, refusal(400, "BadRequest", "Bad Request")
			},
			get: func(*s3.GetObjectInput) (*s3.GetObjectOutput, error) {
				return nil, refusal(
					400,
					"InvalidRequest",
					"The object was stored using a form of Server Side Encryption. "+
						"The correct parameters must be provided to retrieve the object.",
				)
			},
		}, reason: job.Unreadable, size: 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, path := newHandler(t, tt.s3)
			out, err := h.handle(t.Context(), upload())
			if err != nil {
				t.Fatal(err)
			}
			if !out.Scan.Known() || out.Scan.Reason != tt.reason || out.Scan.Size != tt.size || out.Scan.Detail == "" {
				t.Errorf("scan = %+v, want %s of %d bytes", out.Scan, tt.reason, tt.size)
			}
			if out.Work == nil || out.Work.File != "" || out.Work.Fetches != 1 {
				t.Errorf("work = %+v, want no file", out.Work)
			}
			if left, _ := os.ReadDir(path); len(left) != 0 {
				t.Errorf("files left: %v, want none", left)
			}
		})
	}
}

func TestFetchRemovesFilesOfLastAttempt(t *testing.T) {
	t.Parallel()
	h, path := newHandler(t, serve(random(7)))
	before := upload()
	for _, name := range []string{"", ".2", ".3", ".3.part"} {
		if err := os.WriteFile(filepath.Join(path, before.ExecutionName()+name), []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := upload()
	in.Attempt = 1
	if _, err := h.handle(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(path)
	if err != nil || len(left) != 1 || left[0].Name() != in.ExecutionName() {
		t.Errorf("files %v (%v), want %s alone", left, err, in.ExecutionName())
	}
}

func TestFetchUnscannableDropsEarlierCopy(t *testing.T) {
	t.Parallel()
	f := serve(nil)
	f.head = func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		return &s3.HeadObjectOutput{ContentLength: aws.Int64(clamav.MaxFileSize + 1)}, nil
	}
	h, _ := newHandler(t, f)
	in := upload()
	in.Copy, in.Error = &job.Copy{Bucket: "quarantine", Key: "h", SourceLocked: true}, &job.Failure{Error: "WorkFileGone"}
	out, err := h.handle(t.Context(), in)
	if err != nil || out.Copy != nil || out.Error != nil || out.Scan.Outcome() != "UNSCANNABLE too-large" {
		t.Errorf("%s, copy %v, err %v, want UNSCANNABLE too-large without copy and error", out.Scan.Outcome(), out.Copy, err)
	}
}
