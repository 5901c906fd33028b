package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// TestRelease checks what is put back, what is written down, what is announced, and in which order.
func TestRelease(t *testing.T) {
	t.Parallel()
	for _, versioned := range []bool{true, false} {
		t.Run(fmt.Sprintf("versioned %t", versioned), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, versioned)
			var order []string
			w.Before = func(op string, _ int) error {
				if op == "PutObject" || op == "CopyObject" {
					order = append(order, op)
				} else if len(w.keys(decision.AllowedPrefix)) > 0 && op == "GetObject" && len(order) == 1 {
					order = append(order, "read back")
				}
				return nil
			}
			w.topic.fail = func() error { order = append(order, "Publish"); return nil }
			out := w.must(t, w.request)

			want := []string{"PutObject", "read back", "CopyObject", "Publish", "PutObject"}
			if !slices.Equal(order, want) {
				t.Errorf("order of writes %q, want %q", order, want)
			}
			back := w.Current(uploads)[key]
			if diff := cmp.Diff(s3fake.Object{
				Body: body, SHA256: true, ContentType: "application/pdf", CacheControl: "no-store", Expires: "0",
				ContentDisposition: `attachment; filename="a.pdf"`, ContentLanguage: "de", ContentEncoding: "gzip", Redirect: "/x",
				Metadata: map[string]string{
					"owner": "anna", "lazaret-released-from": w.request.Key + "/" + w.request.VersionID,
				},
				Tags: map[string]string{"project": "x y"},
			}, back, cmpopts.IgnoreFields(s3fake.Object{}, "ID", "Modified")); diff != "" {
				t.Errorf("the object (-want +got):\n%s", diff)
			}
			expires := w.clock.Add(30 * 24 * time.Hour)
			object := job.Object{Bucket: uploads, Key: key}
			if versioned {
				object.VersionID = back.ID
			}
			record := decision.Record{
				Version: 1, Decision: "released", SHA256: w.sha256, By: by, Reason: "a false positive", Time: w.clock,
				Signature: signature, Signatures: []string{signature}, Expires: &expires,
				Original: w.job.Object.Address(),
				Copy:     "s3://quarantine/" + w.request.Key + "?versionId=" + w.request.VersionID,
				Object:   object.Address(),
			}
			if diff := cmp.Diff(decision.Answer{Record: &record}, out); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			var written decision.Record
			at := "releases/20261130T070000.000000000Z-" + w.sha256 + ".json"
			if err := json.Unmarshal([]byte(w.Current(records)[at].Body), &written); err != nil {
				t.Fatalf("read the audit record %s among %q: %v", at, w.keys(""), err)
			}
			if diff := cmp.Diff(record, written); diff != "" {
				t.Errorf("audit record (-want +got):\n%s", diff)
			}
			entry, err := decision.DecodeAllowed([]byte(w.Current(records)["allowed/"+w.sha256+".json"].Body), w.sha256)
			if err != nil || !entry.Covers(w.sha256, signature, expires.Add(-1)) || entry.Covers(w.sha256, signature, expires) {
				t.Errorf("entry %+v, %v, want one that allows the signature until %s", entry, err, expires)
			}
			if len(w.topic.messages) != 1 || len(w.bus.details) != 1 {
				t.Fatalf("announced %q and %q, want one message and one event", w.topic.messages, w.bus.details)
			}
			for _, part := range []string{by, "a false positive", w.sha256, signature, record.Copy} {
				if !strings.Contains(w.topic.messages[0], part) || !strings.Contains(w.bus.details[0], part) {
					t.Errorf("announced %q and %q, want %q in both", w.topic.messages, w.bus.details, part)
				}
			}
			if strings.Contains(w.topic.messages[0], "1+1") {
				t.Errorf("the message %q has the object's key, want it in the event alone", w.topic.messages[0])
			}
		})
	}
}

