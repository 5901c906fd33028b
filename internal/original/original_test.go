package original_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

const bucket, key = "b", "in/a+b c"

// write is one write to a bucket whose versioning is "off", "on" or "suspended" then.
type write struct {
	versioning, body string // the body "-" is a delete marker
}

func stored(writes []write) (*s3fake.S3, []s3fake.Object) {
	f := s3fake.New()
	f.Make(bucket, false)
	var all []s3fake.Object
	for _, w := range writes {
		if w.versioning != "off" {
			f.Versioning(bucket, w.versioning == "on")
		}
		all = append(all, f.Add(bucket, key, s3fake.Object{Body: w.body, Marker: w.body == "-"}))
	}
	return f, all
}

// TestHead looks for the first version of a key after others were written.
func TestHead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		writes []write
		id     string // version id that requests must name, "" for none
		err    error
	}{
		{name: "without versions", writes: []write{{"off", "a"}}},
		{name: "without versions, overwritten", writes: []write{{"off", "a"}, {"off", "b"}}, err: job.ErrObjectChanged},
		{name: "beneath a version", writes: []write{{"off", "a"}, {"on", "b"}}, id: "null"},
		{name: "beneath a version of the same bytes", writes: []write{{"off", "a"}, {"on", "a"}}, id: "null"},
		{name: "beneath two versions", writes: []write{{"off", "a"}, {"on", "b"}, {"on", "c"}}, id: "null"},
		{name: "beneath a delete marker", writes: []write{{"off", "a"}, {"on", "-"}}, id: "null"},
		{name: "suspended", writes: []write{{"suspended", "a"}}, id: "null"},
		{name: "suspended, beneath a version", writes: []write{{"suspended", "a"}, {"on", "b"}}, id: "null"},
		{name: "suspended, overwritten", writes: []write{{"suspended", "a"}, {"suspended", "b"}}, err: job.ErrObjectChanged},
		{
			name:   "suspended, overwritten beneath a version",
			writes: []write{{"suspended", "a"}, {"suspended", "b"}, {"on", "c"}},
			err:    job.ErrObjectChanged,
		},
		{name: "suspended, deleted", writes: []write{{"suspended", "a"}, {"suspended", "-"}}, err: job.ErrObjectGone},
		{name: "a version beneath an object without", writes: []write{{"on", "a"}, {"suspended", "b"}}, id: "v1"},
		{name: "a version beneath a delete marker", writes: []write{{"on", "a"}, {"on", "-"}}, id: "v1"},
		{name: "a delete marker", writes: []write{{"on", "-"}, {"on", "b"}}, id: "v1", err: job.ErrObjectGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, all := stored(tt.writes)
			o := job.Object{Bucket: bucket, Key: key, VersionID: all[0].ID, ETag: strings.Trim(all[0].ETag(), `"`)}
			names := []string{o.VersionID}
			if o.Pinned() == "" {
				names = []string{"", "null"} // S3's events leave the id out, lists do not
			}
			for _, o.VersionID = range names {
				head, id, err := original.Head(t.Context(), f, o, s3.HeadObjectInput{})
				if !errors.Is(err, tt.err) {
					t.Errorf("version %q: got %v, want %v", o.VersionID, err, tt.err)
				}
				if err != nil {
					continue
				}
				if aws.ToString(id) != tt.id || aws.ToString(head.ETag) != all[0].ETag() {
					t.Errorf(
						"version %q: got id %q and ETag %s, want %q and %s",
						o.VersionID,
						aws.ToString(id),
						*head.ETag,
						tt.id,
						all[0].ETag(),
					)
				}
			}
		})
	}
}

// TestHeadOfAVersionByItsETag has jobs of an operator's list without version ids.
func TestHeadOfAVersionByItsETag(t *testing.T) {
	t.Parallel()
	f, all := stored([]write{{"on", "a"}})
	o := job.Object{Bucket: bucket, Key: key, ETag: strings.Trim(all[0].ETag(), `"`)}
	if _, id, err := original.Head(t.Context(), f, o, s3.HeadObjectInput{}); err != nil || aws.ToString(id) != all[0].ID {
		t.Errorf("got id %q, %v, want %q", aws.ToString(id), err, all[0].ID)
	}
}

// TestHeadOfAStoreWithoutNull has stores that refuse the version id "null" in a bucket without
// versions.
func TestHeadOfAStoreWithoutNull(t *testing.T) {
	t.Parallel()
	f, all := stored([]write{{"off", "a"}, {"off", "b"}})
	f.Before = func(op string, n int) error {
		if n == 2 {
			return s3fake.Err(op, 400, "InvalidArgument", "")
		}
		return nil
	}
	o := job.Object{Bucket: bucket, Key: key, ETag: strings.Trim(all[0].ETag(), `"`)}
	if _, _, err := original.Head(t.Context(), f, o, s3.HeadObjectInput{}); !errors.Is(err, job.ErrObjectChanged) {
		t.Errorf("got %v, want a job.ErrObjectChanged", err)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	gone := fmt.Errorf("head: %w: %w", job.ErrObjectGone, s3fake.Err("HeadObject", 404, "NotFound", ""))
	other := errors.New("anything else")
	tests := []struct {
		name   string
		writes []write
		object job.Object
		given  error
		want   string
	}{
		{
			name:   "listed",
			writes: []write{{"on", "a"}, {"on", "b"}, {"on", "c"}},
			object: job.Object{VersionID: "v1"},
			given:  gone,
			want:   "Transient",
		},
		{
			name:   "not listed",
			writes: []write{{"on", "a"}, {"on", "b"}},
			object: job.Object{VersionID: "v9"},
			given:  gone,
			want:   "ObjectGone",
		},
		{
			name:   "a delete marker",
			writes: []write{{"on", "a"}, {"on", "-"}},
			object: job.Object{VersionID: "v2"},
			given:  gone,
			want:   "ObjectGone",
		},
		{name: "nothing at all", object: job.Object{VersionID: "v1"}, given: gone, want: "ObjectGone"},
		{
			name:   "null listed",
			writes: []write{{"off", "a"}, {"on", "b"}},
			object: job.Object{ETag: "0cc175b9c0f1b6a831c399e269772661"},
			given:  gone,
			want:   "Transient",
		},
		{
			name:   "null of other bytes",
			writes: []write{{"off", "b"}},
			object: job.Object{ETag: "0cc175b9c0f1b6a831c399e269772661"},
			given:  gone,
			want:   "ObjectGone",
		},
		{
			name:   "a version of the same bytes",
			writes: []write{{"on", "a"}},
			object: job.Object{ETag: "0cc175b9c0f1b6a831c399e269772661"},
			given:  gone,
			want:   "ObjectGone",
		},
		{
			name:   "another error",
			writes: []write{{"on", "a"}},
			object: job.Object{VersionID: "v1"},
			given:  other,
			want:   "Unexpected",
		},
	}
	for _, tt := range tests {
		for _, page := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, pages of %d", tt.name, page), func(t *testing.T) {
				t.Parallel()
				f, _ := stored(tt.writes)
				f.Page = page
				f.Add(bucket, key+"/longer", s3fake.Object{Body: "a"})
				f.Add(bucket, "in/a", s3fake.Object{Body: "a"})
				object := tt.object // a copy, because the subtests run in parallel
				object.Bucket, object.Key = bucket, key
				if err := original.Confirm(t.Context(), f, object, tt.given); job.Name(err) != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
			})
		}
	}
}
