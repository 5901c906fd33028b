package rescan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

type fakeLister struct {
	list func(page int) (*s3.ListObjectVersionsOutput, error)
	n    int
}

func (f *fakeLister) ListObjectVersions(
	_ context.Context, in *s3.ListObjectVersionsInput, _ ...func(*s3.Options),
) (*s3.ListObjectVersionsOutput, error) {
	out, err := f.list(f.n)
	if out != nil && f.n > 0 && in.KeyMarker == nil {
		return nil, errors.New("the second page was asked for without a marker")
	}
	f.n++
	return out, err
}

func TestFind(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	version := func(key, id string, latest bool) types.ObjectVersion {
		return types.ObjectVersion{
			Key: &key, VersionId: &id, IsLatest: &latest, ETag: aws.String(`"e-` + id + `"`),
			Size: aws.Int64(7), LastModified: &at,
		}
	}
	marker := func(key, id string, latest bool) types.DeleteMarkerEntry {
		return types.DeleteMarkerEntry{Key: &key, VersionId: &id, IsLatest: &latest}
	}
	found := func(key, id string) job.Object {
		return job.Object{Bucket: "b", Key: key, VersionID: id, ETag: "e-" + id, Size: 7, LastModified: at}
	}
	page := func(versions ...types.ObjectVersion) *s3.ListObjectVersionsOutput {
		return &s3.ListObjectVersionsOutput{Versions: versions}
	}
	more := func(p *s3.ListObjectVersionsOutput) *s3.ListObjectVersionsOutput {
		p.IsTruncated = aws.Bool(true)
		for _, v := range p.Versions {
			p.NextKeyMarker, p.NextVersionIdMarker = v.Key, v.VersionId
		}
		for _, m := range p.DeleteMarkers {
			p.NextKeyMarker, p.NextVersionIdMarker = m.Key, m.VersionId
		}
		return p
	}
	encoded := func(p *s3.ListObjectVersionsOutput) *s3.ListObjectVersionsOutput {
		p.EncodingType = types.EncodingTypeUrl
		return p
	}
	deleted := page(version("k", "v1", false), version("k", "v0", false))
	deleted.DeleteMarkers = []types.DeleteMarkerEntry{marker("k", "m", true)}
	another := page()
	another.DeleteMarkers = []types.DeleteMarkerEntry{marker("k2", "m", true)}
	tests := []struct {
		name  string
		uri   string
		pages []*s3.ListObjectVersionsOutput
		want  job.Object
		error string // text of the ErrNotFound; none if empty
	}{
		{
			"the current version",
			"s3://b/k",
			[]*s3.ListObjectVersionsOutput{
				page(version("k", "v2", true), version("k", "v1", false), version("k2", "x", true)),
			},
			found("k", "v2"),
			"",
		},
		{
			"an older one",
			"s3://b/k?versionId=v1",
			[]*s3.ListObjectVersionsOutput{page(version("k", "v2", true), version("k", "v1", false))},
			found("k", "v1"),
			"",
		},
		{
			"on the second page",
			"s3://b/k?versionId=v1",
			[]*s3.ListObjectVersionsOutput{more(page(version("k", "v2", true))), page(version("k", "v1", false))},
			found("k", "v1"),
			"",
		},
		{
			"without versions",
			"s3://b/k",
			[]*s3.ListObjectVersionsOutput{page(version("k", "null", true))},
			found("k", "null"),
			"",
		},
		{
			"encoded keys",
			"s3://b/a b+c%\x01",
			[]*s3.ListObjectVersionsOutput{encoded(page(version("a+b%2Bc%25%01", "v", true)))},
			found("a b+c%\x01", "v"),
			"",
		},
		{
			"keys that are not encoded although asked for",
			"s3://b/a b+c%20",
			[]*s3.ListObjectVersionsOutput{page(version("a b+c%20", "v", true))},
			found("a b+c%20", "v"),
			"",
		},
		{
			"a longer key is another",
			"s3://b/k",
			[]*s3.ListObjectVersionsOutput{more(page(version("k2", "x", true))), nil},
			job.Object{},
			"never uploaded",
		},
		{
			"so is its delete marker",
			"s3://b/k",
			[]*s3.ListObjectVersionsOutput{more(another), nil},
			job.Object{},
			"never uploaded",
		},
		{
			"no such version",
			"s3://b/k?versionId=v9",
			[]*s3.ListObjectVersionsOutput{page(version("k", "v2", true), version("k", "v1", false))},
			job.Object{},
			"2 other versions",
		},
		{"deleted", "s3://b/k", []*s3.ListObjectVersionsOutput{deleted}, job.Object{}, "2 versions"},
		{
			"deleted, its version named",
			"s3://b/k?versionId=v0",
			[]*s3.ListObjectVersionsOutput{deleted},
			found("k", "v0"),
			"",
		},
		{"nothing", "s3://b/k", []*s3.ListObjectVersionsOutput{page()}, job.Object{}, "never uploaded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wanted, err := job.ParseAddress(tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Find(t.Context(), &fakeLister{list: func(n int) (*s3.ListObjectVersionsOutput, error) {
				if n >= len(tt.pages) || tt.pages[n] == nil {
					return nil, errors.New("no such page")
				}
				return tt.pages[n], nil
			}}, wanted)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("object, with error %v (-want +got):\n%s", err, diff)
			}
			notFound := errors.Is(err, ErrNotFound) && strings.Contains(err.Error(), tt.error)
			if tt.error == "" && err != nil || tt.error != "" && !notFound {
				t.Errorf("got error %v, want an ErrNotFound with %q", err, tt.error)
			}
		})
	}
}

func TestFindError(t *testing.T) {
	t.Parallel()
	for code, notFound := range map[string]bool{"NoSuchBucket": true, "AccessDenied": false} {
		_, err := Find(t.Context(), &fakeLister{list: func(int) (*s3.ListObjectVersionsOutput, error) {
			return nil, &smithy.GenericAPIError{Code: code}
		}}, job.Object{Bucket: "b", Key: "k"})
		if err == nil || errors.Is(err, ErrNotFound) != notFound {
			t.Errorf("with %s: got error %v, want an ErrNotFound: %v", code, err, notFound)
		}
	}
}