// TestResume kills a release before and after each of its requests: the next one finishes it, puts one object back, and
// leaves one entry and one record.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, versioned := range []bool{true, false} {
		for _, when := range s3fake.Moments {
			crashes := 0
			for n := 1; ; n++ {
				w := newWorld(t, versioned)
				w.CrashAt(n, when)
				_, err := w.handle(t.Context(), w.request)
				if !w.Restart() {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				crashes++
				w.clock = w.clock.Add(time.Hour) // the time of the decision stays the first one
				first := w.must(t, w.request)
				again := w.must(t, w.request)
				name := fmt.Sprintf("versioned %t, killed %s request %d", versioned, when, n)
				if !again.Done || !cmp.Equal(first.Record, again.Record) {
					t.Errorf("%s: asked again: %+v, want it done, with the record %+v", name, again, first.Record)
				}
				if got := w.All(uploads, key); len(got) != 1 || got[0].Body != body {
					t.Errorf("%s: %d objects, want 1", name, len(got))
				}
				if got := w.keys(decision.ReleasesPrefix); len(got) != 1 {
					t.Errorf("%s: records %q, want one", name, got)
				}
				entry, _, err := w.readAllowed(t.Context(), w.sha256)
				if err != nil || len(entry.Releases) != 1 || !entry.Releases[0].Time.Equal(first.Record.Time) {
					t.Errorf("%s: entry %+v, %v, want one release of %s", name, entry, err, first.Record.Time)
				}
			}
			if crashes < 10 {
				t.Errorf("versioned %t, %s: %d requests, want the ten of a release at least", versioned, when, crashes)
			}
		}
	}
}

// TestResumeOfAnnouncement checks that a release which could not be announced is announced by the next request.
func TestResumeOfAnnouncement(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"topic", "bus"} {
		w := newWorld(t, true)
		fail, works := func() error { return errors.New("broken") }, func() error { return nil }
		if w.topic.fail = fail; broken == "bus" {
			w.topic.fail, w.bus.fail = works, fail
		}
		if _, err := w.handle(t.Context(), w.request); err == nil || len(w.keys(decision.ReleasesPrefix)) != 0 {
			t.Errorf("%s: got %v and records %q, want an error and no record", broken, err, w.keys(decision.ReleasesPrefix))
		}
		w.topic.fail, w.bus.fail = works, works
		w.must(t, w.request)
		if len(w.bus.details) != 1 || len(w.All(uploads, key)) != 1 {
			t.Errorf("%s: %d events and %d objects, want one", broken, len(w.bus.details), len(w.All(uploads, key)))
		}
	}
}

// TestResumeOfPromoted checks that an object which was promoted before the release had finished is not put back twice.
func TestResumeOfPromoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.clean = clean
	w.topic.fail = func() error { return errors.New("broken") }
	if _, err := w.handle(t.Context(), w.request); err == nil {
		t.Fatal("got no error, want one")
	}
	w.Remove(uploads, key, w.Current(uploads)[key].ID)
	promoted := w.Add(clean, key, s3fake.Object{Body: body, SHA256: true, Metadata: map[string]string{
		move.KeyModified: s3fake.Epoch.Add(24 * time.Hour).Format(time.RFC3339),
	}})
	w.topic.fail = func() error { return nil }
	out := w.must(t, w.request)
	if want := "s3://clean/" + key + "?versionId=" + promoted.ID; out.Record.Object != want || len(w.All(uploads, key)) != 0 {
		t.Errorf("got %s and %d objects in uploads, want %s and none", out.Record.Object, len(w.All(uploads, key)), want)
	}
}

