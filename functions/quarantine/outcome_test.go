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

func TestLockedOriginalStays(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprintf("lock hidden %v", hidden), func(t *testing.T) {
			t.Parallel()
			o := upload()
			o.Locked, o.HideLock = true, hidden
			f, j := world(true, o)
			for range 2 { // a replay ends the same
				out, err := run(t, f, j)
				if err != nil {
					t.Fatal(err)
				}
				if !out.Copy.SourceLocked {
					t.Error("the job does not say that the original stays")
				}
			}
			if record := f.Current(cells)[j.Object.QuarantineKey()+".json"].Body; !strings.Contains(record, `"sourceLocked": true`) {
				t.Errorf("the record does not say that the original stays:\n%s", record)
			}
			if !slices.Contains(bodies(f), body) {
				t.Error("the locked original is gone")
			}
		})
	}
}

// TestLockIsSeen: the refusal need not name the lock.
func TestLockIsSeen(t *testing.T) {
	t.Parallel()
	o := upload()
	o.Locked = true
	f, j := world(true, o)
	refuse(f, "DeleteObject", 403, "AccessDenied", "Access Denied")
	if out, err := run(t, f, j); err != nil || !out.Copy.SourceLocked {
		t.Errorf("copy %+v, error %v", out.Copy, err)
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
	full := map[string]string{"scan-status": "INFECTED", "scan-time": "2026-11-22T09:30:00Z", "scan-detail": "Eicar-Test", "scan-definitions": "27500"}
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
		{"none", nil, full},
		{"own", map[string]string{"a b": "c+d=/"}, with(map[string]string{"a b": "c+d=/"}, "scan-status", "scan-time", "scan-detail", "scan-definitions")},
		{"forged", map[string]string{"scan-status": "CLEAN", "a": "b"}, with(map[string]string{"a": "b"}, "scan-status", "scan-time", "scan-detail", "scan-definitions")},
		{"eight", eight, with(eight, "scan-status", "scan-time")},
		{"no room", ten, ten},
		{"too long to be written again", long, long},
		{"tagged already", map[string]string{"scan-status": "INFECTED", "scan-detail": "as Tag wrote it"}, map[string]string{"scan-status": "INFECTED", "scan-detail": "as Tag wrote it"}},
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
			if diff := cmp.Diff(tt.want, f.Current(cells)[j.Object.QuarantineKey()].Tags); diff != "" {
				t.Errorf("tags of the copy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOwnMetadataComesFirst(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		own     map[string]string
		missing int32
		record  []string // keys of the record that fit
	}{
		{"room for a part of it", map[string]string{"a": strings.Repeat("x", 1980)}, 0, []string{"lazaret-source-bucket", "lazaret-source-version"}},
		{"full", map[string]string{"a": strings.Repeat("x", 2047)}, 0, nil},
		{"more than we may write", map[string]string{"a": strings.Repeat("=?UTF-8?Q?=C3=B1?=", 300)}, 0, nil},
		{"more than HTTP can show", map[string]string{"a": "b"}, 1, nil},
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
			copied := f.Current(cells)[j.Object.QuarantineKey()]
			var record []string
			for k, v := range copied.Metadata {
				if strings.HasPrefix(k, "lazaret-") {
					record = append(record, k)
				} else if tt.own[k] != v {
					t.Errorf("metadata %s = %q, was %q", k, v, tt.own[k])
				}
			}
			slices.Sort(record)
			if diff := cmp.Diff(tt.record, record); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if len(copied.Metadata) != len(tt.own)+len(record) || copied.MissingMeta != tt.missing {
				t.Errorf("metadata of its own was lost: %v, missing %d", copied.Metadata, copied.MissingMeta)
			}
			if copied.ContentType != o.ContentType || copied.Expires != o.Expires || copied.Redirect != o.Redirect {
				t.Errorf("headers were lost: %+v", copied)
			}
			if _, there := f.Current(cells)[j.Object.QuarantineKey()+".json"]; !there {
				t.Error("no record beside the copy")
			}
		})
	}
}

