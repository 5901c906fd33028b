package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	refuse := func(op string, status int, code string) func(*s3fake.S3, *job.Job) {
		return func(f *s3fake.S3, _ *job.Job) {
			f.Before = func(is string, _ int) error {
				if is == op {
					return s3fake.Err(op, status, code, "")
				}
				return nil
			}
		}
	}
	tests := []struct {
		name    string
		flat    bool
		disturb func(f *s3fake.S3, j *job.Job)
		want    error
	}{
		{name: "gone", disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.VersionID = "v99" }, want: job.ErrObjectGone},
		{
			name:    "overwritten",
			flat:    true,
			disturb: func(f *s3fake.S3, _ *job.Job) { f.Add(uploads, key, upload("new")) },
			want:    job.ErrObjectChanged,
		},
		{
			name:    "infected",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{Verdict: job.Infected, Signature: "X"} },
			want:    job.ErrBadJob,
		},
		{name: "no verdict", disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = nil }, want: job.ErrBadJob},
		{name: "clean by nothing", disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan.SHA256 = "" }, want: job.ErrBadJob},
		{
			name:    "out of the clean bucket",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.Bucket = clean },
			want:    job.ErrBadJob,
		},
		{
			name:    "too large to copy",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.Size = 5<<30 + 1 },
			want:    job.ErrBadJob,
		},
		{name: "slow down", disturb: refuse("CopyObject", 503, "SlowDown"), want: job.ErrTransient},
		{name: "lost the race", disturb: refuse("CopyObject", 412, "PreconditionFailed"), want: job.ErrTransient},
		{name: "two writers", disturb: refuse("CopyObject", 409, "ConditionalRequestConflict"), want: job.ErrTransient},
		{name: "copy refused", disturb: refuse("CopyObject", 403, "AccessDenied"), want: job.ErrAccessDenied},
		{name: "deletion refused", disturb: refuse("DeleteObject", 403, "AccessDenied"), want: job.ErrAccessDenied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := world(!tt.flat)
			j := add(f, upload("this"), "0A")
			tt.disturb(f, &j)
			before := len(f.All(uploads, key))
			if _, err := run(t, f, j); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if n := len(f.All(uploads, key)); n != before {
				t.Errorf("uploads had %d versions, now %d, want the same", before, n)
			}
		})
	}
}

// TestNeverShownUnscanned checks that bytes that were not scanned do not stay in the clean bucket, and
// that the object which they replaced is current again.
func TestNeverShownUnscanned(t *testing.T) {
	t.Parallel()
	f := world(true)
	if _, err := run(t, f, add(f, upload("older"), "0A")); err != nil {
		t.Fatal(err)
	}
	j := add(f, upload("not what was scanned"), "0B")
	j.Scan.SHA256 = strings.Repeat("0", 64)
	_, err := run(t, f, j)
	if !errors.Is(err, move.ErrOtherBytes) || job.Name(err) != job.Unnamed {
		t.Errorf("error = %v, want none", err)
	}
	if diff := cmp.Diff([]string{"older"}, promoted(f)); diff != "" {
		t.Errorf("clean (-want +got):\n%s", diff)
	}
	if n := len(f.All(uploads, key)); n != 1 {
		t.Errorf("%d versions left in uploads, want 0", n)
	}
}

// TestAlreadyThere checks that only an object with the origin and the bytes of this version counts as
// its copy.
func TestAlreadyThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		there func(j job.Job, o *s3fake.Object)
		kept  bool // whether no other copy is made
	}{
		{name: "our own", there: func(job.Job, *s3fake.Object) {}, kept: true},
		{name: "the same bytes of another version", there: func(_ job.Job, o *s3fake.Object) { o.Metadata[keyID] = "other" }},
		{
			name:  "our version, recorded with other bytes",
			there: func(_ job.Job, o *s3fake.Object) { o.Metadata[move.KeySHA256] = "00" },
		},
		{name: "our record on other bytes", there: func(_ job.Job, o *s3fake.Object) { o.Body = "other" }},
		{name: "our record without a checksum", there: func(_ job.Job, o *s3fake.Object) { o.SHA256 = false }},
		{name: "the same bytes without an origin", there: func(_ job.Job, o *s3fake.Object) { o.Metadata = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := world(true)
			j := add(f, upload("this"), "0A")
			o := upload("this")
			o.SHA256 = true
			src, err := move.New(f).InspectOriginal(t.Context(), j.Object)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range newOrigin(j, src).entries() {
				o.Metadata[e.Key] = e.Value
			}
			tt.there(j, &o)
			f.Add(clean, key, o)
			if _, err := run(t, f, j); err != nil {
				t.Fatal(err)
			}
			if n := len(f.All(clean, key)); (n == 1) != tt.kept {
				t.Errorf("%d versions in the clean bucket, want 1 if ours was there, otherwise 2", n)
			}
			if got := f.Current(clean)[key]; got.Body != "this" || got.Metadata[keyID] != j.Object.QuarantineKey() {
				t.Errorf("clean holds %+v, want our copy", got)
			}
			if n := len(f.All(uploads, key)); n != 0 {
				t.Errorf("%d versions left in uploads, want 0", n)
			}
		})
	}
}