// TestReleaseOfWhatWasPromoted checks that an object which a later scan has moved out of the clean bucket goes back to
// the uploads bucket, and that a newer one in the clean bucket is not hidden unasked.
func TestReleaseOfWhatWasPromoted(t *testing.T) {
	t.Parallel()
	for _, newer := range []bool{false, true} {
		w := newWorld(t, true)
		w.clean = clean
		w.job.Object.Bucket = clean
		from := w.Current(quarantine)[w.request.Key]
		w.request.Key = w.job.Object.QuarantineKey()
		w.request.VersionID = w.Add(quarantine, w.request.Key, from).ID
		w.store(t, quarantine, w.request.Key+".json", w.job)
		if newer {
			w.Add(clean, key, s3fake.Object{Body: "newer", Metadata: map[string]string{
				move.KeyModified: s3fake.Epoch.Add(-time.Hour).Format(time.RFC3339), // uploaded before, promoted after
			}})
			if _, err := w.handle(t.Context(), w.request); !errors.Is(err, errNewer) {
				t.Errorf("with a newer promoted object: got %v, want an errNewer", err)
			}
			continue
		}
		out := w.must(t, w.request)
		if got := w.Current(uploads)[key].Body; got != body || len(w.All(clean, key)) != 0 ||
			!strings.HasPrefix(out.Record.Object, "s3://"+uploads+"/") {
			t.Errorf("released %q to %s, with %d objects in the clean bucket, want it in uploads alone",
				got, out.Record.Object, len(w.All(clean, key)))
		}
	}
}

// TestNewerObject checks that a newer object is hidden only if the request says so, and that an older one does not
// matter.
func TestNewerObject(t *testing.T) {
	t.Parallel()
	before, after := s3fake.Epoch.Add(-time.Hour), s3fake.Epoch.Add(time.Hour)
	promoted := func(at time.Time) s3fake.Object {
		return s3fake.Object{Body: "other", Metadata: map[string]string{move.KeyModified: at.Format(time.RFC3339)}}
	}
	tests := []struct {
		name      string
		versioned bool
		prepare   func(w *world)
		newer     string // in the error
	}{
		{name: "none", versioned: true, prepare: func(*world) {}},
		{name: "a newer version", versioned: true, newer: "would hide it", prepare: func(w *world) {
			w.Add(uploads, key, s3fake.Object{Body: "newer"})
		}},
		{name: "a newer object in a bucket without versions", newer: "keeps no older versions", prepare: func(w *world) {
			w.Add(uploads, key, s3fake.Object{Body: "newer"})
		}},
		{name: "the same bytes, uploaded again", versioned: true, newer: "would hide it", prepare: func(w *world) {
			w.Add(uploads, key, s3fake.Object{Body: body})
		}},
		{name: "deleted since", versioned: true, prepare: func(w *world) {
			w.Add(uploads, key, s3fake.Object{Marker: true})
		}},
		{name: "a newer one that was promoted", versioned: true, newer: "s3://clean/", prepare: func(w *world) {
			w.Add(clean, key, promoted(after))
		}},
		{name: "one of the same second that was promoted", versioned: true, newer: "s3://clean/", prepare: func(w *world) {
			w.Add(clean, key, promoted(s3fake.Epoch))
		}},
		{name: "an older one that was promoted", versioned: true, prepare: func(w *world) {
			w.Add(clean, key, promoted(before))
		}},
		{name: "one of unknown age in the clean bucket", versioned: true, newer: "s3://clean/", prepare: func(w *world) {
			w.Add(clean, key, s3fake.Object{Body: "other"})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.versioned)
			w.clean = clean
			tt.prepare(w)
			_, err := w.handle(t.Context(), w.request)
			if tt.newer == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, errNewer) || !strings.Contains(err.Error(), tt.newer) {
				t.Errorf("got %v, want an errNewer with %q", err, tt.newer)
			}
			if written := w.keys(""); len(written) > 0 {
				t.Errorf("wrote %q, want nothing", written)
			}
			w.request.Overwrite = true
			out := w.must(t, w.request)
			if out.Record.Overwritten == "" || w.Current(uploads)[key].Body != body {
				t.Errorf("got %+v, want the newer object's address in it, and the released object", out.Record)
			}
		})
	}
}

