package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
)

// TestRequests counts the requests to S3, each of which costs money and time.
func TestRequests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		size    int    // of the object
		said    int64  // by the event
		version string // that the event names
		want    []string
	}{
		{name: "one part", size: 7, said: 7, version: "v1", want: []string{"GET"}},
		{name: "one whole part", size: partSize, said: partSize, version: "v1", want: []string{"GET"}},
		{name: "empty", version: "v1", want: []string{"GET"}},
		{name: "two parts", size: partSize + 1, said: partSize + 1, version: "v1", want: []string{"HEAD", "GET", "GET"}},
		{name: "larger than the event says", size: partSize + 1, said: 7, version: "v1", want: []string{"GET", "GET", "GET"}},
		{name: "smaller than the event says", size: 7, said: partSize + 1, version: "v1", want: []string{"HEAD", "GET"}},
		{name: "without versions", size: 7, said: 7, want: []string{"HEAD", "GET"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			content := random(tt.size)
			requests := &recorder{fakeS3: serve(content)}
			h, path := newHandler(t, fakeS3{})
			h.s3 = requests
			in := upload()
			in.Object.Size, in.Object.VersionID = tt.said, tt.version
			out, err := h.handle(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if got := requests.requests; !slices.Equal(got, tt.want) {
				t.Errorf("requests %v, want %v", got, tt.want)
			}
			got, err := os.ReadFile(filepath.Join(path, out.Work.File))
			if err != nil || !bytes.Equal(got, content) || out.Object.Size != int64(tt.size) {
				t.Errorf("%d bytes (%v), size %d, want the %d bytes of the object", len(got), err, out.Object.Size, tt.size)
			}
		})
	}
}

// TestNoLength: an answer without a length is no empty object.
func TestNoLength(t *testing.T) {
	t.Parallel()
	content := random(7)
	h, path := newHandler(t, fakeS3{})
	h.s3 = withoutLength{serve(content)}
	out, err := h.handle(t.Context(), upload())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(path, out.Work.File))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes (%v), want the %d bytes of the object", len(got), err, len(content))
	}
}

// withoutLength leaves the length out of answers to requests for a whole version.
type withoutLength struct{ fakeS3 }

func (f withoutLength) GetObject(
	ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	out, err := f.fakeS3.GetObject(ctx, in, options...)
	if err == nil && in.IfMatch == nil {
		out.ContentLength = nil
	}
	return out, err
}

// recorder notes the requests.
type recorder struct {
	fakeS3

	mu       sync.Mutex
	requests []string
}

func (r *recorder) note(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, name)
}

func (r *recorder) HeadObject(
	ctx context.Context, in *s3.HeadObjectInput, options ...func(*s3.Options),
) (*s3.HeadObjectOutput, error) {
	r.note("HEAD")
	return r.fakeS3.HeadObject(ctx, in, options...)
}

func (r *recorder) GetObject(
	ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	r.note("GET")
	return r.fakeS3.GetObject(ctx, in, options...)
}

// TestReadWhole checks the faults of the request that reads an object of one part.
func TestReadWhole(t *testing.T) {
	t.Parallel()
	content := []byte("0123456")
	get := func(change func(call int, out *s3.GetObjectOutput) error) fakeS3 {
		f := serve(content)
		calls, answer := 0, f.get
		f.get = func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			out, err := answer(in)
			calls++
			return out, errors.Join(err, change(calls, out))
		}
		return f
	}
	tests := []struct {
		name string
		s3   fakeS3
		want error
	}{
		{name: "cut off", want: job.ErrTransient, s3: get(func(_ int, out *s3.GetObjectOutput) error {
			out.Body = io.NopCloser(strings.NewReader("012"))
			return nil
		})},
		{name: "connection reset", want: job.ErrTransient, s3: get(func(_ int, out *s3.GetObjectOutput) error {
			out.Body = io.NopCloser(io.MultiReader(strings.NewReader("0"), brokenReader{}))
			return nil
		})},
		{name: "slow down once", s3: get(func(call int, _ *s3.GetObjectOutput) error {
			if call == 1 {
				return refusal(503, "SlowDown", "")
			}
			return nil
		})},
		{name: "slow down", want: job.ErrTransient, s3: get(func(int, *s3.GetObjectOutput) error {
			return refusal(503, "SlowDown", "")
		})},
		{name: "key of the object refused", want: job.ErrAccessDenied, s3: get(func(int, *s3.GetObjectOutput) error {
			return refusal(403, "AccessDenied", "not authorized to perform: kms:Decrypt")
		})},
		{name: "deleted", want: job.ErrObjectGone, s3: get(func(int, *s3.GetObjectOutput) error {
			return refusal(404, "NoSuchVersion", "")
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, path := newHandler(t, tt.s3)
			out, err := h.handle(t.Context(), upload())
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			left, readErr := os.ReadDir(path)
			if readErr != nil || (err != nil) != (len(left) == 0) {
				t.Errorf("files %v (%v), want one only after success", left, readErr)
			}
			if err == nil && out.Work.Size != int64(len(content)) {
				t.Errorf("work %+v, want %d bytes", out.Work, len(content))
			}
		})
	}
}
