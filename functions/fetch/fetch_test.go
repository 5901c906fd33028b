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
	"strings"
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

// fakeS3 holds one object and answers as told.
type fakeS3 struct {
	head func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error)
	get  func(*s3.GetObjectInput) (*s3.GetObjectOutput, error)
	list func() (*s3.ListObjectVersionsOutput, error) // nil: no versions
}

func (f fakeS3) ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error) {
	if f.list == nil {
		return &s3.ListObjectVersionsOutput{}, nil
	}
	return f.list()
}

func (f fakeS3) HeadObject(_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	return f.head(in)
}

func (f fakeS3) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return f.get(in)
}

// serve answers with content, by range.
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
			return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(part)), ContentLength: aws.Int64(int64(len(part)))}, nil
		},
	}
}

// refusal is an answer as the SDK reports it.
func refusal(status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "X", Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: message},
	}}}
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
	return job.Job{Version: 1, Object: job.Object{Bucket: "b", Key: "in/a.bin", VersionID: "v1", ETag: "abc-2", Size: 7, Sequencer: "05"}}
}

func TestFetchBringsEveryByte(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 5, partSize - 1, partSize, partSize + 1, 7*partSize + 12345} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			content := random(size)
			f := serve(content)
			get := f.get
			f.get = func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
				if aws.ToString(in.VersionId) != "v1" || aws.ToString(in.IfMatch) != `"abc-2"` {
					t.Errorf("GetObject is not pinned: version %q, If-Match %q", aws.ToString(in.VersionId), aws.ToString(in.IfMatch))
				}
				return get(in)
			}
			h, path := newHandler(t, f)
			in := upload()
			if err := os.WriteFile(filepath.Join(path, in.ExecutionName()), []byte("not seen by scan"), 0o600); err != nil {
				t.Fatal(err)
			}
			in.Work = &job.Work{File: in.ExecutionName(), Fetches: 1} // swept once before
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
				t.Errorf("what brought it back here is over: %+v", out.Error)
			}
			if out.Object.Size != int64(size) {
				t.Errorf("object's size is %d, S3 said %d", out.Object.Size, size)
			}
			// Whoever did not see the first file would not see another of its name either.
			if left, err := os.ReadDir(path); err != nil || len(left) != 1 {
				t.Errorf("%d files, want the new one alone: %v", len(left), err)
			}
			got, err := os.ReadFile(filepath.Join(path, out.Work.File))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("work file differs from the object (%v)", err)
			}
		})
	}
}

