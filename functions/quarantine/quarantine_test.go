package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

const (
	uploads, quarantineBucket = "uploads", "quarantine"
	key                       = "in/año 1+1?.exe"
	body                      = "these bytes are bad"
)

var scanTime = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// upload returns an object with all attributes that an object can have.
func upload() s3fake.Object {
	return s3fake.Object{
		Body: body, Metadata: map[string]string{"owner": "anna", "case": "7"},
		Tags:        map[string]string{"project": "x y", "scan-status": "INFECTED", "scan-detail": "Eicar-Test"},
		ContentType: "application/x-dosexec", ContentEncoding: "gzip", ContentDisposition: `attachment; filename="a.exe"`,
		ContentLanguage: "de", CacheControl: "no-store", Expires: "0", Redirect: "/elsewhere",
	}
}

// world returns an S3 with an upload between an older and a newer version, and the job of the upload.
func world(versioned bool, o s3fake.Object) (*s3fake.S3, job.Job) {
	f := s3fake.New()
	f.Make(uploads, versioned)
	f.Make(quarantineBucket, true)
	f.Add(uploads, key, s3fake.Object{Body: "older"})
	o = f.Add(uploads, key, o)
	if versioned {
		f.Add(uploads, key, s3fake.Object{Body: "younger"})
	}
	hash := sha256.Sum256([]byte(body))
	return f, job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: uploads, Key: key, VersionID: o.ID, ETag: strings.Trim(o.ETag(), `"`), Size: int64(len(body)),
			Sequencer: "0A",
		},
		Scan: &job.Scan{
			Verdict: job.Infected, Signature: "Eicar-Test", SHA256: hex.EncodeToString(hash[:]), Size: int64(len(body)),
			Time: scanTime, Definitions: &job.Definitions{Version: 27500},
		},
	}
}

func run(t *testing.T, f *s3fake.S3, j job.Job) (job.Job, error) {
	t.Helper()
	h := handler{s3: f, move: move.New(f), bucket: quarantineBucket}
	out, err := h.handle(t.Context(), j)
	if err != nil && !strings.HasPrefix(err.Error(), "quarantine "+j.Object.String()) {
		t.Errorf("got error %q, want one that begins with the object", err)
	}
	return out, err
}

// bodies returns the contents of the versions in the uploads bucket, the oldest first.
func bodies(f *s3fake.S3) (all []string) {
	for _, o := range f.All(uploads, key) {
		all = append(all, o.Body)
	}
	return all
}

// TestQuarantine checks that the copy has everything of the original.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	f, j := world(true, upload())
	out, err := run(t, f, j)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"older", "younger"}, bodies(f)); diff != "" {
		t.Errorf("uploads after it (-want +got):\n%s", diff)
	}
	at := j.Object.QuarantineKey()
	copied := f.Current(quarantineBucket)[at]
	wantCopy := &job.Copy{Bucket: quarantineBucket, Key: at, VersionID: copied.ID, SHA256: j.Scan.SHA256}
	if diff := cmp.Diff(wantCopy, out.Copy); diff != "" {
		t.Errorf("job.copy (-want +got):\n%s", diff)
	}
	want := upload()
	want.SHA256 = true
	maps.Copy(want.Metadata, map[string]string{
		"lazaret-source-bucket": uploads, "lazaret-source-key": "in/a%C3%B1o%201%2B1%3F.exe",
		"lazaret-source-version": j.Object.VersionID,
		"lazaret-source-etag":    j.Object.ETag, "lazaret-source-modified": "2026-11-22T10:01:00Z",
		"lazaret-sha256":  j.Scan.SHA256,
		"lazaret-verdict": "INFECTED Eicar-Test", "lazaret-scan-time": "2026-11-22T09:30:00Z", "lazaret-definitions": "27500",
	})
	if diff := cmp.Diff(want, copied, cmpopts.IgnoreFields(s3fake.Object{}, "ID", "Modified")); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	var record job.Job
	if err := json.Unmarshal([]byte(f.Current(quarantineBucket)[at+".json"].Body), &record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out, record); diff != "" {
		t.Errorf("record beside the copy (-want +got):\n%s", diff)
	}
}