// TestWrittenMeanwhile checks that an object which is uploaded during a release is not overwritten.
func TestWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	for _, versioned := range []bool{true, false} {
		w := newWorld(t, versioned)
		w.Before = func(op string, _ int) error {
			if op == "CopyObject" {
				w.Add(uploads, key, s3fake.Object{Body: "newer"})
			}
			return nil
		}
		if _, err := w.handle(t.Context(), w.request); !errors.Is(err, job.ErrTransient) {
			t.Errorf("got %v, want an error", err)
		}
		w.Before = nil
		if _, err := w.handle(t.Context(), w.request); !errors.Is(err, errNewer) {
			t.Errorf("asked again: %v, want an errNewer", err)
		}
		if got := w.Current(uploads)[key].Body; got != "newer" {
			t.Errorf("the key has %q, want the newer object", got)
		}
	}
}

// TestRefusals checks what is not released. Nothing is written then.
func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		disturb func(t *testing.T, w *world)
		want    error
		says    string
	}{
		{
			name: "another bucket", want: job.ErrBadJob, says: "the quarantine bucket is",
			disturb: func(_ *testing.T, w *world) { w.request.Bucket = uploads },
		},
		{
			name: "the record", want: job.ErrBadJob, says: "the copy is",
			disturb: func(_ *testing.T, w *world) { w.request.Key += ".json" },
		},
		{
			name: "no such copy", want: job.ErrObjectGone,
			disturb: func(_ *testing.T, w *world) { w.request.VersionID = "v99" },
		},
		{
			name: "no record", want: job.ErrBadJob, says: "no record",
			disturb: func(_ *testing.T, w *world) { w.Add(quarantine, w.request.Key+".json", s3fake.Object{Marker: true}) },
		},
		{
			name: "a damaged record", want: job.ErrBadJob, says: "decode",
			disturb: func(_ *testing.T, w *world) { w.Add(quarantine, w.request.Key+".json", s3fake.Object{Body: "{"}) },
		},
		{name: "another's record", want: job.ErrBadJob, says: "another object", disturb: func(t *testing.T, w *world) {
			w.job.Object.Key = "other"
			w.store(t, quarantine, w.request.Key+".json", w.job)
		}},
		{name: "a record without a verdict", want: job.ErrBadJob, says: "no verdict", disturb: func(t *testing.T, w *world) {
			w.job.Scan = nil
			w.store(t, quarantine, w.request.Key+".json", w.job)
		}},
		{name: "unscannable", want: job.ErrBadJob, says: "UNSCANNABLE encrypted", disturb: func(t *testing.T, w *world) {
			w.job.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted, SHA256: w.sha256}
			w.store(t, quarantine, w.request.Key+".json", w.job)
		}},
		{name: "other bytes", want: move.ErrOtherBytes, disturb: func(_ *testing.T, w *world) {
			w.request.VersionID = w.Add(quarantine, w.request.Key, s3fake.Object{Body: "evil", SHA256: true}).ID
		}},
		{name: "bytes that S3 has no SHA-256 of", want: move.ErrOtherBytes, disturb: func(_ *testing.T, w *world) {
			w.request.VersionID = w.Add(quarantine, w.request.Key, s3fake.Object{Body: body}).ID
		}},
		{
			name: "no reason", want: job.ErrBadJob, says: "a reason",
			disturb: func(_ *testing.T, w *world) { w.request.Reason = " " },
		},
		{
			name: "nobody", want: job.ErrBadJob, says: "who made it",
			disturb: func(_ *testing.T, w *world) { w.request.By = "" },
		},
		{
			name: "too long", want: job.ErrBadJob, says: "cannot be allowed for",
			disturb: func(_ *testing.T, w *world) { w.request.Seconds = int64(decision.MaxTime.Seconds()) + 1 },
		},
		{
			name: "an unknown action", want: job.ErrBadJob, says: "no action",
			disturb: func(_ *testing.T, w *world) { w.request.Action = "erase" },
		},
		{name: "a blocked content", want: job.ErrBadJob, says: "lazaret block remove", disturb: func(t *testing.T, w *world) {
			w.store(t, records, decision.BlockedKey(w.sha256), decision.Blocked{Version: 1, SHA256: w.sha256, By: by})
		}},
		{name: "tags that do not fit", want: job.ErrBadJob, says: "tags are too long", disturb: func(_ *testing.T, w *world) {
			tags := map[string]string{}
			for i := range 6 {
				tags[fmt.Sprint("own", i)] = strings.Repeat("é", 256)
			}
			w.Retag(quarantine, w.request.Key, w.request.VersionID, tags)
		}},
		{name: "a refusal of S3", want: job.ErrAccessDenied, disturb: func(_ *testing.T, w *world) {
			w.Before = func(op string, _ int) error {
				if op == "CopyObject" {
					return s3fake.Err(op, 403, "AccessDenied", "not authorized to perform: s3:PutObject")
				}
				return nil
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, true)
			tt.disturb(t, w)
			_, err := w.handle(t.Context(), w.request)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.says)
			}
			if len(w.Current(uploads)) > 0 || len(w.keys(decision.ReleasesPrefix)) > 0 {
				t.Errorf("objects %v and records %q, want none", w.Current(uploads), w.keys(decision.ReleasesPrefix))
			}
		})
	}
}

