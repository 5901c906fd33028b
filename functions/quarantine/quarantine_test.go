package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/s3fake"
)

const (
	uploads, cells = "uploads", "quarantine"
	key            = "in/año 1+1?.exe"
	body           = "these bytes are bad"
)

var scanTime = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// upload is an object with everything that an object can carry.
func upload() s3fake.Object {
	return s3fake.Object{
		Body: body, Metadata: map[string]string{"owner": "anna", "case": "7"},
		Tags:        map[string]string{"project": "x y", "scan-status": "INFECTED", "scan-detail": "Eicar-Test"},
		ContentType: "application/x-dosexec", ContentEncoding: "gzip", ContentDisposition: `attachment; filename="a.exe"`,
		ContentLanguage: "de", CacheControl: "no-store", Expires: "0", Redirect: "/elsewhere",
	}
}

// world has an upload between an older and a younger version, and its job.
func world(versioned bool, o s3fake.Object) (*s3fake.S3, job.Job) {
	f := s3fake.New()
	f.Make(uploads, versioned)
	f.Make(cells, true)
	f.Add(uploads, key, s3fake.Object{Body: "older"})
	o = f.Add(uploads, key, o)
	if versioned {
		f.Add(uploads, key, s3fake.Object{Body: "younger"})
	}
	hash := sha256.Sum256([]byte(body))
	return f, job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: uploads, Key: key, VersionID: o.ID, ETag: strings.Trim(o.ETag(), `"`), Size: int64(len(body)), Sequencer: "0A",
		},
		Scan: &job.Scan{
			Verdict: job.Infected, Signature: "Eicar-Test", SHA256: hex.EncodeToString(hash[:]), Size: int64(len(body)),
			Time: scanTime, Definitions: &job.Definitions{Version: 27500},
		},
	}
}

func run(t *testing.T, f *s3fake.S3, j job.Job) (job.Job, error) {
	t.Helper()
	h := handler{s3: f, move: move.New(f), bucket: cells}
	out, err := h.handle(t.Context(), j)
	if err != nil && !strings.HasPrefix(err.Error(), "quarantine "+j.Object.String()) {
		t.Errorf("error %q does not say what was done to what", err)
	}
	return out, err
}

// bodies are what the uploads bucket holds, oldest first.
func bodies(f *s3fake.S3) (all []string) {
	for _, o := range f.All(uploads, key) {
		all = append(all, o.Body)
	}
	return all
}

func TestMovesAllOfIt(t *testing.T) {
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
	copied := f.Current(cells)[at]
	wantCopy := &job.Copy{Bucket: cells, Key: at, VersionID: copied.ID, SHA256: j.Scan.SHA256}
	if diff := cmp.Diff(wantCopy, out.Copy); diff != "" {
		t.Errorf("job.copy (-want +got):\n%s", diff)
	}
	want := upload()
	want.SHA256 = true
	maps.Copy(want.Metadata, map[string]string{
		"lazaret-source-bucket": uploads, "lazaret-source-key": "in/a%C3%B1o%201%2B1%3F.exe", "lazaret-source-version": j.Object.VersionID,
		"lazaret-source-etag": j.Object.ETag, "lazaret-source-modified": "2026-11-22T10:01:00Z", "lazaret-sha256": j.Scan.SHA256,
		"lazaret-verdict": "INFECTED Eicar-Test", "lazaret-scan-time": "2026-11-22T09:30:00Z", "lazaret-definitions": "27500",
	})
	if diff := cmp.Diff(want, copied, cmpopts.IgnoreFields(s3fake.Object{}, "ID", "Modified")); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	var record job.Job
	if err := json.Unmarshal([]byte(f.Current(cells)[at+".json"].Body), &record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out, record); diff != "" {
		t.Errorf("record beside the copy (-job +record):\n%s", diff)
	}
}

// TestCrashAnywhere kills the function before and after each of its calls and
// runs it again: what it leaves behind must be what an undisturbed run leaves.
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
		for _, done := range []bool{false, true} {
			f, j := fresh()
			f.Die(n, done)
			_, err := run(t, f, j)
			if !f.Live() {
				if n < 5 {
					t.Fatalf("only %d calls: this test missed some", n-1)
				}
				return
			}
			if err == nil {
				t.Fatalf("call %d died unnoticed", n)
			}
			got, err := run(t, f, j)
			if err != nil {
				t.Fatalf("after a death at call %d (carried out: %v): %v", n, done, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("job after a death at call %d (carried out: %v) (-undisturbed +got):\n%s", n, done, diff)
			}
			for _, bucket := range []string{uploads, cells} {
				diff := cmp.Diff(undisturbed.Current(bucket), f.Current(bucket), cmpopts.IgnoreFields(s3fake.Object{}, "ID", "Modified"))
				if diff != "" {
					t.Errorf("%s after a death at call %d (carried out: %v) (-undisturbed +got):\n%s", bucket, n, done, diff)
				}
			}
			if n := len(f.All(cells, j.Object.QuarantineKey())); n != 1 {
				t.Errorf("%d versions of the copy", n)
			}
			if diff := cmp.Diff(bodies(undisturbed), bodies(f)); diff != "" {
				t.Errorf("uploads (-undisturbed +got):\n%s", diff)
			}
		}
	}
}

