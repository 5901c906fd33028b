package main

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/s3fake"
)

const bucket, key = "uploads", "in/a b.txt"

var verdict = map[string]string{
	"scan-status": "INFECTED", "scan-time": "2026-11-22T09:30:00Z", "scan-detail": "Eicar-Test", "scan-definitions": "27500",
}

func world(versioned bool, tags map[string]string) (*s3fake.S3, job.Job) {
	f := s3fake.New()
	f.Make(bucket, versioned)
	o := f.Add(bucket, key, s3fake.Object{Body: "scanned", Tags: tags})
	if versioned {
		f.Add(bucket, key, s3fake.Object{Body: "younger", Tags: map[string]string{"not": "touched"}})
	}
	return f, job.Job{
		Version: job.Version,
		Object:  job.Object{Bucket: bucket, Key: key, VersionID: o.ID, ETag: strings.Trim(o.ETag(), `"`)},
		Scan: &job.Scan{
			Verdict: job.Infected, Signature: "Eicar-Test", Definitions: &job.Definitions{Version: 27500},
			Time: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC),
		},
	}
}

func run(t *testing.T, f *s3fake.S3, j job.Job) error {
	t.Helper()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	h := handler{s3: f, now: func() time.Time { return now }}
	out, err := h.handle(t.Context(), j)
	switch {
	case err == nil:
		if diff := cmp.Diff(j, out); diff != "" {
			t.Errorf("the job changed (-in +out):\n%s", diff)
		}
	case !strings.HasPrefix(err.Error(), "tag "+j.Object.String()):
		t.Errorf("error %q does not say what was done to what", err)
	}
	return err
}

func with(own map[string]string) map[string]string {
	all := maps.Clone(verdict)
	maps.Copy(all, own)
	return all
}

func TestTagsThatVersion(t *testing.T) {
	t.Parallel()
	own := map[string]string{"project": "x", "scan-detail": "forged"}
	for _, versioned := range []bool{true, false} {
		f, j := world(versioned, own)
		for range 2 { // it may be asked twice
			if err := run(t, f, j); err != nil {
				t.Fatal(err)
			}
			want := []map[string]string{with(map[string]string{"project": "x"})}
			if versioned {
				want = append(want, map[string]string{"not": "touched"})
			}
			var got []map[string]string
			for _, o := range f.All(bucket, key) {
				got = append(got, o.Tags)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("tags, versioned %v (-want +got):\n%s", versioned, diff)
			}
		}
	}
}

func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, versioned := range []bool{true, false} {
		calls := 0
		for n := 1; ; n++ {
			died := false
			for _, done := range []bool{false, true} {
				f, j := world(versioned, map[string]string{"project": "x"})
				f.Die(n, done)
				err := run(t, f, j)
				if !f.Live() {
					continue
				}
				died = true
				if err == nil {
					t.Fatalf("call %d died unnoticed", n)
				}
				if err := run(t, f, j); err != nil {
					t.Fatalf("after a death at call %d: %v", n, err)
				}
				if diff := cmp.Diff(with(map[string]string{"project": "x"}), f.All(bucket, key)[0].Tags); diff != "" {
					t.Errorf("tags after a death at call %d (-want +got):\n%s", n, diff)
				}
			}
			if !died {
				break
			}
			calls++
		}
		if want := map[bool]int{true: 2, false: 4}[versioned]; calls != want {
			t.Errorf("versioned %v: %d calls, want %d", versioned, calls, want)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	ten := map[string]string{}
	for i := range 10 {
		ten[fmt.Sprint("own", i)] = "1"
	}
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
		own     map[string]string
		disturb func(f *s3fake.S3, j *job.Job)
		want    error
	}{
		{"no scan", false, nil, func(_ *s3fake.S3, j *job.Job) { j.Scan = nil }, job.ErrBadJob},
		{"no verdict", false, nil, func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{} }, job.ErrBadJob},
		{"a verdict of its own", false, nil, func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{Verdict: "SPOTLESS"} }, job.ErrBadJob},
		{"clean, with a signature", false, nil, func(_ *s3fake.S3, j *job.Job) { j.Scan.Verdict = job.Clean }, job.ErrBadJob},
		{"neither version nor ETag", true, nil, func(_ *s3fake.S3, j *job.Job) { j.Object.ETag = "" }, job.ErrBadJob},
		{"gone", false, nil, func(_ *s3fake.S3, j *job.Job) { j.Object.VersionID = "v99" }, job.ErrObjectGone},
		{"gone from a flat bucket", true, nil, func(_ *s3fake.S3, j *job.Job) { j.Object.Key = key + "2" }, job.ErrObjectGone},
		{"a delete marker", false, nil, func(f *s3fake.S3, j *job.Job) {
			j.Object.VersionID = f.Add(bucket, key, s3fake.Object{Marker: true}).ID
		}, job.ErrObjectGone},
		{"gone before it is written", false, nil, func(f *s3fake.S3, j *job.Job) {
			id := j.Object.VersionID
			f.Before = func(op string, _ int) error {
				if op == "PutObjectTagging" {
					f.Remove(bucket, key, id)
				}
				return nil
			}
		}, job.ErrObjectGone},
		{"a 404 for what is listed", false, nil, refuse("PutObjectTagging", 404, "NoSuchVersion"), job.ErrTransient},
		{"overwritten before", true, nil, func(f *s3fake.S3, _ *job.Job) { f.Add(bucket, key, s3fake.Object{Body: "new"}) }, job.ErrObjectChanged},
		{"ten tags of its own", false, ten, nil, job.ErrTagLimit},
		{"reading refused", false, nil, refuse("GetObjectTagging", 403, "AccessDenied"), job.ErrAccessDenied},
		{"writing refused", false, nil, refuse("PutObjectTagging", 403, "AccessDenied"), job.ErrAccessDenied},
		{"slow down", false, nil, refuse("PutObjectTagging", 503, "SlowDown"), job.ErrTransient},
		{"looking fails", true, nil, refuse("HeadObject", 500, ""), job.ErrTransient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, j := world(!tt.flat, tt.own)
			if tt.disturb != nil {
				tt.disturb(f, &j)
			}
			if err := run(t, f, j); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			for _, o := range f.All(bucket, key) {
				if _, judged := o.Tags["scan-status"]; judged {
					t.Errorf("%q has the verdict", o.Body)
				}
			}
		})
	}
}

