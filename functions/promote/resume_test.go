package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/s3fake"
)

// places says where versions with these bytes are.
func places(f *s3fake.S3, body string) (in []string) {
	for _, bucket := range []string{uploads, clean} {
		for _, o := range f.All(bucket, key) {
			if o.Body == body {
				in = append(in, bucket)
			}
		}
	}
	return in
}

// TestEndedThenSuperseded ends a promotion at each of its calls, then a newer
// version is promoted, or the copy is deleted, and the first one goes on: its
// object must be in one bucket, and the job must say in which.
func TestEndedThenSuperseded(t *testing.T) {
	t.Parallel()
	full := upload("older")
	full.Metadata = map[string]string{"a": strings.Repeat("x", 2000)}
	then := map[string]func(t *testing.T, f *s3fake.S3, newer job.Job){
		"superseded": func(t *testing.T, f *s3fake.S3, newer job.Job) {
			if _, err := run(t, f, newer); err != nil {
				t.Fatal(err)
			}
		},
		"superseded twice": func(t *testing.T, f *s3fake.S3, newer job.Job) {
			for _, j := range []job.Job{newer, add(f, upload("newest"), "0D")} {
				if _, err := run(t, f, j); err != nil {
					t.Fatal(err)
				}
			}
		},
		"deleted by a reader": func(_ *testing.T, f *s3fake.S3, _ job.Job) { f.Add(clean, key, s3fake.Object{Marker: true}) },
		"superseded and deleted": func(t *testing.T, f *s3fake.S3, newer job.Job) {
			if _, err := run(t, f, newer); err != nil {
				t.Fatal(err)
			}
			f.Add(clean, key, s3fake.Object{Marker: true})
		},
		"replaced by a stranger": func(_ *testing.T, f *s3fake.S3, _ job.Job) { f.Add(clean, key, s3fake.Object{Body: "foreign"}) },
	}
	for name, o := range map[string]s3fake.Object{"plain": upload("older"), "full of metadata": full} {
		for what, happens := range then {
			for _, sequencers := range [][2]string{{"0B", "0C"}, {"", ""}} {
				t.Run(fmt.Sprintf("%s, %s, %q", name, what, sequencers), func(t *testing.T) {
					t.Parallel()
					for n := 1; ; n++ {
						for _, done := range []bool{false, true} {
							f := world(true)
							f.Page = 1
							older, newer := add(f, o, sequencers[0]), add(f, upload("newer"), sequencers[1])
							f.Die(n, done)
							_, err := run(t, f, older)
							if !f.Live() {
								return
							}
							if err == nil {
								t.Fatalf("call %d died unnoticed", n)
							}
							copied := slices.Contains(places(f, "older"), clean)
							happens(t, f, newer)
							current := f.Current(clean)[key].Body
							out, err := run(t, f, older)
							switch {
							case err == nil && out.Copy == nil, err != nil && !errors.Is(err, job.ErrSuperseded):
								t.Errorf("death at call %d (carried out: %v): %v", n, done, err)
							case copied && err != nil:
								t.Errorf("death at call %d (carried out: %v): %v, want the copy that was made", n, done, err)
							case err == nil && !slices.ContainsFunc(f.All(clean, key), func(v s3fake.Object) bool {
								return v.ID == out.Copy.VersionID && v.Body == "older"
							}):
								t.Errorf("death at call %d (carried out: %v): %+v is not its copy", n, done, out.Copy)
							}
							want := []string{clean}
							if err != nil {
								want = []string{uploads}
							}
							if diff := cmp.Diff(want, places(f, "older")); diff != "" {
								t.Errorf("death at call %d (carried out: %v): places (-want +got):\n%s", n, done, diff)
							}
							if got := f.Current(clean)[key].Body; copied && got != current {
								t.Errorf("death at call %d (carried out: %v): clean shows %q, want %q as before", n, done, got, current)
							}
						}
					}
				})
			}
		}
	}
}

// spoils leave something of the original out of a copy, as a store does that ends
// in the middle of it.
var spoils = map[string]func(o *s3fake.Object){
	"no tags":            func(o *s3fake.Object) { o.Tags = nil },
	"one tag":            func(o *s3fake.Object) { o.Tags = map[string]string{"scan-status": "CLEAN"} },
	"no verdict":         func(o *s3fake.Object) { delete(o.Tags, "scan-status") },
	"another tag":        func(o *s3fake.Object) { o.Tags["more"] = "1" },
	"another's tag":      func(o *s3fake.Object) { o.Tags["project"] = "z" },
	"no metadata":        func(o *s3fake.Object) { o.Metadata = nil },
	"metadata in part":   func(o *s3fake.Object) { delete(o.Metadata, "owner") },
	"the record in part": func(o *s3fake.Object) { delete(o.Metadata, keySHA256) },
	"no content type":    func(o *s3fake.Object) { o.ContentType = "" },
	"no headers":         func(o *s3fake.Object) { o.CacheControl, o.Expires, o.ContentDisposition = "", "", "" },
	"body alone":         func(o *s3fake.Object) { *o = s3fake.Object{Body: o.Body, SHA256: o.SHA256} },
}

