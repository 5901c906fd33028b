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
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

func TestLockedOriginalStays(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprintf("lock hidden %v", hidden), func(t *testing.T) {
			t.Parallel()
			o := upload()
			o.Locked, o.HideLock = true, hidden
			f, j := world(true, o)
			for range 2 { // a replay has the same result
				out, err := run(t, f, j)
				if err != nil {
					t.Fatal(err)
				}
				if !out.Copy.SourceLocked {
					t.Error("SourceLocked = false, want true")
				}
			}
			if record := f.Current(quarantineBucket)[j.Object.QuarantineKey()+".json"].Body; !strings.Contains(
				record,
				`"sourceLocked": true`,
			) {
				t.Errorf("the record has no sourceLocked, want true:\n%s", record)
			}
			if !slices.Contains(bodies(f), body) {
				t.Error("the locked original was removed, want it kept")
			}
		})
	}
}

// TestLockInHead checks that a lock is noticed if the refusal does not name it.
func TestLockInHead(t *testing.T) {
	t.Parallel()
	o := upload()
	o.Locked = true
	f, j := world(true, o)
	refuse(f, "DeleteObject", 403, "AccessDenied", "Access Denied")
	if out, err := run(t, f, j); err != nil || !out.Copy.SourceLocked {
		t.Errorf("copy %+v, error %v, want a job.ErrAccessDenied and no copy", out.Copy, err)
	}
}

func TestVerdictTags(t *testing.T) {
	t.Parallel()
	ten := map[string]string{}
	for i := range 10 {
		ten[fmt.Sprint("own", i)] = "1"
	}
	eight := maps.Clone(ten)
	delete(eight, "own0")
	delete(eight, "own1")
	long := map[string]string{}
	for i := range 9 {
		long[fmt.Sprint("own", i)] = strings.Repeat("é", 256)
	}
	full := map[string]string{
		"scan-status":      "INFECTED",
		"scan-time":        "2026-11-22T09:30:00Z",
		"scan-detail":      "Eicar-Test",
		"scan-definitions": "27500",
	}
	with := func(own map[string]string, keys ...string) map[string]string {
		tags := maps.Clone(own)
		for _, k := range keys {
			tags[k] = full[k]
		}
		return tags
	}
	tests := []struct {
		name      string
		had, want map[string]string
	}{
		{name: "none", want: full},
		{
			name: "own",
			had:  map[string]string{"a b": "c+d=/"},
			want: with(map[string]string{"a b": "c+d=/"}, "scan-status", "scan-time", "scan-detail", "scan-definitions"),
		},
		{
			name: "forged",
			had:  map[string]string{"scan-status": "CLEAN", "a": "b"},
			want: with(map[string]string{"a": "b"}, "scan-status", "scan-time", "scan-detail", "scan-definitions"),
		},
		{name: "eight", had: eight, want: with(eight, "scan-status", "scan-time")},
		{name: "no room", had: ten, want: ten},
		{name: "too long to be written again", had: long, want: long},
		{
			name: "tagged already",
			had:  map[string]string{"scan-status": "INFECTED", "scan-detail": "as Tag wrote it"},
			want: map[string]string{"scan-status": "INFECTED", "scan-detail": "as Tag wrote it"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := upload()
			o.Tags = tt.had
			f, j := world(true, o)
			if _, err := run(t, f, j); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, f.Current(quarantineBucket)[j.Object.QuarantineKey()].Tags); diff != "" {
				t.Errorf("tags of the copy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMetadataLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		own     map[string]string
		missing int32
		record  []string // keys of the origin that fit
	}{
		{
			name:   "room for a part of it",
			own:    map[string]string{"a": strings.Repeat("x", 1980)},
			record: []string{"lazaret-source-bucket", "lazaret-source-version"},
		},
		{name: "full", own: map[string]string{"a": strings.Repeat("x", 2047)}},
		{name: "more than we may write", own: map[string]string{"a": strings.Repeat("=?UTF-8?Q?=C3=B1?=", 300)}},
		{name: "more than HTTP can show", own: map[string]string{"a": "b"}, missing: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := upload()
			o.Metadata, o.MissingMeta = tt.own, tt.missing
			f, j := world(true, o)
			if _, err := run(t, f, j); err != nil {
				t.Fatal(err)
			}
			copied := f.Current(quarantineBucket)[j.Object.QuarantineKey()]
			var record []string
			for k, v := range copied.Metadata {
				if strings.HasPrefix(k, "lazaret-") {
					record = append(record, k)
				} else if tt.own[k] != v {
					t.Errorf("metadata %s = %q, want %q", k, v, tt.own[k])
				}
			}
			slices.Sort(record)
			if diff := cmp.Diff(tt.record, record); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if len(copied.Metadata) != len(tt.own)+len(record) || copied.MissingMeta != tt.missing {
				t.Errorf("metadata = %v with %d missing, want all of the original's", copied.Metadata, copied.MissingMeta)
			}
			if copied.ContentType != o.ContentType || copied.Expires != o.Expires || copied.Redirect != o.Redirect {
				t.Errorf("copy = %+v, want the headers of the original", copied)
			}
			if _, there := f.Current(quarantineBucket)[j.Object.QuarantineKey()+".json"]; !there {
				t.Error("got no record beside the copy, want one")
			}
		})
	}
}

// TestForgedOrigin checks that an origin which an uploader wrote is replaced.
func TestForgedOrigin(t *testing.T) {
	t.Parallel()
	o := upload()
	o.Metadata = map[string]string{"lazaret-verdict": "CLEAN", "lazaret-sha256": "0", "lazaret-anything": "x", "own": "y"}
	f, j := world(true, o)
	if _, err := run(t, f, j); err != nil {
		t.Fatal(err)
	}
	got := f.Current(quarantineBucket)[j.Object.QuarantineKey()].Metadata
	if got["lazaret-verdict"] != "INFECTED Eicar-Test" || got["lazaret-sha256"] != j.Scan.SHA256 || got["own"] != "y" {
		t.Errorf("metadata = %v, want the origin in place of it", got)
	}
	if _, kept := got["lazaret-anything"]; kept {
		t.Error("the copy has reserved metadata of the original, want it left out")
	}
}

// TestUnreadableStays checks that an object which S3 cannot read for Lazaret stays where it is.
func TestUnreadableStays(t *testing.T) {
	t.Parallel()
	for _, answer := range []struct {
		op     string
		status int
		code   string
	}{
		{op: "CopyObject", status: 403, code: "InvalidObjectState"},
		{op: "CopyObject", status: 400, code: "InvalidRequest"},
		{op: "HeadObject", status: 400, code: "BadRequest"},
	} {
		f, j := world(true, upload())
		j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.Unreadable, Time: scanTime}
		refuse(f, answer.op, answer.status, answer.code, "")
		out, err := run(t, f, j)
		if err != nil || out.Copy != nil || !slices.Contains(bodies(f), body) {
			t.Errorf(
				"%s answers %s: copy %v, error %v, uploads %v, want neither copy nor error, and the original kept",
				answer.op,
				answer.code,
				out.Copy,
				err,
				bodies(f),
			)
		}
	}
}

// TestOverwrittenDuringMove checks that a newer object is not deleted if it is written during the
// move, in a bucket without versions.
func TestOverwrittenDuringMove(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		f, j := world(false, upload())
		f.Before = func(_ string, call int) error {
			if call == n+1 {
				f.Add(uploads, key, s3fake.Object{Body: "newer"})
			}
			return nil
		}
		for attempt := 0; ; attempt++ {
			_, err := run(t, f, j)
			if name := job.Name(err); err == nil || name == "ObjectChanged" {
				break
			} else if name != "Transient" || attempt == 3 {
				t.Fatalf("overwritten at call %d: %v, want a transient error or none", n+1, err)
			}
			f.Before = nil
		}
		if o, there := f.Current(uploads)[key]; n < 5 && (!there || o.Body != "newer") {
			t.Errorf("overwritten at call %d: uploads hold %q, want the newer object", n+1, o.Body)
		}
	}
}