func TestFetchChecksWhatS3Keeps(t *testing.T) {
	t.Parallel()
	const content = "123456789" // check values: https://reveng.sourceforge.io/crc-catalogue/
	kept := map[string]func(*s3.HeadObjectOutput){
		"CRC32":     func(o *s3.HeadObjectOutput) { o.ChecksumCRC32 = aws.String("y/Q5Jg==") },
		"CRC32C":    func(o *s3.HeadObjectOutput) { o.ChecksumCRC32C = aws.String("4waSgw==") },
		"CRC64NVME": func(o *s3.HeadObjectOutput) { o.ChecksumCRC64NVME = aws.String("rosUhgp5mIg=") },
		"SHA1":      func(o *s3.HeadObjectOutput) { o.ChecksumSHA1 = aws.String("98O8HYCOBHMq32eZZczDTKeuNEE=") },
		"SHA256": func(o *s3.HeadObjectOutput) {
			o.ChecksumSHA256 = aws.String("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")
		},
		"ETag": func(o *s3.HeadObjectOutput) { o.ETag = aws.String(`"25f9e794323b453885f5181f1b624d0b"`) },
	}
	for name, keep := range kept {
		for _, damaged := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s damaged %v", name, damaged), func(t *testing.T) {
				t.Parallel()
				f := serve([]byte(content))
				if damaged {
					f = serve([]byte("123456780"))
				}
				head := f.head
				f.head = func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
					out, err := head(in)
					keep(out)
					return out, err
				}
				h, path := newHandler(t, f)
				_, err := h.handle(t.Context(), upload())
				if damaged != errors.Is(err, job.ErrTransient) || !damaged && err != nil {
					t.Errorf("err = %v, damaged %v", err, damaged)
				}
				if left, _ := os.ReadDir(path); damaged && len(left) != 0 {
					t.Errorf("damaged bytes are left: %v", left)
				}
			})
		}
	}
	notComparable := map[string]func(*s3.HeadObjectOutput){
		"composite by type": func(o *s3.HeadObjectOutput) {
			o.ChecksumCRC32, o.ChecksumType = aws.String("AAAAAA=="), types.ChecksumTypeComposite
		},
		"composite by form": func(o *s3.HeadObjectOutput) { o.ChecksumSHA256 = aws.String("AAAA-3") },
		"ETag under KMS": func(o *s3.HeadObjectOutput) {
			o.ETag, o.ServerSideEncryption = aws.String(`"00000000000000000000000000000000"`), types.ServerSideEncryptionAwsKms
		},
		"ETag of a multipart upload": func(o *s3.HeadObjectOutput) { o.ETag = aws.String(`"00000000000000000000000000000000-2"`) },
	}
	for name, keep := range notComparable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve([]byte(content))
			head := f.head
			f.head = func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
				out, err := head(in)
				keep(out)
				return out, err
			}
			h, _ := newHandler(t, f)
			if _, err := h.handle(t.Context(), upload()); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestFetchJudgesWithoutReading(t *testing.T) {
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
		{"one byte too large", fakeS3{head: head(func(o *s3.HeadObjectOutput) { o.ContentLength = aws.Int64(clamav.MaxFileSize + 1) })}, job.TooLarge, clamav.MaxFileSize + 1},
		{"Glacier", fakeS3{head: head(func(o *s3.HeadObjectOutput) { o.StorageClass = types.StorageClassGlacier })}, job.Unreadable, 7},
		{"being restored", fakeS3{head: head(func(o *s3.HeadObjectOutput) {
			o.StorageClass, o.Restore = types.StorageClassDeepArchive, aws.String(`ongoing-request="true"`)
		})}, job.Unreadable, 7},
		{"archive tier", fakeS3{head: head(func(o *s3.HeadObjectOutput) {
			o.StorageClass, o.ArchiveStatus = types.StorageClassIntelligentTiering, types.ArchiveStatusDeepArchiveAccess
		})}, job.Unreadable, 7},
		{"SSE-C", fakeS3{
			head: func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
				return nil, refusal(400, "BadRequest", "Bad Request")
			},
			get: func(*s3.GetObjectInput) (*s3.GetObjectOutput, error) {
				return nil, refusal(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
			},
		}, job.Unreadable, 7},
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
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFetchErrors(t *testing.T) {
	t.Parallel()
	content := random(partSize + 10)
	answerHead := func(err error) fakeS3 {
		f := serve(content)
		f.head = func(*s3.HeadObjectInput) (*s3.HeadObjectOutput, error) { return nil, err }
		return f
	}
	answerGet := func(change func(*s3.GetObjectOutput) error) fakeS3 {
		f := serve(content)
		get := f.get
		f.get = func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			out, _ := get(in)
			if !strings.HasSuffix(*in.Range, fmt.Sprint(len(content)-1)) { // the last part goes wrong
				return out, nil
			}
			if err := change(out); err != nil {
				return nil, err
			}
			return out, nil
		}
		return f
	}
	tests := []struct {
		name string
		s3   fakeS3
		want error
	}{
		{"version deleted", answerHead(refusal(404, "NotFound", "")), job.ErrObjectGone},
		{"deleted between two parts", answerGet(func(*s3.GetObjectOutput) error { return refusal(404, "NoSuchVersion", "") }), job.ErrObjectGone},
		{"overwritten", answerHead(refusal(412, "PreconditionFailed", "")), job.ErrObjectChanged},
		{"overwritten between two parts", answerGet(func(*s3.GetObjectOutput) error { return refusal(412, "PreconditionFailed", "") }), job.ErrObjectChanged},
		{"refused", answerHead(refusal(403, "AccessDenied", "")), job.ErrAccessDenied},
		{"slow down", answerGet(func(*s3.GetObjectOutput) error { return refusal(503, "SlowDown", "") }), job.ErrTransient},
		{"cut off", answerGet(func(o *s3.GetObjectOutput) error { o.Body = io.NopCloser(strings.NewReader("short")); return nil }), job.ErrTransient},
		{"connection reset", answerGet(func(o *s3.GetObjectOutput) error {
			o.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), brokenReader{}))
			return nil
		}), job.ErrTransient},
		{"range ignored", answerGet(func(o *s3.GetObjectOutput) error { o.ContentLength = aws.Int64(int64(len(content))); return nil }), job.ErrTransient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, path := newHandler(t, tt.s3)
			_, err := h.handle(t.Context(), upload())
			if !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "fetch 's3://b/in/a.bin?versionId=v1': ") {
				t.Errorf("error does not say what was fetched: %v", err)
			}
			if left, _ := os.ReadDir(path); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	// The second look, before a version without a verdict is given up.
	for name, tt := range map[string]struct {
		list func() (*s3.ListObjectVersionsOutput, error)
		want string
	}{
		"listed": {func() (*s3.ListObjectVersionsOutput, error) {
			return &s3.ListObjectVersionsOutput{Versions: []types.ObjectVersion{{Key: aws.String("in/a.bin"), VersionId: aws.String("v1")}}}, nil
		}, "Transient"},
		"others are listed": {func() (*s3.ListObjectVersionsOutput, error) {
			return &s3.ListObjectVersionsOutput{Versions: []types.ObjectVersion{
				{Key: aws.String("in/a.bin"), VersionId: aws.String("v2")}, {Key: aws.String("in/a.bin.old"), VersionId: aws.String("v1")},
			}}, nil
		}, "ObjectGone"},
		"its delete marker is listed": {func() (*s3.ListObjectVersionsOutput, error) {
			return &s3.ListObjectVersionsOutput{DeleteMarkers: []types.DeleteMarkerEntry{{Key: aws.String("in/a.bin"), VersionId: aws.String("v1")}}}, nil
		}, "ObjectGone"},
		"listing fails":   {func() (*s3.ListObjectVersionsOutput, error) { return nil, refusal(503, "SlowDown", "") }, "Transient"},
		"listing refused": {func() (*s3.ListObjectVersionsOutput, error) { return nil, refusal(403, "AccessDenied", "") }, "AccessDenied"},
	} {
		for _, f := range []fakeS3{
			answerHead(refusal(404, "NotFound", "")),
			answerGet(func(*s3.GetObjectOutput) error { return refusal(404, "NoSuchVersion", "") }),
		} {
			f.list = tt.list
			h, _ := newHandler(t, f)
			if _, err := h.handle(t.Context(), upload()); job.Name(err) != tt.want {
				t.Errorf("404, %s: got %v, want %s", name, err, tt.want)
			}
		}
	}
	t.Run("a bad request that is not SSE-C", func(t *testing.T) {
		t.Parallel()
		f := answerHead(refusal(400, "BadRequest", ""))
		f.get = func(*s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			return nil, refusal(400, "InvalidArgument", "bad version id")
		}
		h, _ := newHandler(t, f)
		if out, err := h.handle(t.Context(), upload()); err == nil {
			t.Errorf("scan = %+v: not every bad request is unreadable", out.Scan)
		}
	})
	t.Run("time is up", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h, _ := newHandler(t, serve(content))
		if _, err := h.handle(ctx, upload()); !errors.Is(err, job.ErrTransient) {
			t.Errorf("err = %v, want ErrTransient", err)
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

func TestFetchUnversioned(t *testing.T) {
	t.Parallel()
	f := serve([]byte("0123456"))
	head := f.head
	f.head = func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		if in.VersionId != nil || aws.ToString(in.IfMatch) != `"abc-2"` {
			t.Errorf("head of an unversioned object: version %v, If-Match %v", in.VersionId, in.IfMatch)
		}
		return head(in)
	}
	h, _ := newHandler(t, f)
	j := upload()
	j.Object.VersionID = "null"
	if _, err := h.handle(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

func TestFetchRemovesWhatTheAttemptBeforeLeft(t *testing.T) {
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

func TestFetchsVerdictHasNoEarlierCopy(t *testing.T) {
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
		t.Errorf("%s, copy %v, err %v", out.Scan.Outcome(), out.Copy, err)
	}
}
