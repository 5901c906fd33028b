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
	"github.com/lazaret/lazaret/internal/s3fake"
)

const bucket, key = "b", "in/a+b c"

// write is one write to a bucket whose versioning may be "off", "on" or "suspended".
type write struct {
	versioning, body string // body "-": a delete marker
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

// TestHead looks for the first write after the others.
func TestHead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		writes []write
		id     string // version id to address, "" for none
		err    error
	}{
		{"without versions", []write{{"off", "a"}}, "", nil},
		{"without versions, overwritten", []write{{"off", "a"}, {"off", "b"}}, "", job.ErrObjectChanged},
		{"beneath a version", []write{{"off", "a"}, {"on", "b"}}, "null", nil},
		{"beneath a version of the same bytes", []write{{"off", "a"}, {"on", "a"}}, "null", nil},
		{"beneath two versions", []write{{"off", "a"}, {"on", "b"}, {"on", "c"}}, "null", nil},
		{"beneath a delete marker", []write{{"off", "a"}, {"on", "-"}}, "null", nil},
		{"suspended", []write{{"suspended", "a"}}, "null", nil},
		{"suspended, beneath a version", []write{{"suspended", "a"}, {"on", "b"}}, "null", nil},
		{"suspended, overwritten", []write{{"suspended", "a"}, {"suspended", "b"}}, "", job.ErrObjectChanged},
		{"suspended, overwritten beneath a version", []write{{"suspended", "a"}, {"suspended", "b"}, {"on", "c"}}, "", job.ErrObjectChanged},
		{"suspended, deleted", []write{{"suspended", "a"}, {"suspended", "-"}}, "", job.ErrObjectGone},
		{"a version beneath an object without", []write{{"on", "a"}, {"suspended", "b"}}, "v1", nil},
		{"a version beneath a delete marker", []write{{"on", "a"}, {"on", "-"}}, "v1", nil},
		{"a delete marker", []write{{"on", "-"}, {"on", "b"}}, "v1", job.ErrObjectGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, all := stored(tt.writes)
			o := job.Object{Bucket: bucket, Key: key, VersionID: all[0].ID, ETag: strings.Trim(all[0].ETag(), `"`)}
			names := []string{o.VersionID}
			if o.Pinned() == "" {
				names = []string{"", "null"} // S3's events leave it out, lists do not
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
					t.Errorf("version %q: got id %q and ETag %s, want %q and %s", o.VersionID, aws.ToString(id), *head.ETag, tt.id, all[0].ETag())
				}
			}
		})
	}
}

// TestHeadOfAVersionByItsETag: an operator's list may name no version.
func TestHeadOfAVersionByItsETag(t *testing.T) {
	t.Parallel()
	f, all := stored([]write{{"on", "a"}})
	o := job.Object{Bucket: bucket, Key: key, ETag: strings.Trim(all[0].ETag(), `"`)}
	if _, id, err := original.Head(t.Context(), f, o, s3.HeadObjectInput{}); err != nil || aws.ToString(id) != all[0].ID {
		t.Errorf("got id %q, %v, want %q", aws.ToString(id), err, all[0].ID)
	}
}

// TestHeadOfAStoreWithoutNull: some stores refuse the id where there are none.
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
		{"listed", []write{{"on", "a"}, {"on", "b"}, {"on", "c"}}, job.Object{VersionID: "v1"}, gone, "Transient"},
		{"not listed", []write{{"on", "a"}, {"on", "b"}}, job.Object{VersionID: "v9"}, gone, "ObjectGone"},
		{"a delete marker", []write{{"on", "a"}, {"on", "-"}}, job.Object{VersionID: "v2"}, gone, "ObjectGone"},
		{"nothing at all", nil, job.Object{VersionID: "v1"}, gone, "ObjectGone"},
		{"null listed", []write{{"off", "a"}, {"on", "b"}}, job.Object{ETag: "0cc175b9c0f1b6a831c399e269772661"}, gone, "Transient"},
		{"null of other bytes", []write{{"off", "b"}}, job.Object{ETag: "0cc175b9c0f1b6a831c399e269772661"}, gone, "ObjectGone"},
		{"a version of the same bytes", []write{{"on", "a"}}, job.Object{ETag: "0cc175b9c0f1b6a831c399e269772661"}, gone, "ObjectGone"},
		{"another error", []write{{"on", "a"}}, job.Object{VersionID: "v1"}, other, "Unexpected"},
	}
	for _, tt := range tests {
		for _, page := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, pages of %d", tt.name, page), func(t *testing.T) {
				t.Parallel()
				f, _ := stored(tt.writes)
				f.Page = page
				f.Add(bucket, key+"/longer", s3fake.Object{Body: "a"})
				f.Add(bucket, "in/a", s3fake.Object{Body: "a"})
				tt.object.Bucket, tt.object.Key = bucket, key
				if err := original.Confirm(t.Context(), f, tt.object, tt.given); job.Name(err) != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
			})
		}
	}
}
