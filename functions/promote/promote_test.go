package main

import (
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

const uploads, clean, key = "uploads", "clean", "in/a+b.pdf"

var ignore = cmpopts.IgnoreFields(s3fake.Object{}, "ID", "Modified")

func world(versioned bool) *s3fake.S3 {
	f := s3fake.New()
	f.Make(uploads, versioned)
	f.Make(clean, true)
	return f
}

// add uploads an object and returns its job with the verdict CLEAN.
func add(f *s3fake.S3, o s3fake.Object, sequencer string) job.Job {
	o = f.Add(uploads, key, o)
	hash := sha256.Sum256([]byte(o.Body))
	return job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: uploads, Key: key, VersionID: o.ID, ETag: strings.Trim(o.ETag(), `"`), Size: int64(len(o.Body)),
			Sequencer: sequencer,
		},
		Scan: &job.Scan{Verdict: job.Clean, SHA256: hex.EncodeToString(hash[:]), Time: s3fake.Epoch},
	}
}

func upload(body string) s3fake.Object {
	return s3fake.Object{
		Body: body, Metadata: map[string]string{"owner": "anna"},
		Tags:        map[string]string{"project": "x y", "scan-status": "CLEAN"},
		ContentType: "application/pdf", ContentDisposition: "inline", CacheControl: "max-age=1",
		Expires: "Sun, 22 Nov 2026 10:00:00 GMT",
	}
}

func run(t *testing.T, f *s3fake.S3, j job.Job) (job.Job, error) {
	t.Helper()
	h := handler{move: move.New(f), bucket: clean}
	out, err := h.handle(t.Context(), j)
	if err != nil && !strings.HasPrefix(err.Error(), "promote "+j.Object.String()) {
		t.Errorf("got error %q, want one that begins with the object", err)
	}
	return out, err
}

func promoted(f *s3fake.S3) (all []string) {
	for _, o := range f.All(clean, key) {
		all = append(all, o.Body)
	}
	return all
}

// TestPromote checks that the copy has everything of the original.
func TestPromote(t *testing.T) {
	t.Parallel()
	f := world(true)
	add(f, upload("older"), "0A")
	j := add(f, upload("this"), "0B")
	out, err := run(t, f, j)
	if err != nil {
		t.Fatal(err)
	}
	got := f.Current(clean)[key]
	want := upload("this")
	want.SHA256 = true
	maps.Copy(want.Metadata, map[string]string{
		keyID: j.Object.QuarantineKey(), move.KeyBucket: uploads, move.KeyVersion: j.Object.VersionID, keySequencer: "0B",
		move.KeyModified: "2026-11-22T10:01:00Z", move.KeySHA256: j.Scan.SHA256,
	})
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("promoted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(
		&job.Copy{Bucket: clean, Key: key, VersionID: got.ID, SHA256: j.Scan.SHA256}, out.Copy,
	); diff != "" {
		t.Errorf("job.copy (-want +got):\n%s", diff)
	}
	if left := f.All(uploads, key); len(left) != 1 || left[0].Body != "older" {
		t.Errorf("uploads hold %+v, want nothing", left)
	}
}

// TestOrder promotes versions in every order. The newest must be current in the end, and versions that
// are not promoted must stay in the upload bucket.
func TestOrder(t *testing.T) {
	t.Parallel()
	for _, sequencers := range [][]string{{"0A", "0AB", "0B"}, {"00ff", "00FF1", "01"}, {"", "", ""}, {"0A", "", "0C"}} {
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			t.Run(fmt.Sprintf("sequencers %q order %v", sequencers, order), func(t *testing.T) {
				t.Parallel()
				f := world(true)
				jobs := make([]job.Job, 3)
				for i := range jobs {
					jobs[i] = add(f, upload(fmt.Sprint(i)), sequencers[i])
				}
				newest := -1
				for _, i := range order {
					_, err := run(t, f, jobs[i])
					if i < newest != errors.Is(err, job.ErrSuperseded) || i > newest && err != nil {
						t.Errorf("promote %d after %d: %v, want the newest to win", i, newest, err)
					}
					newest = max(newest, i)
					if got := f.Current(clean)[key].Body; got != fmt.Sprint(newest) {
						t.Errorf("after %d: clean holds %s, want the newest", i, got)
					}
				}
				if n := len(f.All(clean, key)) + len(f.All(uploads, key)); n != 3 {
					t.Errorf("%d versions left, want 3", n)
				}
			})
		}
	}
}

