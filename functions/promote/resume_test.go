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
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// places returns the buckets that have versions with these bytes.
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

// TestCrashThenSuperseded ends a promotion at each of its calls. Then a newer version is promoted, or
// the copy is deleted, and the first promotion runs again. Its object must be in exactly one bucket,
// the one that the job names.
func TestCrashThenSuperseded(t *testing.T) {
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
		"replaced by a stranger": func(_ *testing.T, f *s3fake.S3, _ job.Job) {
			f.Add(clean, key, s3fake.Object{Body: "foreign"})
		},
	}
	for name, o := range map[string]s3fake.Object{"plain": upload("older"), "full of metadata": full} {
		for what, happens := range then {
			for _, sequencers := range [][2]string{{"0B", "0C"}, {"", ""}} {
				t.Run(fmt.Sprintf("%s, %s, %q", name, what, sequencers), func(t *testing.T) {
					t.Parallel()
					for n := 1; ; n++ {
						for _, when := range s3fake.Moments {
							f := world(true)
							f.Page = 1
							older, newer := add(f, o, sequencers[0]), add(f, upload("newer"), sequencers[1])
							f.CrashAt(n, when)
							_, err := run(t, f, older)
							if !f.Restart() {
								return
							}
							if err == nil {
								t.Fatalf("no error after the crash at call %d, want one", n)
							}
							copied := slices.Contains(places(f, "older"), clean)
							happens(t, f, newer)
							current := f.Current(clean)[key].Body
							out, err := run(t, f, older)
							switch {
							case err == nil && out.Copy == nil, err != nil && !errors.Is(err, job.ErrSuperseded):
								t.Errorf("crash at call %d (%s): %v, want a copy or a job.ErrSuperseded", n, when, err)
							case copied && err != nil:
								t.Errorf("crash at call %d (%s): %v, want the copy that was made", n, when, err)
							case err == nil && !slices.ContainsFunc(f.All(clean, key), func(v s3fake.Object) bool {
								return v.ID == out.Copy.VersionID && v.Body == "older"
							}):
								t.Errorf("crash at call %d (%s): copy = %+v, want a version with these bytes", n, when, out.Copy)
							}
							want := []string{clean}
							if err != nil {
								want = []string{uploads}
							}
							if diff := cmp.Diff(want, places(f, "older")); diff != "" {
								t.Errorf("crash at call %d (%s): places (-want +got):\n%s", n, when, diff)
							}
							if got := f.Current(clean)[key].Body; copied && got != current {
								t.Errorf("crash at call %d (%s): clean shows %q, want %q as before", n, when, got, current)
							}
						}
					}
				})
			}
		}
	}
}

// spoils remove something from a copy.
var spoils = map[string]func(o *s3fake.Object){
	"no tags":            func(o *s3fake.Object) { o.Tags = nil },
	"one tag":            func(o *s3fake.Object) { o.Tags = map[string]string{"scan-status": "CLEAN"} },
	"no verdict":         func(o *s3fake.Object) { delete(o.Tags, "scan-status") },
	"another tag":        func(o *s3fake.Object) { o.Tags["more"] = "1" },
	"another's tag":      func(o *s3fake.Object) { o.Tags["project"] = "z" },
	"no metadata":        func(o *s3fake.Object) { o.Metadata = nil },
	"metadata in part":   func(o *s3fake.Object) { delete(o.Metadata, "owner") },
	"the record in part": func(o *s3fake.Object) { delete(o.Metadata, move.KeySHA256) },
	"no content type":    func(o *s3fake.Object) { o.ContentType = "" },
	"no headers":         func(o *s3fake.Object) { o.CacheControl, o.Expires, o.ContentDisposition = "", "", "" },
	"body alone":         func(o *s3fake.Object) { *o = s3fake.Object{Body: o.Body, SHA256: o.SHA256} },
}