// TestHalfMadeCopy: no original is removed for a copy that lacks something, and
// the next attempt makes it whole.
func TestHalfMadeCopy(t *testing.T) {
	t.Parallel()
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := world(true)
			j := add(f, upload("this"), "0A")
			f.Spoil = spoil
			if _, err := run(t, f, j); job.Name(err) != "Transient" {
				t.Errorf("got %v, want a job.ErrTransient", err)
			}
			if diff := cmp.Diff([]string{uploads, clean}, places(f, "this")); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			f.Spoil = nil
			out, err := run(t, f, j)
			if err != nil {
				t.Fatal(err)
			}
			got := f.Current(clean)[key]
			if got.ID != out.Copy.VersionID || got.Tags["project"] != "x y" || got.Metadata["owner"] != "anna" || got.ContentType != "application/pdf" {
				t.Errorf("the copy is %+v", got)
			}
			if n := len(f.All(uploads, key)); n != 0 {
				t.Errorf("%d originals, want 0", n)
			}
		})
	}
}

// TestHalfMadeCopyIsSuperseded: as a noncurrent version it is no copy either.
func TestHalfMadeCopyIsSuperseded(t *testing.T) {
	t.Parallel()
	f := world(true)
	older, newer := add(f, upload("older"), "0A"), add(f, upload("newer"), "0B")
	f.Spoil = spoils["one tag"]
	if _, err := run(t, f, older); err == nil {
		t.Fatal("a half-made copy was accepted")
	}
	f.Spoil = nil
	if _, err := run(t, f, newer); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, f, older); !errors.Is(err, job.ErrSuperseded) {
		t.Errorf("got %v, want a job.ErrSuperseded", err)
	}
	if !slices.Contains(places(f, "older"), uploads) {
		t.Error("the original is gone, and its only copy is incomplete")
	}
}

// TestRescannedMeanwhile: a copy stays a copy when a later scan's verdict is the
// same, at another time with other definitions.
func TestRescannedMeanwhile(t *testing.T) {
	t.Parallel()
	f := world(true)
	o := upload("this")
	o.Locked = true
	o.Tags = map[string]string{"scan-status": "CLEAN", "scan-time": "2026-11-22T10:00:00Z"}
	j := add(f, o, "0A")
	first, err := run(t, f, j)
	if err != nil {
		t.Fatal(err)
	}
	tags := maps.Clone(o.Tags)
	tags["scan-time"], tags["scan-definitions"] = "2026-11-23T10:00:00Z", "27501"
	f.Retag(uploads, key, j.Object.VersionID, tags)
	again, err := run(t, f, j)
	if err != nil || !cmp.Equal(first.Copy, again.Copy) {
		t.Errorf("got %+v, %v, want %+v", again.Copy, err, first.Copy)
	}
}

// TestNullVersion promotes what was uploaded without versions from beneath what
// was written since, and nothing else.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	for _, above := range []s3fake.Object{upload("newer"), upload("this"), {Marker: true}} {
		for _, id := range []string{"", "null"} {
			f := world(false)
			j := add(f, upload("this"), "0A")
			j.Object.VersionID = id
			f.Versioning(uploads, true)
			f.Add(uploads, key, above)
			if _, err := run(t, f, j); err != nil {
				t.Errorf("beneath %q: %v", above.Body, err)
			}
			if left := f.All(uploads, key); len(left) != 1 || left[0].ID == "null" {
				t.Errorf("beneath %q: uploads hold %+v", above.Body, left)
			}
			if got := f.Current(clean)[key].Body; got != "this" {
				t.Errorf("beneath %q: clean holds %q", above.Body, got)
			}
		}
	}
}

// TestSpuriousAbsence: one 404 is no proof that an object is gone.
func TestSpuriousAbsence(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"HeadObject", "GetObjectTagging", "CopyObject"} {
		f := world(true)
		j := add(f, upload("this"), "0A")
		once := true
		f.Before = func(is string, _ int) error {
			if is == op && once {
				once = false
				return s3fake.Err(op, 404, "NoSuchVersion", "")
			}
			return nil
		}
		if _, err := run(t, f, j); job.Name(err) != "Transient" {
			t.Errorf("%s answers 404: got %v, want a job.ErrTransient", op, err)
		}
		if _, err := run(t, f, j); err != nil {
			t.Errorf("%s, again: %v", op, err)
		}
	}
}