// TestSequencerBeatsTime checks that the sequencer decides, because a multipart upload has the time of
// its start.
func TestSequencerBeatsTime(t *testing.T) {
	t.Parallel()
	f := world(true)
	finishedLast, finishedFirst := add(f, upload("last"), "0B"), add(f, upload("first"), "0A")
	if _, err := run(t, f, finishedLast); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, f, finishedFirst); !errors.Is(err, job.ErrSuperseded) {
		t.Errorf("error = %v, want superseded", err)
	}
	j := finishedFirst
	j.Object.Bucket = "other" // sequencers of two buckets cannot be compared
	f.Make("other", true)
	j.Object.VersionID = f.Add("other", key, upload("first")).ID
	if _, err := run(t, f, j); err != nil {
		t.Errorf("from another bucket, and younger: %v, want no error", err)
	}
}

// TestCrashAnywhere ends the function before and after each of its calls and runs it again. The result
// must be that of an undisturbed run.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	locked := upload("this")
	locked.Locked = true
	full := upload("this")
	full.Metadata = map[string]string{"a": strings.Repeat("x", 2000)}
	for name, o := range map[string]s3fake.Object{"plain": upload("this"), "locked": locked, "full of metadata": full} {
		for _, versioned := range []bool{true, false} {
			for _, before := range []string{"nothing", "older", "foreign"} {
				t.Run(fmt.Sprintf("%s over %s versioned %v", name, before, versioned), func(t *testing.T) {
					t.Parallel()
					crashAnywhere(t, func() (*s3fake.S3, job.Job) {
						f := world(versioned)
						switch before {
						case "older":
							if _, err := run(t, f, add(f, upload("older"), "0A")); err != nil {
								t.Fatal(err)
							}
						case "foreign":
							f.Add(clean, key, s3fake.Object{Body: "foreign", Tags: map[string]string{"a": "b"}})
						}
						return f, add(f, o, "0B")
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
			for _, bucket := range []string{uploads, clean} {
				if diff := cmp.Diff(undisturbed.All(bucket, key), f.All(bucket, key), ignore); diff != "" {
					t.Errorf("%s after a crash at call %d (%s) (-undisturbed +got):\n%s", bucket, n, when, diff)
				}
			}
		}
	}
}

// TestRace promotes a newer version between any two calls of an older one's promotion. The newer one
// must be current in the end.
func TestRace(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "oldest"} {
		for n := 1; n <= 5; n++ {
			f := world(true)
			if before != "" {
				if _, err := run(t, f, add(f, upload(before), "0A")); err != nil {
					t.Fatal(err)
				}
			}
			older, newer := add(f, upload("older"), "0B"), add(f, upload("newer"), "0C")
			start, reached := false, false
			calls := 0
			f.Before = func(string, int) error {
				if calls++; start && calls == n {
					start, reached = false, true
					if _, err := run(t, f, newer); err != nil {
						t.Errorf("promote the newer one: %v, want no error", err)
					}
				}
				return nil
			}
			start = true
			_, err := run(t, f, older)
			if job.Name(err) == "Transient" {
				_, err = run(t, f, older)
			}
			if err != nil && !errors.Is(err, job.ErrSuperseded) {
				t.Errorf("race at call %d: %v, want a transient error or none", n, err)
			}
			if got := f.Current(clean)[key].Body; reached && got != "newer" {
				t.Errorf("race at call %d: clean holds %s, after %v, want the newer one", n, got, promoted(f))
			}
			if !reached && n <= 4 {
				t.Errorf("no race at call %d, want one", n)
			}
		}
	}
}

func TestNewer(t *testing.T) {
	t.Parallel()
	at := s3fake.Epoch
	old := &origin{bucket: "a", modified: at}
	for _, tt := range []struct {
		name string
		o    origin
		want bool
	}{
		{name: "younger", o: origin{bucket: "a", modified: at.Add(time.Second)}, want: true},
		{name: "the same second", o: origin{bucket: "a", modified: at}},
		{name: "a sequencer on one side only", o: origin{bucket: "a", sequencer: "0F", modified: at.Add(-time.Second)}},
	} {
		if got := tt.o.newer(old); got != tt.want {
			t.Errorf("%s: newer = %v, want the opposite", tt.name, got)
		}
	}
}

func TestCompareSequencers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{a: "0A", b: "0A"},
		{a: "0A", b: "0a00"},
		{a: "0A", b: "0A01", want: -1},
		{a: "0B", b: "0AFF", want: 1},
		{a: "00F", b: "01", want: -1},
	} {
		if got, back := compareSequencers(tt.a, tt.b), compareSequencers(tt.b, tt.a); got != tt.want || back != -tt.want {
			t.Errorf("%s against %s: %d and back %d, want %d", tt.a, tt.b, got, back, tt.want)
		}
	}
}