// TestIncompleteCopy checks that the original stays while its copy is incomplete, and that the next
// attempt completes the copy.
func TestIncompleteCopy(t *testing.T) {
	t.Parallel()
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := world(true)
			j := add(f, upload("this"), "0A")
			f.ChangeCopy = spoil
			if _, err := run(t, f, j); job.Name(err) != "Transient" {
				t.Errorf("got %v, want a job.ErrTransient", err)
			}
			if diff := cmp.Diff([]string{uploads, clean}, places(f, "this")); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			f.ChangeCopy = nil
			out, err := run(t, f, j)
			if err != nil {
				t.Fatal(err)
			}
			got := f.Current(clean)[key]
			if got.ID != out.Copy.VersionID || got.Tags["project"] != "x y" || got.Metadata["owner"] != "anna" ||
				got.ContentType != "application/pdf" {
				t.Errorf("copy = %+v, want a complete one", got)
			}
			if n := len(f.All(uploads, key)); n != 0 {
				t.Errorf("%d originals, want 0", n)
			}
		})
	}
}

// TestIncompleteNoncurrentCopy checks that an incomplete copy does not count as a noncurrent version
// either.
func TestIncompleteNoncurrentCopy(t *testing.T) {
	t.Parallel()
	f := world(true)
	older, newer := add(f, upload("older"), "0A"), add(f, upload("newer"), "0B")
	f.ChangeCopy = spoils["one tag"]
	if _, err := run(t, f, older); err == nil {
		t.Fatal("got no error for an incomplete copy, want one")
	}
	f.ChangeCopy = nil
	if _, err := run(t, f, newer); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, f, older); !errors.Is(err, job.ErrSuperseded) {
		t.Errorf("got %v, want a job.ErrSuperseded", err)
	}
	if !slices.Contains(places(f, "older"), uploads) {
		t.Error("the original was removed, want it kept while its copy is incomplete")
	}
}

// TestReplayOfAnotherScan checks that a copy is not made again because a later scan gave the same
// verdict at another time with other definitions.
func TestReplayOfAnotherScan(t *testing.T) {
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

// TestReplayWithoutSequencer ends a promotion at each of its calls. The first or the next one comes from a list, which
// has no sequencers. The next one must find the copy, whether the copy's origin is in its metadata or in a tag.
func TestReplayWithoutSequencer(t *testing.T) {
	t.Parallel()
	sequencers := []string{"0055AED6DCD90281E5", ""}
	for size := 1700; size <= 2000; size += 20 { // the origin has no room from about 1760 on
		t.Run(fmt.Sprintf("%d bytes of metadata", size), func(t *testing.T) {
			t.Parallel()
			o := upload("this")
			o.Metadata = map[string]string{"a": strings.Repeat("x", size)}
			replay(t, o, sequencers[0], sequencers[1])
			replay(t, o, sequencers[1], sequencers[0])
		})
	}
}

// replay ends a promotion at each of its calls and runs it again with another sequencer.
func replay(t *testing.T, o s3fake.Object, first, next string) {
	t.Helper()
	for n := 1; ; n++ {
		for _, when := range s3fake.Moments {
			f := world(true)
			j := add(f, o, first)
			f.CrashAt(n, when)
			_, err := run(t, f, j)
			if !f.Restart() {
				return
			}
			if err == nil {
				t.Fatalf("no error after the crash at call %d, want one", n)
			}
			j.Object.Sequencer = next
			if _, err := run(t, f, j); err != nil {
				t.Errorf("crash at call %d (%s), sequencers %q, %q: %v, want no error", n, when, first, next, err)
			}
			if diff := cmp.Diff([]string{clean}, places(f, "this")); diff != "" {
				t.Errorf("crash at call %d (%s), sequencers %q, %q: places (-want +got):\n%s", n, when, first, next, diff)
			}
		}
	}
}

// TestNullVersion promotes a noncurrent version with the id "null", and nothing else.
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
				t.Errorf("beneath %q: %v, want no error", above.Body, err)
			}
			if left := f.All(uploads, key); len(left) != 1 || left[0].ID == "null" {
				t.Errorf("beneath %q: uploads hold %+v, want only the newer version", above.Body, left)
			}
			if got := f.Current(clean)[key].Body; got != "this" {
				t.Errorf("beneath %q: clean holds %q, want this", above.Body, got)
			}
		}
	}
}

// TestSpuriousAbsence checks that one 404 is not enough to take an object for gone.
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
			t.Errorf("%s, again: %v, want no error", op, err)
		}
	}
}
