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
	"github.com/lazaret/lazaret/internal/s3fake"
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
		{"gone", false, func(_ *s3fake.S3, j *job.Job) { j.Object.VersionID = "v99" }, job.ErrObjectGone},
		{"overwritten", true, func(f *s3fake.S3, _ *job.Job) { f.Add(uploads, key, upload("new")) }, job.ErrObjectChanged},
		{"infected", false, func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{Verdict: job.Infected, Signature: "X"} }, job.ErrBadJob},
		{"no verdict", false, func(_ *s3fake.S3, j *job.Job) { j.Scan = nil }, job.ErrBadJob},
		{"clean by nothing", false, func(_ *s3fake.S3, j *job.Job) { j.Scan.SHA256 = "" }, job.ErrBadJob},
		{"out of the clean bucket", false, func(_ *s3fake.S3, j *job.Job) { j.Object.Bucket = clean }, job.ErrBadJob},
		{"too large to copy", false, func(_ *s3fake.S3, j *job.Job) { j.Object.Size = 5<<30 + 1 }, job.ErrBadJob},
		{"slow down", false, refuse("CopyObject", 503, "SlowDown"), job.ErrTransient},
		{"lost the race", false, refuse("CopyObject", 412, "PreconditionFailed"), job.ErrTransient},
		{"two writers", false, refuse("CopyObject", 409, "ConditionalRequestConflict"), job.ErrTransient},
		{"copy refused", false, refuse("CopyObject", 403, "AccessDenied"), job.ErrAccessDenied},
		{"deletion refused", false, refuse("DeleteObject", 403, "AccessDenied"), job.ErrAccessDenied},
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
				t.Errorf("uploads held %d versions, hold %d", before, n)
			}
		})
	}
}

// TestNeverShownUnscanned: bytes that were not scanned do not stay in the clean
// bucket, and what they replaced is current again.
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
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff([]string{"older"}, promoted(f)); diff != "" {
		t.Errorf("clean (-want +got):\n%s", diff)
	}
	if n := len(f.All(uploads, key)); n != 1 {
		t.Errorf("%d versions left in uploads", n)
	}
}

// TestAlreadyThere: only this very version with these very bytes counts.
func TestAlreadyThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		there func(j job.Job, o *s3fake.Object)
		kept  bool // nothing is copied again
	}{
		{"our own", func(job.Job, *s3fake.Object) {}, true},
		{"the same bytes of another version", func(_ job.Job, o *s3fake.Object) { o.Metadata[keyID] = "other" }, false},
		{"our version, recorded with other bytes", func(_ job.Job, o *s3fake.Object) { o.Metadata[keySHA256] = "00" }, false},
		{"our record on other bytes", func(_ job.Job, o *s3fake.Object) { o.Body = "other" }, false},
		{"our record without a checksum", func(_ job.Job, o *s3fake.Object) { o.SHA256 = false }, false},
		{"the same bytes by somebody else", func(_ job.Job, o *s3fake.Object) { o.Metadata = nil }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := world(true)
			j := add(f, upload("this"), "0A")
			o := upload("this")
			o.SHA256 = true
			src, err := move.New(f).Look(t.Context(), j.Object)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range newRecord(j, src).entries() {
				o.Metadata[e.Key] = e.Value
			}
			tt.there(j, &o)
			f.Add(clean, key, o)
			if _, err := run(t, f, j); err != nil {
				t.Fatal(err)
			}
			if n := len(f.All(clean, key)); (n == 1) != tt.kept {
				t.Errorf("%d versions in the clean bucket", n)
			}
			if got := f.Current(clean)[key]; got.Body != "this" || got.Metadata[keyID] != j.Object.QuarantineKey() {
				t.Errorf("clean holds %+v", got)
			}
			if n := len(f.All(uploads, key)); n != 0 {
				t.Errorf("%d versions left in uploads", n)
			}
		})
	}
}

// TestVanished: after Fetch, Scan or Tag found the object gone or overwritten,
// what is there now is another upload, though its ETag be the same. It is not
// promoted by an earlier verdict; only an earlier attempt's copy is found.
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
				t.Errorf("promoted by an earlier verdict: %q", got)
			}
			j.Error = nil
			first, err := run(t, f, j)
			if err != nil {
				t.Fatal(err)
			}
			f.Add(uploads, key, upload("this")) // again, with an event of its own
			j.Error = &job.Failure{Error: job.Name(cause)}
			again, err := run(t, f, j)
			if err != nil || !cmp.Equal(first.Copy, again.Copy) {
				t.Errorf("promoted before: %+v, %v, want %+v", again.Copy, err, first.Copy)
			}
			if len(f.All(uploads, key)) != 1 || len(promoted(f)) != 1 {
				t.Errorf("uploads hold %d, clean %q: the younger upload was touched", len(f.All(uploads, key)), promoted(f))
			}
		}
	}
}

// TestRecordAmongTags: metadata that leaves no room for the record does not keep
// an object out of the clean bucket, nor its order from counting.
func TestRecordAmongTags(t *testing.T) {
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
		want map[string]string // without the record; nil: refused
	}{
		{"room", tags(6), tags(6)},
		{"definitions go", tags(7), tags(7, "scan-definitions")},
		{"time goes", tags(8, "scan-definitions"), tags(8, "scan-definitions", "scan-time")},
		{"no room", tags(9, "scan-definitions", "scan-time"), nil},
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
					t.Errorf("error = %v", err)
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
			delete(got.Tags, recordTag)
			if diff := cmp.Diff(tt.want, got.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(own, got.Metadata); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForgedOrder: what an uploader writes about order is not believed.
func TestForgedOrder(t *testing.T) {
	t.Parallel()
	f := world(true)
	o := upload("forged")
	o.Metadata = map[string]string{keyID: "x", keyModified: "2999-01-01T00:00:00Z", keySequencer: "FF", keyBucket: uploads}
	o.Tags[recordTag] = "x FF 2999-01-01T00:00:00Z uploads"
	if _, err := run(t, f, add(f, o, "0A")); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, f, add(f, upload("newer"), "0B")); err != nil {
		t.Errorf("promote over it: %v", err)
	}
	o.MissingMeta = 1 // metadata that only S3 can carry, the claim with it
	if _, err := run(t, f, add(f, o, "0C")); !errors.Is(err, job.ErrBadJob) {
		t.Errorf("error = %v, want a bad job", err)
	}
	if !slices.Equal(promoted(f), []string{"forged", "newer"}) {
		t.Errorf("clean holds %v", promoted(f))
	}
}