// TestOverwrittenAfterCrash checks that the copy of an earlier attempt is found if the original was
// overwritten since.
func TestOverwrittenAfterCrash(t *testing.T) {
	t.Parallel()
	f, j := world(false, upload())
	f.After = func(op string, _ int) {
		if op == "CopyObject" {
			f.Add(uploads, key, s3fake.Object{Body: "newer"})
		}
	}
	f.CrashAt(4, s3fake.BeforeCall)
	if _, err := run(t, f, j); err == nil || !f.Restart() {
		t.Fatalf("got %v, want a crash after the copy", err)
	}
	out, err := run(t, f, j)
	if err != nil || out.Copy == nil || out.Copy.SHA256 != j.Scan.SHA256 {
		t.Errorf("copy %+v, error %v, want the copy", out.Copy, err)
	}
	if diff := cmp.Diff([]string{"newer"}, bodies(f)); diff != "" {
		t.Errorf("uploads (-want +got):\n%s", diff)
	}
	if _, there := f.Current(quarantineBucket)[j.Object.QuarantineKey()+".json"]; !there {
		t.Error("got no record beside the copy, want one")
	}
}

// TestVanished checks that nothing is moved by the verdict of an earlier object: after Fetch, Scan or
// Tag found the object gone or overwritten, the object that is there now is another one, even if it
// has the same ETag, and has a scan of its own. Only the copy of an earlier attempt is found.
func TestVanished(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{job.ErrObjectGone, job.ErrObjectChanged} {
		f, j := world(false, upload())
		j.Error = &job.Failure{Error: job.Name(cause)}
		if _, err := run(t, f, j); !errors.Is(err, cause) {
			t.Errorf("nothing quarantined before: %v, want %v", err, cause)
		}
		if n := len(f.Current(quarantineBucket)); n != 0 || !slices.Equal(bodies(f), []string{body}) {
			t.Errorf(
				"%d objects in quarantine and uploads %q, want none moved, since the verdict is of an earlier object",
				n,
				bodies(f),
			)
		}
		j.Error = nil
		first, err := run(t, f, j)
		if err != nil {
			t.Fatal(err)
		}
		f.Add(uploads, key, upload()) // a newer upload, with its own event
		j.Error = &job.Failure{Error: job.Name(cause)}
		again, err := run(t, f, j)
		if err != nil || !cmp.Equal(first.Copy, again.Copy) {
			t.Errorf("quarantined before: %+v, %v, want %+v", again.Copy, err, first.Copy)
		}
		if !slices.Equal(bodies(f), []string{body}) {
			t.Errorf("uploads hold %q, want the newer upload unchanged", bodies(f))
		}
	}
}