// refuse answers every call of one operation with an error of S3.
func refuse(f *s3fake.S3, op string, status int, code, message string) {
	f.Before = func(is string, _ int) error {
		if is == op {
			return s3fake.Err(op, status, code, message)
		}
		return nil
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		flat    bool // a bucket without versions
		disturb func(f *s3fake.S3, j *job.Job)
		want    error
	}{
		{"gone", false, func(f *s3fake.S3, j *job.Job) { j.Object.VersionID = "v99" }, job.ErrObjectGone},
		{"overwritten", true, func(f *s3fake.S3, _ *job.Job) { f.Add(uploads, key, s3fake.Object{Body: "new"}) }, job.ErrObjectChanged},
		{"a delete marker", false, func(f *s3fake.S3, j *job.Job) {
			j.Object.VersionID = f.Add(uploads, key, s3fake.Object{Marker: true}).ID
		}, job.ErrObjectGone},
		{"clean", false, func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{Verdict: job.Clean} }, job.ErrBadJob},
		{"no verdict", false, func(_ *s3fake.S3, j *job.Job) { j.Scan = nil }, job.ErrBadJob},
		{"too large to copy", false, func(_ *s3fake.S3, j *job.Job) { j.Object.Size = 5<<30 + 1 }, job.ErrBadJob},
		{"neither version nor ETag", true, func(_ *s3fake.S3, j *job.Job) { j.Object.ETag = "" }, job.ErrBadJob},
		{"slow down", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 503, "SlowDown", "") }, job.ErrTransient},
		{"no key", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 403, "AccessDenied", "kms:Decrypt") }, job.ErrAccessDenied},
		{"no bucket", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 404, "NoSuchBucket", "") }, nil},
		{"two writers", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 409, "ConditionalRequestConflict", "") }, job.ErrTransient},
		{"record refused", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "PutObject", 403, "AccessDenied", "") }, job.ErrAccessDenied},
		{"not ours to delete", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "DeleteObject", 403, "AccessDenied", "not authorized") }, job.ErrAccessDenied},
		{"deletion throttled", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "DeleteObject", 503, "SlowDown", "") }, job.ErrTransient},
		{"other bytes came out", false, func(_ *s3fake.S3, j *job.Job) { j.Scan.SHA256 = strings.Repeat("0", 64) }, move.ErrOtherBytes},
		{"somebody else's object under the key", false, func(f *s3fake.S3, j *job.Job) {
			f.Add(cells, j.Object.QuarantineKey(), s3fake.Object{Body: "not it", SHA256: true})
		}, move.ErrOtherBytes},
		{"a copy without checksum under the key", false, func(f *s3fake.S3, j *job.Job) {
			f.Add(cells, j.Object.QuarantineKey(), s3fake.Object{Body: body})
		}, move.ErrOtherBytes},
		{"never fetched, and another size under the key", false, func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Add(cells, j.Object.QuarantineKey(), s3fake.Object{Body: body + "!"})
		}, move.ErrOtherBytes},
		{"never fetched, and another version under the key", false, func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Add(cells, j.Object.QuarantineKey(), s3fake.Object{Body: body, Metadata: map[string]string{sourceVersion: "v99"}})
		}, move.ErrOtherBytes},
		{"never fetched, and another ETag under the key", false, func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Add(cells, j.Object.QuarantineKey(), s3fake.Object{Body: strings.ToUpper(body)})
		}, move.ErrOtherBytes},
		{"never fetched, and another size came out", false, func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Spoil = func(o *s3fake.Object) { o.Body += "!" }
		}, move.ErrOtherBytes},
		{"archived, but scanned", false, func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 403, "InvalidObjectState", "") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, j := world(!tt.flat, upload())
			tt.disturb(f, &j)
			before := bodies(f)
			_, err := run(t, f, j)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if tt.want == nil && job.Name(err) != job.Unnamed {
				t.Errorf("error = %v, has the name %s", err, job.Name(err))
			}
			if diff := cmp.Diff(before, bodies(f)); diff != "" {
				t.Errorf("uploads changed (-was +is):\n%s", diff)
			}
		})
	}
}
