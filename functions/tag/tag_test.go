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
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

const bucket, key = "uploads", "in/a b.txt"

var verdict = map[string]string{
	"scan-status": "INFECTED", "scan-time": "2026-11-22T09:30:00Z", "scan-detail": "Eicar-Test",
	"scan-definitions": "27500",
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
			t.Errorf("job (-want +got):\n%s", diff)
		}
	case !strings.HasPrefix(err.Error(), "tag "+j.Object.String()):
		t.Errorf("got error %q, want one that begins with the object", err)
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
		for range 2 { // a repeated call has the same result
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
			for _, when := range s3fake.Moments {
				f, j := world(versioned, map[string]string{"project": "x"})
				f.CrashAt(n, when)
				err := run(t, f, j)
				if !f.Restart() {
					continue
				}
				died = true
				if err == nil {
					t.Fatalf("no error after the crash at call %d, want one", n)
				}
				if err := run(t, f, j); err != nil {
					t.Fatalf("second attempt after a crash at call %d: %v, want no error", n, err)
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
		{name: "no scan", disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = nil }, want: job.ErrBadJob},
		{name: "no verdict", disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{} }, want: job.ErrBadJob},
		{
			name:    "a verdict of its own",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{Verdict: "SPOTLESS"} },
			want:    job.ErrBadJob,
		},
		{
			name:    "clean, with a signature",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan.Verdict = job.Clean },
			want:    job.ErrBadJob,
		},
		{
			name:    "neither version nor ETag",
			flat:    true,
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.ETag = "" },
			want:    job.ErrBadJob,
		},
		{name: "gone", disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.VersionID = "v99" }, want: job.ErrObjectGone},
		{
			name:    "gone from a flat bucket",
			flat:    true,
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.Key = key + "2" },
			want:    job.ErrObjectGone,
		},
		{name: "a delete marker", disturb: func(f *s3fake.S3, j *job.Job) {
			j.Object.VersionID = f.Add(bucket, key, s3fake.Object{Marker: true}).ID
		}, want: job.ErrObjectGone},
		{name: "gone before it is written", disturb: func(f *s3fake.S3, j *job.Job) {
			id := j.Object.VersionID
			f.Before = func(op string, _ int) error {
				if op == "PutObjectTagging" {
					f.Remove(bucket, key, id)
				}
				return nil
			}
		}, want: job.ErrObjectGone},
		{name: "a 404 for what is listed", disturb: refuse("PutObjectTagging", 404, "NoSuchVersion"), want: job.ErrTransient},
		{
			name:    "overwritten before",
			flat:    true,
			disturb: func(f *s3fake.S3, _ *job.Job) { f.Add(bucket, key, s3fake.Object{Body: "new"}) },
			want:    job.ErrObjectChanged,
		},
		{name: "ten tags of its own", own: ten, want: job.ErrTagLimit},
		{name: "reading refused", disturb: refuse("GetObjectTagging", 403, "AccessDenied"), want: job.ErrAccessDenied},
		{name: "writing refused", disturb: refuse("PutObjectTagging", 403, "AccessDenied"), want: job.ErrAccessDenied},
		{name: "slow down", disturb: refuse("PutObjectTagging", 503, "SlowDown"), want: job.ErrTransient},
		{name: "looking fails", flat: true, disturb: refuse("HeadObject", 500, ""), want: job.ErrTransient},
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
					t.Errorf("%q has the verdict, want none", o.Body)
				}
			}
		})
	}
}

// TestLaterVerdictStays checks that a slow execution does not replace the verdict of a later scan,
// unless its own verdict is worse.
func TestLaterVerdictStays(t *testing.T) {
	t.Parallel()
	later := func(status string) map[string]string {
		return map[string]string{
			"scan-status": status,
			"scan-time":   "2026-11-22T10:00:00Z",
			"scan-detail": "of the later scan",
			"own":         "1",
		}
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
		{there: "INFECTED", scan: job.Clean, err: job.ErrSuperseded, stays: true},
		{there: "INFECTED", scan: job.Unscannable, err: job.ErrSuperseded, stays: true},
		{there: "INFECTED", scan: job.Infected, stays: true}, // the job goes on to quarantine
		{there: "UNSCANNABLE", scan: job.Clean, err: job.ErrSuperseded, stays: true},
		{there: "UNSCANNABLE", scan: job.Infected},
		{there: "CLEAN", scan: job.Clean, stays: true},
		{there: "CLEAN", scan: job.Unscannable},
		{there: "CLEAN", scan: job.Infected},
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
			if stays := cmp.Equal(later(tt.there), got); stays != tt.stays || !stays && got["scan-status"] != string(tt.scan) ||
				got["own"] != "1" {
				t.Errorf("%s over %s, versioned %v: tags %v, want those of the worse verdict", tt.scan, tt.there, versioned, got)
			}
		}
	}
}