// TestOtherBytesCameOut checks that a copy of other bytes is no release.
func TestOtherBytesCameOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.ChangeCopy = func(o *s3fake.Object) { o.Body = "evil" }
	if _, err := w.handle(t.Context(), w.request); !errors.Is(err, move.ErrOtherBytes) {
		t.Errorf("got %v, want %v", err, move.ErrOtherBytes)
	}
}

// TestDryRun checks that a dry run says what would be done and writes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.request.DryRun, w.request.Seconds = true, 3600
	w.Before = func(op string, _ int) error {
		if op == "PutObject" || op == "CopyObject" || op == "DeleteObject" {
			return fmt.Errorf("%s in a dry run", op)
		}
		return nil
	}
	out := w.must(t, w.request)
	if r := out.Record; r.Object != "s3://uploads/"+key || !r.Expires.Equal(w.clock.Add(time.Hour)) || len(w.bus.details) > 0 {
		t.Errorf("got %+v, %d events, want where the object would go, for an hour, and no event", r, len(w.bus.details))
	}
}

// TestSecondSignature checks that a content which is released for another signature keeps the first one, and that an
// expired entry keeps none.
func TestSecondSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.must(t, w.request)
	second := w.quarantined(t, "other", body, "Win.Test.Second")
	w.clock = w.clock.Add(time.Hour)
	second.Seconds = 60
	out := w.must(t, second)
	if diff := cmp.Diff([]string{"Win.Test.Second", signature}, out.Record.Signatures); diff != "" {
		t.Errorf("signatures (-want +got):\n%s", diff)
	}
	if want := w.clock.Add(-time.Hour + decision.DefaultTime); !out.Record.Expires.Equal(want) {
		t.Errorf("expires %s, want the later time %s", out.Record.Expires, want)
	}
	third := w.quarantined(t, "third", body, "Win.Test.Third")
	w.clock = w.clock.Add(2 * decision.DefaultTime)
	if out = w.must(t, third); !slices.Equal(out.Record.Signatures, []string{"Win.Test.Third"}) {
		t.Errorf("signatures %q after the entry had expired, want the new one alone", out.Record.Signatures)
	}
	if again := w.must(t, second); again.Done {
		t.Error("a release whose entry has expired is done, want it released again")
	}
}

// TestReleaseLeavesGuardDutysTag releases a copy that has the second tag: with GuardDutyTag, policies refuse it to
// everybody but function tag. Without, a tag of that key is the uploader's own.
func TestReleaseLeavesGuardDutysTag(t *testing.T) {
	t.Parallel()
	for _, written := range []bool{true, false} {
		w := newWorld(t, true)
		w.tags.GuardDuty = written
		w.Retag(quarantine, w.request.Key, w.request.VersionID, map[string]string{
			"project": "x y", "scan-status": "INFECTED", "GuardDutyMalwareScanStatus": "THREATS_FOUND",
		})
		w.must(t, w.request)
		_, has := w.Current(uploads)[key].Tags["GuardDutyMalwareScanStatus"]
		if has == written {
			t.Errorf("GuardDutyTag=%t: the object has GuardDuty's tag: %t", written, has)
		}
	}
}
