package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/s3fake"
)

// TestHalfMadeCopy: no original is removed for a copy that lacks something of it,
// whoever began the copy, and it is made whole.
func TestHalfMadeCopy(t *testing.T) {
	t.Parallel()
	spoils := map[string]func(o *s3fake.Object){
		"no tags":            func(o *s3fake.Object) { o.Tags = nil },
		"no metadata":        func(o *s3fake.Object) { o.Metadata = nil },
		"no metadata of its": func(o *s3fake.Object) { delete(o.Metadata, "own") },
		"no record":          func(o *s3fake.Object) { delete(o.Metadata, sourceKey) },
		"no content type":    func(o *s3fake.Object) { o.ContentType = "" },
	}
	for name, spoil := range spoils {
		for _, ended := range []bool{false, true} {
			o := upload()
			o.Metadata, o.Tags = map[string]string{"own": "1"}, map[string]string{"own": "1"}
			f, j := world(true, o)
			f.Spoil = spoil
			if ended {
				f.Die(4, true) // the copy was carried out, and nobody heard of it
			}
			if _, err := run(t, f, j); err == nil {
				t.Errorf("%s: a half-made copy was accepted", name)
			}
			if !f.Live() == ended {
				t.Fatal("the copy is not call 4 any more")
			}
			if !slices.Contains(bodies(f), body) {
				t.Errorf("%s: the original is gone", name)
			}
			f.Spoil = nil
			if _, err := run(t, f, j); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got := f.Current(cells)[j.Object.QuarantineKey()]
			if got.Tags["own"] != "1" || got.Tags["scan-status"] != "INFECTED" || got.Metadata["own"] != "1" || got.Metadata[sourceKey] == "" || got.ContentType != o.ContentType {
				t.Errorf("%s: the copy is %+v", name, got)
			}
			if slices.Contains(bodies(f), body) {
				t.Errorf("%s: the original is still there", name)
			}
		}
	}
}

// TestNullVersion quarantines what was uploaded without versions from beneath what
// was written since, and nothing else.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	for _, above := range []s3fake.Object{{Body: "newer"}, {Body: body}, {Marker: true}} {
		for _, suspended := range []bool{false, true} {
			f := s3fake.New()
			f.Make(uploads, false)
			f.Make(cells, true)
			if suspended {
				f.Versioning(uploads, false)
			}
			o := f.Add(uploads, key, upload())
			_, j := world(false, upload())
			j.Object.VersionID, j.Object.ETag = "", strings.Trim(o.ETag(), `"`)
			f.Versioning(uploads, true)
			f.Add(uploads, key, above)
			if _, err := run(t, f, j); err != nil {
				t.Errorf("suspended %v, beneath %q: %v", suspended, above.Body, err)
			}
			if left := f.All(uploads, key); len(left) != 1 || left[0].ID == "null" {
				t.Errorf("suspended %v, beneath %q: uploads hold %+v", suspended, above.Body, left)
			}
			if n := len(f.All(cells, j.Object.QuarantineKey())); n != 1 {
				t.Errorf("suspended %v, beneath %q: %d copies, want 1", suspended, above.Body, n)
			}
		}
	}
}

// TestReplayOfAnotherScan: what differs between two scans of one version is no
// reason to copy it again.
func TestReplayOfAnotherScan(t *testing.T) {
	t.Parallel()
	o := upload()
	o.Locked = true
	f, j := world(true, o)
	first, err := run(t, f, j)
	if err != nil {
		t.Fatal(err)
	}
	scan := *j.Scan
	scan.Signature, scan.Time = "Another-Name", scan.Time.AddDate(0, 0, 1)
	scan.Definitions = &job.Definitions{Version: 27501}
	j.Scan = &scan
	again, err := run(t, f, j)
	if err != nil || !cmp.Equal(first.Copy, again.Copy) {
		t.Errorf("got %+v, %v, want %+v", again.Copy, err, first.Copy)
	}
}

// TestSpuriousAbsence: an infected object is not announced as gone for one 404.
func TestSpuriousAbsence(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"HeadObject", "GetObjectTagging", "CopyObject"} {
		f, j := world(true, upload())
		refuse(f, op, 404, "NoSuchVersion", "")
		if _, err := run(t, f, j); job.Name(err) != "Transient" {
			t.Errorf("%s answers 404: got %v, want a job.ErrTransient", op, err)
		}
	}
}