// TestForgedProvenance: what an uploader claims is not what the copy says.
func TestForgedProvenance(t *testing.T) {
	t.Parallel()
	o := upload()
	o.Metadata = map[string]string{"lazaret-verdict": "CLEAN", "lazaret-sha256": "0", "lazaret-anything": "x", "own": "y"}
	f, j := world(true, o)
	if _, err := run(t, f, j); err != nil {
		t.Fatal(err)
	}
	got := f.Current(cells)[j.Object.QuarantineKey()].Metadata
	if got["lazaret-verdict"] != "INFECTED Eicar-Test" || got["lazaret-sha256"] != j.Scan.SHA256 || got["own"] != "y" {
		t.Errorf("metadata = %v", got)
	}
	if _, kept := got["lazaret-anything"]; kept {
		t.Error("a claim under our prefix was carried over")
	}
}

// TestUnreadableStays: what S3 cannot read for us cannot be copied either.
func TestUnreadableStays(t *testing.T) {
	t.Parallel()
	for _, answer := range []struct {
		op     string
		status int
		code   string
	}{{"CopyObject", 403, "InvalidObjectState"}, {"CopyObject", 400, "InvalidRequest"}, {"HeadObject", 400, "BadRequest"}} {
		f, j := world(true, upload())
		j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.Unreadable, Time: scanTime}
		refuse(f, answer.op, answer.status, answer.code, "")
		out, err := run(t, f, j)
		if err != nil || out.Copy != nil || !slices.Contains(bodies(f), body) {
			t.Errorf("%s answers %s: copy %v, error %v, uploads %v", answer.op, answer.code, out.Copy, err, bodies(f))
		}
	}
}

// TestOverwrittenUnderway: in a bucket without versions the newer object must
// survive, at whichever call it comes.
func TestOverwrittenUnderway(t *testing.T) {
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
				t.Fatalf("overwritten at call %d: %v", n+1, err)
			}
			f.Before = nil
		}
		if o, there := f.Current(uploads)[key]; n < 5 && (!there || o.Body != "newer") {
			t.Errorf("overwritten at call %d: uploads hold %q", n+1, o.Body)
		}
	}
}

// TestOverwrittenAfterCrash: what an earlier attempt copied is found although
// another object stands in its place by now.
func TestOverwrittenAfterCrash(t *testing.T) {
	t.Parallel()
	f, j := world(false, upload())
	f.After = func(op string, _ int) {
		if op == "CopyObject" {
			f.Add(uploads, key, s3fake.Object{Body: "newer"})
		}
	}
	f.Die(4, false)
	if _, err := run(t, f, j); err == nil || !f.Live() {
		t.Fatalf("no death after the copy: %v", err)
	}
	out, err := run(t, f, j)
	if err != nil || out.Copy == nil || out.Copy.SHA256 != j.Scan.SHA256 {
		t.Errorf("copy %+v, error %v", out.Copy, err)
	}
	if diff := cmp.Diff([]string{"newer"}, bodies(f)); diff != "" {
		t.Errorf("uploads (-want +got):\n%s", diff)
	}
	if _, there := f.Current(cells)[j.Object.QuarantineKey()+".json"]; !there {
		t.Error("no record beside the copy")
	}
}

// TestVanished: after Fetch, Scan or Tag found the object gone or overwritten,
// what is there now is another upload, though its ETag be the same. It has a
// scan of its own; only the copy of an earlier attempt is looked for.
func TestVanished(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{job.ErrObjectGone, job.ErrObjectChanged} {
		f, j := world(false, upload())
		j.Error = &job.Failure{Error: job.Name(cause)}
		if _, err := run(t, f, j); !errors.Is(err, cause) {
			t.Errorf("nothing quarantined before: %v, want %v", err, cause)
		}
		if n := len(f.Current(cells)); n != 0 || !slices.Equal(bodies(f), []string{body}) {
			t.Errorf("moved by an earlier verdict: %d in quarantine, uploads %q", n, bodies(f))
		}
		j.Error = nil
		first, err := run(t, f, j)
		if err != nil {
			t.Fatal(err)
		}
		f.Add(uploads, key, upload()) // again, with an event of its own
		j.Error = &job.Failure{Error: job.Name(cause)}
		again, err := run(t, f, j)
		if err != nil || !cmp.Equal(first.Copy, again.Copy) {
			t.Errorf("quarantined before: %+v, %v, want %+v", again.Copy, err, first.Copy)
		}
		if !slices.Equal(bodies(f), []string{body}) {
			t.Errorf("uploads hold %q: the younger upload was touched", bodies(f))
		}
	}
}
