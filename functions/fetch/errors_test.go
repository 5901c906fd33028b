package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

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
			if !strings.HasSuffix(aws.ToString(in.Range), fmt.Sprint(len(content)-1)) { // only the last part fails
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
		{name: "version deleted", s3: answerHead(refusal(404, "NotFound", "")), want: job.ErrObjectGone},
		{
			name: "deleted between two parts",
			s3:   answerGet(func(*s3.GetObjectOutput) error { return refusal(404, "NoSuchVersion", "") }),
			want: job.ErrObjectGone,
		},
		{name: "overwritten", s3: answerHead(refusal(412, "PreconditionFailed", "")), want: job.ErrObjectChanged},
		{
			name: "overwritten between two parts",
			s3:   answerGet(func(*s3.GetObjectOutput) error { return refusal(412, "PreconditionFailed", "") }),
			want: job.ErrObjectChanged,
		},
		{name: "refused", s3: answerHead(refusal(403, "AccessDenied", "")), want: job.ErrAccessDenied},
		{
			name: "slow down",
			s3:   answerGet(func(*s3.GetObjectOutput) error { return refusal(503, "SlowDown", "") }),
			want: job.ErrTransient,
		},
		{
			name: "cut off",
			s3:   answerGet(func(o *s3.GetObjectOutput) error { o.Body = io.NopCloser(strings.NewReader("short")); return nil }),
			want: job.ErrTransient,
		},
		{name: "connection reset", s3: answerGet(func(o *s3.GetObjectOutput) error {
			o.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), brokenReader{}))
			return nil
		}), want: job.ErrTransient},
		{
			name: "range ignored",
			s3:   answerGet(func(o *s3.GetObjectOutput) error { o.ContentLength = aws.Int64(int64(len(content))); return nil }),
			want: job.ErrTransient,
		},
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
				t.Errorf("error = %v, want one that begins with the object", err)
			}
			if left, _ := os.ReadDir(path); len(left) != 0 {
				t.Errorf("files left: %v, want none", left)
			}
		})
	}
	// Before a version without a verdict counts as gone, the list of versions is checked.
	for name, tt := range map[string]struct {
		list func() (*s3.ListObjectVersionsOutput, error)
		want string
	}{
		"listed": {func() (*s3.ListObjectVersionsOutput, error) {
			return &s3.ListObjectVersionsOutput{Versions: []types.ObjectVersion{{
				Key: aws.String("in/a.bin"), VersionId: aws.String("v1"),
			}}}, nil
		}, "Transient"},
		"others are listed": {func() (*s3.ListObjectVersionsOutput, error) {
			return &s3.ListObjectVersionsOutput{Versions: []types.ObjectVersion{
				{Key: aws.String("in/a.bin"), VersionId: aws.String("v2")},
				{Key: aws.String("in/a.bin.old"), VersionId: aws.String("v1")},
			}}, nil
		}, "ObjectGone"},
		"its delete marker is listed": {func() (*s3.ListObjectVersionsOutput, error) {
			return &s3.ListObjectVersionsOutput{DeleteMarkers: []types.DeleteMarkerEntry{{
				Key: aws.String("in/a.bin"), VersionId: aws.String("v1"),
			}}}, nil
		}, "ObjectGone"},
		"listing fails": {func() (*s3.ListObjectVersionsOutput, error) {
			return nil, refusal(503, "SlowDown", "")
		}, "Transient"},
		"listing refused": {func() (*s3.ListObjectVersionsOutput, error) {
			return nil, refusal(403, "AccessDenied", "")
		}, "AccessDenied"},
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
			t.Errorf("scan = %+v, want an error", out.Scan)
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
			t.Errorf("HeadObject has version %v and If-Match %v, want no version and \"abc-2\"", in.VersionId, in.IfMatch)
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
