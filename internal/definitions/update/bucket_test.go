package update

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// fakeAPI holds the contents of one bucket by key.
type fakeAPI map[string]string

func (f fakeAPI) ListObjectsV2(
	_ context.Context,
	in *s3.ListObjectsV2Input,
	_ ...func(*s3.Options),
) (*s3.ListObjectsV2Output, error) {
	out := &s3.ListObjectsV2Output{}
	for key := range f {
		rest, ok := strings.CutPrefix(key, *in.Prefix)
		if ok && !strings.Contains(rest, *in.Delimiter) {
			out.Contents = append(out.Contents, types.Object{Key: &key, ETag: aws.String("etag of " + key)})
		}
	}
	return out, nil
}

func (f fakeAPI) GetObject(
	_ context.Context,
	in *s3.GetObjectInput,
	_ ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	content, ok := f[*in.Key]
	if !ok {
		return nil, fmt.Errorf("no key %s", *in.Key)
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(content))}, nil
}

func TestBucket(t *testing.T) {
	t.Parallel()
	api := fakeAPI{"own/": "", "own/a.ndb": "content", "own/old/b.ndb": "not this", "c.ndb": "nor this"}
	b, err := OpenBucket(api, "s3://bucket/own")
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.List(t.Context())
	if diff := cmp.Diff([]OwnFile{{Name: "a.ndb", ETag: "etag of own/a.ndb"}}, got); diff != "" || err != nil {
		t.Errorf("List() = %v (-want +got):\n%s", err, diff)
	}
	if content, err := b.Fetch(t.Context(), "a.ndb"); string(content) != "content" || err != nil {
		t.Errorf("Fetch() = %q, %v, want content", content, err)
	}
	if _, err := b.Fetch(t.Context(), "b.ndb"); err == nil {
		t.Error("Fetch() of a missing file: got no error, want one")
	}
}

func TestBucketWithTooManyFiles(t *testing.T) {
	t.Parallel()
	api := fakeAPI{}
	for i := range maxOwnFiles + 1 {
		api[fmt.Sprintf("%d.ndb", i)] = "x"
	}
	b, err := OpenBucket(api, "s3://bucket")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.List(t.Context()); err == nil {
		t.Errorf("List() = %d files, want an error", len(got))
	}
}

func TestOpenBucketRefuses(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"", "bucket/prefix", "https://bucket/prefix", "s3://", "s3:///prefix"} {
		if b, err := OpenBucket(fakeAPI{}, location); err == nil {
			t.Errorf("OpenBucket(%q) = %+v, want an error", location, b)
		}
	}
}
