package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// TestIncompleteCopy checks that the original stays while its copy is incomplete, and that the next
// attempt completes the copy.
func TestIncompleteCopy(t *testing.T) {
	t.Parallel()
	spoils := map[string]func(o *s3fake.Object){
		"no tags":            func(o *s3fake.Object) { o.Tags = nil },
		"no metadata":        func(o *s3fake.Object) { o.Metadata = nil },
		"no metadata of its": func(o *s3fake.Object) { delete(o.Metadata, "own") },
		"no record":          func(o *s3fake.Object) { delete(o.Metadata, keySource) },
		"no content type":    func(o *s3fake.Object) { o.ContentType = "" },
	}
	for name, spoil := range spoils {
		for _, ended := range []bool{false, true} {
			o := upload()
			o.Metadata, o.Tags = map[string]string{"own": "1"}, map[string]string{"own": "1"}
			f, j := world(true, o)
			f.ChangeCopy = spoil
			if ended {
				f.CrashAt(4, s3fake.AfterCall) // S3 made the copy, and the function crashed
			}
			if _, err := run(t, f, j); err == nil {
				t.Errorf("%s: got no error for an incomplete copy, want one", name)
			}
			if !f.Restart() == ended {
				t.Fatal("the crash at call 4 is not the one of the copy, want it to be")
			}
			if !slices.Contains(bodies(f), body) {
				t.Errorf("%s: the original was removed, want it kept", name)
			}
			f.ChangeCopy = nil
			if _, err := run(t, f, j); err != nil {
				t.Errorf("%s: %v, want no error", name, err)
			}
			got := f.Current(quarantineBucket)[j.Object.QuarantineKey()]
			if got.Tags["own"] != "1" || got.Tags["scan-status"] != "INFECTED" || got.Metadata["own"] != "1" ||
				got.Metadata[keySource] == "" ||
				got.ContentType != o.ContentType {
				t.Errorf("%s: copy = %+v, want a complete one", name, got)
			}
			if slices.Contains(bodies(f), body) {
				t.Errorf("%s: the original is there, want it removed", name)
			}
		}
	}
}

// TestNullVersion quarantines a noncurrent version with the id "null", and nothing else.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	for _, above := range []s3fake.Object{{Body: "newer"}, {Body: body}, {Marker: true}} {
		for _, suspended := range []bool{false, true} {
			f := s3fake.New()
			f.Make(uploads, false)
			f.Make(quarantineBucket, true)
			if suspended {
				f.Versioning(uploads, false)
			}
			o := f.Add(uploads, key, upload())
			_, j := world(false, upload())
			j.Object.VersionID, j.Object.ETag = "", strings.Trim(o.ETag(), `"`)
			f.Versioning(uploads, true)
			f.Add(uploads, key, above)
			if _, err := run(t, f, j); err != nil {
				t.Errorf("suspended %v, beneath %q: %v, want no error", suspended, above.Body, err)
			}
			if left := f.All(uploads, key); len(left) != 1 || left[0].ID == "null" {
				t.Errorf("suspended %v, beneath %q: uploads hold %+v, want only the newer version", suspended, above.Body, left)
			}
			if n := len(f.All(quarantineBucket, j.Object.QuarantineKey())); n != 1 {
				t.Errorf("suspended %v, beneath %q: %d copies, want 1", suspended, above.Body, n)
			}
		}
	}
}

// TestReplayOfAnotherScan checks that a copy is not made again because of values that differ between
// two scans.
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

// TestSpuriousAbsence checks that one 404 is not enough to take an infected object for gone.
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