// TestVanished checks that nothing is promoted by the verdict of an earlier object: after Fetch, Scan
// or Tag found the object gone or overwritten, the object that is there now is another one, even if it
// has the same ETag. Only the copy of an earlier attempt is found.
func TestVanished(t *testing.T) {
	t.Parallel()
	for _, versioned := range []bool{true, false} {
		for _, cause := range []error{job.ErrObjectGone, job.ErrObjectChanged} {
			f := world(versioned)
			j := add(f, upload("this"), "0A")
			j.Error = &job.Failure{Error: job.Name(cause)}
			if _, err := run(t, f, j); !errors.Is(err, cause) {
				t.Errorf("nothing promoted before, versioned %v: %v, want %v", versioned, err, cause)
			}
			if got := promoted(f); len(got) != 0 {
				t.Errorf("promoted %q, want nothing, since the verdict is of an earlier object", got)
			}
			j.Error = nil
			first, err := run(t, f, j)
			if err != nil {
				t.Fatal(err)
			}
			f.Add(uploads, key, upload("this")) // a newer upload, with its own event
			j.Error = &job.Failure{Error: job.Name(cause)}
			again, err := run(t, f, j)
			if err != nil || !cmp.Equal(first.Copy, again.Copy) {
				t.Errorf("promoted before: %+v, %v, want %+v", again.Copy, err, first.Copy)
			}
			if len(f.All(uploads, key)) != 1 || len(promoted(f)) != 1 {
				t.Errorf(
					"uploads has %d versions and clean has %q, want the newer upload unchanged",
					len(f.All(uploads, key)),
					promoted(f),
				)
			}
		}
	}
}

// TestOriginInTag checks that an object is promoted, and that its order counts, if its metadata has no
// room for the origin.
func TestOriginInTag(t *testing.T) {
	t.Parallel()
	own := map[string]string{"a": strings.Repeat("x", 2047)}
	tags := func(n int, more ...string) map[string]string {
		set := map[string]string{"scan-status": "CLEAN", "scan-time": "now", "scan-definitions": "1"}
		for i := range n {
			set[fmt.Sprint("own", i)] = "1"
		}
		for _, k := range more {
			delete(set, k)
		}
		return set
	}
	tests := []struct {
		name string
		had  map[string]string
		want map[string]string // without the origin; nil if the job is refused
	}{
		{name: "room", had: tags(6), want: tags(6)},
		{name: "definitions go", had: tags(7), want: tags(7, "scan-definitions")},
		{name: "time goes", had: tags(8, "scan-definitions"), want: tags(8, "scan-definitions", "scan-time")},
		{name: "no room", had: tags(9, "scan-definitions", "scan-time")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := world(true)
			o := upload("older")
			o.Metadata, o.Tags = own, tt.had
			older := add(f, o, "0A")
			o.Body = "this"
			_, err := run(t, f, add(f, o, "0B"))
			if tt.want == nil {
				if !errors.Is(err, job.ErrBadJob) || len(f.All(uploads, key)) != 2 {
					t.Errorf("error = %v, want a job.ErrBadJob", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := run(t, f, older); !errors.Is(err, job.ErrSuperseded) {
				t.Errorf("the older one: %v, want superseded", err)
			}
			got := f.Current(clean)[key]
			delete(got.Tags, originTag)
			if diff := cmp.Diff(tt.want, got.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(own, got.Metadata); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForgedOrder checks that an origin which an uploader wrote is ignored.
func TestForgedOrder(t *testing.T) {
	t.Parallel()
	f := world(true)
	o := upload("forged")
	o.Metadata = map[string]string{
		keyID:            "x",
		move.KeyModified: "2999-01-01T00:00:00Z",
		keySequencer:     "FF",
		move.KeyBucket:   uploads,
	}
	o.Tags[originTag] = "x FF 2999-01-01T00:00:00Z uploads"
	if _, err := run(t, f, add(f, o, "0A")); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, f, add(f, upload("newer"), "0B")); err != nil {
		t.Errorf("promote over it: %v, want no error", err)
	}
	o.MissingMeta = 1 // S3 has to copy the metadata unchanged, with the forged origin
	if _, err := run(t, f, add(f, o, "0C")); !errors.Is(err, job.ErrBadJob) {
		t.Errorf("error = %v, want a bad job", err)
	}
	if !slices.Equal(promoted(f), []string{"forged", "newer"}) {
		t.Errorf("clean holds %v, want the copy on top", promoted(f))
	}
}
