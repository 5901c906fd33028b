package main

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// TestOverwrittenDuringTag overwrites the object before each call, in a bucket without versions. The
// verdict must not stay on the new object. If it was overwritten after the tags were written, it must
// keep its own.
func TestOverwrittenDuringTag(t *testing.T) {
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
			t.Errorf("overwritten before call %d: %v, want a job.ErrObjectChanged", n, err)
		}
		got := f.Current(bucket)[key].Tags
		if _, judged := got["scan-status"]; judged {
			t.Errorf("overwritten before call %d: tags %v, want no verdict", n, got)
		}
		// S3 has no condition for tags, so that tags written between the two requests are lost.
		if n != 3 && got["new"] != "1" {
			t.Errorf("overwritten before call %d: tags = %v, want the newer object's own", n, got)
		}
	}
}

// TestForeignVerdictStays checks that a newer object keeps its verdict, if it was scanned before the
// second check.
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
		t.Errorf("error = %v, want a job.ErrBadJob", err)
	}
	if diff := cmp.Diff(newer, f.Current(bucket)[key].Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestNullVersion tags the version with the id "null", whatever the versioning of its bucket is now,
// and nothing else.
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
				t.Errorf("beneath %q: %v, want no error", above, err)
			}
		}
		all := f.All(bucket, key)
		if diff := cmp.Diff(with(map[string]string{"own": "1"}), all[0].Tags); diff != "" {
			t.Errorf("beneath %q (-want +got):\n%s", above, diff)
		}
		if len(all) > 1 && len(all[1].Tags) > 0 {
			t.Errorf("tags of %q above it: %v, want them unchanged", above, all[1].Tags)
		}
	}
}