// TestOverwrittenUnderway puts another object in place of the scanned one before
// each call in a bucket without versions: the verdict must not stay on it, and
// where it came after our tags were written, its own must.
func TestOverwrittenUnderway(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 4; n++ {
		f, j := world(false, map[string]string{"old": "1"})
		f.Before = func(_ string, call int) error {
			if call == n {
				f.Add(bucket, key, s3fake.Object{Body: "newer", Tags: map[string]string{"new": "1"}})
			}
			return nil
		}
		if err := run(t, f, j); !errors.Is(err, job.ErrObjectChanged) {
			t.Errorf("overwritten before call %d: %v", n, err)
		}
		got := f.Current(bucket)[key].Tags
		if _, judged := got["scan-status"]; judged {
			t.Errorf("overwritten before call %d: tags %v", n, got)
		}
		// Between reading and writing the tags, S3 offers no way to keep the newer's.
		if n != 3 && got["new"] != "1" {
			t.Errorf("overwritten before call %d: the newer object's own tags are gone, %v left", n, got)
		}
	}
}

// TestSlowExecution: a verdict that a later scan of this version wrote is not
// undone by an execution that was slow to get here, unless it is a worse one.
func TestSlowExecution(t *testing.T) {
	t.Parallel()
	later := func(status string) map[string]string {
		return map[string]string{"scan-status": status, "scan-time": "2026-11-22T10:00:00Z", "scan-detail": "of the later scan", "own": "1"}
	}
	scans := map[job.Verdict]job.Scan{
		job.Clean:       {Verdict: job.Clean},
		job.Unscannable: {Verdict: job.Unscannable, Reason: job.Encrypted},
		job.Infected:    {Verdict: job.Infected, Signature: "Eicar-Test"},
	}
	tests := []struct {
		there string
		scan  job.Verdict
		err   error
		stays bool
	}{
		{"INFECTED", job.Clean, job.ErrSuperseded, true},
		{"INFECTED", job.Unscannable, job.ErrSuperseded, true},
		{"INFECTED", job.Infected, nil, true}, // and goes on to quarantine
		{"UNSCANNABLE", job.Clean, job.ErrSuperseded, true},
		{"UNSCANNABLE", job.Infected, nil, false},
		{"CLEAN", job.Clean, nil, true},
		{"CLEAN", job.Unscannable, nil, false},
		{"CLEAN", job.Infected, nil, false},
	}
	for _, tt := range tests {
		for _, versioned := range []bool{true, false} {
			f, j := world(versioned, later(tt.there))
			scan := scans[tt.scan]
			scan.Time = j.Scan.Time
			j.Scan = &scan
			if err := run(t, f, j); !errors.Is(err, tt.err) {
				t.Errorf("%s over %s: %v, want %v", tt.scan, tt.there, err, tt.err)
			}
			got := f.All(bucket, key)[0].Tags
			if stays := cmp.Equal(later(tt.there), got); stays != tt.stays || !stays && got["scan-status"] != string(tt.scan) || got["own"] != "1" {
				t.Errorf("%s over %s, versioned %v: tags %v", tt.scan, tt.there, versioned, got)
			}
		}
	}
}

// TestForeignVerdictStays: a newer object that was judged before we looked again
// keeps its verdict.
func TestForeignVerdictStays(t *testing.T) {
	t.Parallel()
	f, j := world(false, nil)
	newer := map[string]string{"scan-status": "CLEAN", "scan-time": "2026-11-22T09:31:00Z"}
	f.Before = func(_ string, call int) error {
		if call == 4 {
			f.Add(bucket, key, s3fake.Object{Body: "newer", Tags: newer})
		}
		return nil
	}
	if err := run(t, f, j); !errors.Is(err, job.ErrObjectChanged) {
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff(newer, f.Current(bucket)[key].Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestNullVersion tags what was uploaded without versions, whatever became of its
// bucket and lies above it, and nothing else.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	for _, above := range []string{"", "scanned", "newer", "a delete marker"} {
		f, j := world(false, map[string]string{"own": "1"})
		f.Versioning(bucket, true)
		switch above {
		case "":
		case "a delete marker":
			f.Add(bucket, key, s3fake.Object{Marker: true})
		default:
			f.Add(bucket, key, s3fake.Object{Body: above})
		}
		for _, id := range []string{"", "null"} {
			j.Object.VersionID = id
			if err := run(t, f, j); err != nil {
				t.Errorf("beneath %q: %v", above, err)
			}
		}
		all := f.All(bucket, key)
		if diff := cmp.Diff(with(map[string]string{"own": "1"}), all[0].Tags); diff != "" {
			t.Errorf("beneath %q (-want +got):\n%s", above, diff)
		}
		if len(all) > 1 && len(all[1].Tags) > 0 {
			t.Errorf("tags of %q above it: %v", above, all[1].Tags)
		}
	}
}
