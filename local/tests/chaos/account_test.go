package main

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// world is a run that went well, for tests that spoil it.
type world struct {
	ledger *ledger
	*result
}

// newWorld returns a run of four uploads: one clean, one infected, one unscannable, and one that was deleted.
func newWorld(t *testing.T, layout string) *world {
	t.Helper()
	var uploads []*upload
	for i, want := range []job.Verdict{job.Clean, job.Infected, job.Unscannable, job.Clean} {
		uploads = append(uploads, &upload{
			id: i + 1, key: "key-" + string(want) + string(rune('0'+i)), kind: kind{name: "test", want: want}, way: withCRC32,
			tags: map[string]string{"own": "1"}, metadata: map[string]string{idEntry: "x"},
			headers: headers{contentType: "text/plain"},
		})
	}
	w := &world{ledger: newLedger(uploads), result: &result{
		layout: layout, letters: map[name]string{}, announced: map[name][]job.Verdict{}, guarded: 1,
	}}
	for _, u := range uploads {
		w.ledger.stored(u, "v1", "e", []byte(u.key), true)
	}
	w.ledger.deletes(w.version(3), true)
	clean := w.hold(0, harness.Uploads, "CLEAN")
	if layout == "three-bucket" {
		clean.bucket, clean.id = harness.Clean, "c1"
	}
	quarantined := w.hold(1, harness.Quarantine, "INFECTED")
	quarantined.recorded = true
	w.announced[quarantined.original] = []job.Verdict{job.Infected}
	w.hold(2, harness.Uploads, "UNSCANNABLE")
	return w
}

func (w *world) version(i int) *version { return w.ledger.all()[i] }

// hold adds what a bucket has of a version.
func (w *world) hold(i int, bucket, status string) *held {
	v := w.version(i)
	w.held = append(w.held, held{
		bucket: bucket, name: v.name, original: v.name, latest: true, status: status, tags: map[string]string{"own": "1"},
		metadata: map[string]string{idEntry: "x"}, headers: headers{contentType: "text/plain"},
		sha256: sha256.Sum256([]byte(v.key)), originalStored: v.stored,
	})
	return &w.held[len(w.held)-1]
}