// TestContentEncoding checks that an original with aws-chunked, as other stores write it, is moved
// although S3 never gives it to a copy.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ was, want string }{
		{"aws-chunked", ""},
		{"gzip,aws-chunked", "gzip"},
		{"aws-chunked, gzip , br", "gzip, br"},
		{"gzip", "gzip"},
		{"", ""},
	} {
		t.Run(tt.was, func(t *testing.T) {
			t.Parallel()
			o := upload()
			o.ContentEncoding = tt.was
			f, j := world(true, o)
			out, err := run(t, f, j)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Current(quarantineBucket)[out.Copy.Key].ContentEncoding; got != tt.want {
				t.Errorf("Content-Encoding of the copy %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff([]string{"older", "younger"}, bodies(f)); diff != "" {
				t.Errorf("uploads after it (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCrashAnywhere ends the function before and after each of its calls and runs it again. The result
// must be that of an undisturbed run.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	untagged := upload()
	untagged.Tags = map[string]string{"project": "x y"}
	locked := upload()
	locked.Locked = true
	for name, o := range map[string]s3fake.Object{"tagged": upload(), "untagged": untagged, "locked": locked} {
		for _, versioned := range []bool{true, false} {
			for _, hashed := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s versioned %v hashed %v", name, versioned, hashed), func(t *testing.T) {
					t.Parallel()
					crashAnywhere(t, func() (*s3fake.S3, job.Job) {
						f, j := world(versioned, o)
						if !hashed {
							j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge, Time: scanTime}
						}
						return f, j
					})
				})
			}
		}
	}
}

func crashAnywhere(t *testing.T, fresh func() (*s3fake.S3, job.Job)) {
	undisturbed, j := fresh()
	want, err := run(t, undisturbed, j)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		for _, when := range s3fake.Moments {
			f, j := fresh()
			f.CrashAt(n, when)
			_, err := run(t, f, j)
			if !f.Restart() {
				if n < 5 {
					t.Fatalf("a crash was possible at %d calls, want more", n-1)
				}
				return
			}
			if err == nil {
				t.Fatalf("no error after the crash at call %d, want one", n)
			}
			got, err := run(t, f, j)
			if err != nil {
				t.Fatalf("after a crash at call %d (%s): %v, want no error", n, when, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("job after a crash at call %d (%s) (-undisturbed +got):\n%s", n, when, diff)
			}
			for _, bucket := range []string{uploads, quarantineBucket} {
				diff := cmp.Diff(
					undisturbed.Current(bucket),
					f.Current(bucket),
					cmpopts.IgnoreFields(s3fake.Object{}, "ID", "Modified"),
				)
				if diff != "" {
					t.Errorf("%s after a crash at call %d (%s) (-undisturbed +got):\n%s", bucket, n, when, diff)
				}
			}
			if n := len(f.All(quarantineBucket, j.Object.QuarantineKey())); n != 1 {
				t.Errorf("%d versions of the copy, want 1", n)
			}
			if diff := cmp.Diff(bodies(undisturbed), bodies(f)); diff != "" {
				t.Errorf("uploads (-undisturbed +got):\n%s", diff)
			}
		}
	}
}

// TestOwnTagChanges ends a move after its copy. Then the uploader changes a tag of the name that promote uses: the copy
// that is kept must have the new value. One original has a verdict already, and S3 copies its tags; to the other's
// tags quarantine adds the verdict.
func TestOwnTagChanges(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]string{"with a verdict": "INFECTED", "without one": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tags := func(value string) map[string]string {
				set := map[string]string{move.OriginTag: value}
				if verdict != "" {
					set["scan-status"] = verdict
				}
				return set
			}
			copied := false
			for n := 1; ; n++ {
				o := upload()
				o.Tags = tags("team alpha")
				f, j := world(true, o)
				f.CrashAt(n, s3fake.Moments[len(s3fake.Moments)-1])
				_, err := run(t, f, j)
				if !f.Restart() {
					break
				}
				if err == nil {
					t.Fatalf("no error after the crash at call %d, want one", n)
				}
				if left := f.All(uploads, key); len(left) < 3 {
					continue // the original was removed already
				}
				copied = copied || len(f.Current(quarantineBucket)) > 0
				f.Retag(uploads, key, j.Object.VersionID, tags("team beta"))
				out, err := run(t, f, j)
				if err != nil {
					t.Fatalf("crash at call %d: %v, want no error", n, err)
				}
				if got := f.Current(quarantineBucket)[out.Copy.Key].Tags[move.OriginTag]; got != "team beta" {
					t.Errorf("crash at call %d: the copy has %q, want team beta", n, got)
				}
			}
			if !copied {
				t.Error("no crash came after the copy, want some")
			}
		})
	}
}