// TestAccount spoils a run in every way that the account must notice, and checks that it says so.
func TestAccount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		layout string
		spoil  func(w *world)
		want   []string // classes of what is wrong
	}{
		{"in order", "two-bucket", func(*world) {}, nil},
		{"in order, three buckets", "three-bucket", func(*world) {}, nil},
		{"a clean version is nowhere", "two-bucket", func(w *world) { w.held = w.held[1:] }, []string{lost}},
		{"a clean version is nowhere, three buckets", "three-bucket", func(w *world) { w.held = w.held[1:] }, []string{lost}},
		{"an infected version is nowhere", "two-bucket", func(w *world) {
			w.held = []held{w.held[0], w.held[2]}
		}, []string{lost}},
		{"no verdict", "two-bucket", func(w *world) { w.held[0].status = "" }, []string{lost}},
		{"a dead letter for ever", "two-bucket", func(w *world) {
			w.held[0].status, w.letters[w.held[0].original] = "", "TagLimit"
		}, []string{lost}},
		{"lost, and found by a replay of another letter", "two-bucket", func(w *world) {
			w.lostBefore = []wrong{{class: lost}}
		}, []string{lost}},
		{"an infected version is CLEAN", "two-bucket", func(w *world) {
			w.held[1].bucket, w.held[1].status = harness.Uploads, "CLEAN"
		}, []string{falseClean}},
		{"an infected version was promoted", "three-bucket", func(w *world) {
			w.held[1].bucket, w.held[1].status = harness.Clean, "CLEAN"
		}, []string{falseClean}},
		{"an unscannable version is CLEAN", "two-bucket", func(w *world) { w.held[2].status = "CLEAN" }, []string{falseClean}},
		{"an unscannable version is in quarantine as CLEAN", "two-bucket", func(w *world) {
			w.held[2].bucket, w.held[2].status, w.held[2].recorded = harness.Quarantine, "CLEAN", true
		}, []string{falseClean, wrongVerdict, unannounced}},
		{"a clean version is UNSCANNABLE", "two-bucket", func(w *world) {
			w.held[0].status, w.held[0].detail = "UNSCANNABLE", "damaged"
		}, []string{wrongVerdict}},
		{"a clean version is UNSCANNABLE after two crashes, still", "two-bucket", func(w *world) {
			w.held[0].status, w.held[0].detail = "UNSCANNABLE", string(job.EngineCrash)
		}, []string{wrongVerdict}},
		{"a clean version is in quarantine", "two-bucket", func(w *world) {
			w.held[0].bucket, w.held[0].status, w.held[0].recorded = harness.Quarantine, "INFECTED", true
			w.announced[w.held[0].original] = []job.Verdict{job.Infected}
		}, []string{wrongVerdict}},
		{"a verdict of another case", "two-bucket", func(w *world) { w.held[0].status = "clean" }, []string{wrongVerdict}},
		{"in the clean bucket without a verdict", "three-bucket", func(w *world) { w.held[0].status = "" }, []string{wrongVerdict}},
		{"an infected version could be read", "two-bucket", func(w *world) { w.breaches = []string{"x"} }, []string{readable}},
		{"a tag is missing", "two-bucket", func(w *world) { delete(w.held[0].tags, "own") }, []string{tagsChanged}},
		{"a tag of another object", "two-bucket", func(w *world) { w.held[1].tags["other"] = "2" }, []string{tagsChanged}},
		{"a tag has another value", "two-bucket", func(w *world) { w.held[2].tags["own"] = "2" }, []string{tagsChanged}},
		{"metadata is missing", "two-bucket", func(w *world) { w.held[1].metadata = nil }, []string{metaChanged}},
		{"metadata of another object", "two-bucket", func(w *world) {
			w.held[0].metadata = map[string]string{idEntry: "y"}
		}, []string{metaChanged}},
		{"another content type", "two-bucket", func(w *world) {
			w.held[1].headers.contentType = "binary/octet-stream"
		}, []string{metaChanged}},
		{"no record beside a copy", "two-bucket", func(w *world) { w.held[1].recorded = false }, []string{metaChanged}},
		{"other bytes", "two-bucket", func(w *world) { w.held[1].sha256 = [sha256.Size]byte{1} }, []string{bytesChanged}},
		{"infected, tagged and not moved", "two-bucket", func(w *world) { w.held[1].bucket = harness.Uploads }, []string{notMoved}},
		{"moved, and the original is there", "two-bucket", func(w *world) {
			w.hold(1, harness.Uploads, "INFECTED")
		}, []string{notMoved}},
		{"clean and not promoted", "three-bucket", func(w *world) { w.held[0].bucket = harness.Uploads }, []string{notMoved}},
		{"two copies", "two-bucket", func(w *world) {
			w.hold(1, harness.Quarantine, "INFECTED").id = "v2"
		}, []string{twice}},
		{"a deleted version is there", "two-bucket", func(w *world) { w.hold(3, harness.Uploads, "CLEAN") }, []string{returned}},
		{"a version that nobody uploaded", "two-bucket", func(w *world) { w.held[0].original.id = "v9" }, []string{unknown, lost}},
		{"no announcement", "two-bucket", func(w *world) { clear(w.announced) }, []string{unannounced}},
		{"an announcement of another verdict", "two-bucket", func(w *world) {
			w.announced[w.held[1].original] = []job.Verdict{job.Clean}
		}, []string{unannounced}},
		{"a work file", "two-bucket", func(w *world) { w.workFiles = []string{"x"} }, []string{leftFile}},
		{"a process", "two-bucket", func(w *world) { w.processes = []string{"x"} }, []string{leftProcess}},
		{"a permit", "two-bucket", func(w *world) { w.permits = "3, want 4" }, []string{lostPermit}},
		{"a message that is no upload is lost", "two-bucket", func(w *world) { w.sent = []string{"x"} }, []string{lostMessage}},
		{"a message that nobody sent", "two-bucket", func(w *world) { w.nonsense = []string{"x"} }, []string{lostMessage}},
		{"nobody tried to read what must not be read", "two-bucket", func(w *world) { w.guarded = 0 }, []string{notSampled}},
		{"an upload that was not made", "two-bucket", func(w *world) {
			w.ledger.uploads[9] = &upload{id: 9, key: "nine"}
		}, []string{notSampled}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.layout)
			test.spoil(w)
			var got []string
			for _, wrong := range account(w.ledger, w.result).wrongs {
				got = append(got, wrong.class)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("classes of what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrder checks which of two versions of a key may be the current one in the clean bucket.
func TestOrder(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	tests := []struct {
		name         string
		older, newer time.Time // when the versions were stored
		current      string    // which of them is current
		promoted     []string  // which of them are in the clean bucket; the others are in uploads
		want         []string
	}{
		{"the newer one is current", at, at.Add(time.Minute), "newer", []string{"older", "newer"}, nil},
		{"the older one is current", at, at.Add(time.Minute), "older", []string{"older", "newer"}, []string{wrongOrder}},
		{"stored at nearly the same time", at, at.Add(time.Second), "older", []string{"older", "newer"}, nil},
		{"the older one is superseded", at, at.Add(time.Minute), "newer", []string{"newer"}, nil},
		{"the newer one was left", at, at.Add(time.Minute), "older", []string{"older"}, []string{notMoved}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := &upload{id: 1, key: "k", kind: kind{want: job.Clean}}
			l := newLedger([]*upload{u})
			now := &result{layout: "three-bucket", announced: map[name][]job.Verdict{}}
			for id, stored := range map[string]time.Time{"older": test.older, "newer": test.newer} {
				l.stored(u, id, "e", nil, true).stored = stored
				h := held{
					bucket: harness.Uploads, name: name{"k", id}, original: name{"k", id}, status: "CLEAN",
					sha256: sha256.Sum256(nil), originalStored: stored,
				}
				for _, p := range test.promoted {
					if p == id {
						h.bucket, h.latest = harness.Clean, id == test.current
					}
				}
				now.held = append(now.held, h)
			}
			var got []string
			for _, wrong := range account(l, now).wrongs {
				got = append(got, wrong.class)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("classes of what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}
