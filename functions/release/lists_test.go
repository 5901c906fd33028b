package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// all asks for every page.
func (w *world) all(t *testing.T, in decision.Request) (all decision.Answer) {
	t.Helper()
	for {
		out := w.must(t, in)
		all.Copies = append(all.Copies, out.Copies...)
		all.Allowed = append(all.Allowed, out.Allowed...)
		all.Blocked = append(all.Blocked, out.Blocked...)
		if in.Next = out.Next; in.Next == "" {
			return all
		}
	}
}

// index returns what scan reads.
func (w *world) index(t *testing.T) decision.Index {
	t.Helper()
	index, err := decision.DecodeIndex([]byte(w.Current(records)[decision.IndexKey].Body))
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// TestFind checks that all copies of one signature are found over the pages of the listing, with what was released.
func TestFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.quarantined(t, "a", "first", "Win.Other")
	second := w.quarantined(t, "b", "second", signature)
	w.quarantined(t, "c", "third", signature)
	gone := w.quarantined(t, "d", "fourth", signature)
	w.Remove(quarantine, gone.Key, gone.VersionID)
	w.must(t, second)
	w.Page = 3
	found := map[string]bool{}
	for _, c := range w.all(t, decision.Request{Action: decision.ActionFind, Signature: signature}).Copies {
		o, err := job.ParseAddress(c.Original)
		if err != nil || c.Signature != signature || !strings.HasPrefix(c.Copy, "s3://quarantine/") || c.Time.IsZero() {
			t.Errorf("got %+v, %v, want a copy by the signature", c, err)
		}
		found[o.Key] = c.Released
	}
	if diff := cmp.Diff(map[string]bool{key: false, "b": true, "c": false}, found); diff != "" {
		t.Errorf("keys, and whether they were released (-want +got):\n%s", diff)
	}
	if _, err := w.handle(t.Context(), decision.Request{Action: decision.ActionFind}); !errors.Is(err, job.ErrBadJob) {
		t.Errorf("without a signature: %v, want %v", err, job.ErrBadJob)
	}
}

// TestListAndRemove checks that what is allowed is listed and can be removed, with a record and an announcement.
func TestListAndRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.must(t, w.request)
	w.must(t, w.quarantined(t, "b", "second", "Win.Other"))
	w.Page = 1
	list := w.all(t, decision.Request{Action: decision.ActionList}).Allowed
	if len(list) != 2 || len(list[0].Releases) != 1 || list[0].SHA256 == list[1].SHA256 {
		t.Fatalf("got %+v, want two entries", list)
	}
	w.Page = 0
	remove := decision.Request{Action: decision.ActionRemove, SHA256: w.sha256, Reason: "it was bad", By: by}
	w.clock = w.clock.Add(time.Second)
	out := w.must(t, remove)
	if out.Record.Decision != "no longer allowed" || !slices.Equal(out.Record.Signatures, []string{signature}) {
		t.Errorf("got %+v, want that the content is no longer allowed", out.Record)
	}
	if list := w.all(t, decision.Request{Action: decision.ActionList}).Allowed; len(list) != 1 {
		t.Errorf("got %+v, want one entry", list)
	}
	if n := len(w.keys(decision.ReleasesPrefix)); n != 3 || len(w.topic.messages) != 3 {
		t.Errorf("%d records and %d messages, want 3", n, len(w.topic.messages))
	}
	if _, err := w.handle(t.Context(), remove); !errors.Is(err, errNotListed) {
		t.Errorf("removed twice: %v, want %v", err, errNotListed)
	}
}

// TestBlock checks that a content is blocked, listed and unblocked, and what scan reads of it.
func TestBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	other := strings.Repeat("0", 64)
	block := decision.Request{Action: decision.ActionBlock, SHA256: w.sha256, Reason: "malware", By: by}
	w.must(t, decision.Request{Action: decision.ActionBlock, SHA256: other, Reason: "malware", By: by})
	first := w.must(t, block)
	if first.Done || first.Record.Decision != "blocked" {
		t.Errorf("got %+v, want a decision", first)
	}
	w.clock = w.clock.Add(time.Hour)
	if again := w.must(t, block); !again.Done || !cmp.Equal(again.Record, first.Record) {
		t.Errorf("blocked twice: %+v, want it done", again)
	}
	if index := w.index(t); !index.Has(w.sha256) || !index.Has(other) || len(index.SHA256) != 2 {
		t.Errorf("index %+v, want both", index)
	}
	list := w.all(t, decision.Request{Action: decision.ActionBlocked}).Blocked
	if len(list) != 2 || list[0].SHA256 != other {
		t.Errorf("list %+v, want both", list)
	}
	unblock := decision.Request{Action: decision.ActionUnblock, SHA256: w.sha256, Reason: "a mistake", By: by}
	w.must(t, unblock)
	if index := w.index(t); index.Has(w.sha256) || !index.Has(other) {
		t.Errorf("index %+v, want the other content alone", index)
	}
	if _, err := w.handle(t.Context(), unblock); !errors.Is(err, errNotListed) {
		t.Errorf("unblocked twice: %v, want %v", err, errNotListed)
	}
	if len(w.topic.messages) != 3 || len(w.keys(decision.ReleasesPrefix)) != 3 {
		t.Errorf("%d messages and records %q, want 3", len(w.topic.messages), w.keys(decision.ReleasesPrefix))
	}
}

// TestBlockResumes kills a block at each request: the next one finishes it.
func TestBlockResumes(t *testing.T) {
	t.Parallel()
	for _, when := range s3fake.Moments {
		for n := 1; ; n++ {
			w := newWorld(t, true)
			block := decision.Request{Action: decision.ActionBlock, SHA256: w.sha256, Reason: "malware", By: by}
			w.CrashAt(n, when)
			_, err := w.handle(t.Context(), block)
			if !w.Restart() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			w.clock = w.clock.Add(time.Hour)
			w.must(t, block)
			if !w.index(t).Has(w.sha256) || len(w.keys(decision.ReleasesPrefix)) != 1 {
				t.Errorf("killed %s request %d: records %q, want one, and the content in the index", when, n, w.keys(""))
			}
		}
	}
}

// TestWrongContents checks that only a SHA-256 is a content.
func TestWrongContents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	for _, action := range []string{decision.ActionRemove, decision.ActionBlock, decision.ActionUnblock} {
		for _, sha256 := range []string{"", "index", strings.Repeat("A", 64), strings.Repeat("0", 63), "../" + w.sha256} {
			in := decision.Request{Action: action, SHA256: sha256, Reason: "r", By: by}
			if _, err := w.handle(t.Context(), in); !errors.Is(err, job.ErrBadJob) {
				t.Errorf("%s %q: %v, want %v", action, sha256, err, job.ErrBadJob)
			}
		}
		in := decision.Request{Action: action, SHA256: w.sha256, By: by}
		if _, err := w.handle(t.Context(), in); !errors.Is(err, job.ErrBadJob) {
			t.Errorf("%s without a reason: %v, want %v", action, err, job.ErrBadJob)
		}
	}
}

// TestVerdict checks where the verdict on a released object is looked for.
func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(t *testing.T, w *world, o job.Object)
		want   decision.Verdict // its object without a version
	}{
		{name: "none yet", want: decision.Verdict{Object: "s3://uploads/" + key}, change: func(*testing.T, *world, job.Object) {}},
		{
			name: "clean", want: decision.Verdict{Verdict: "CLEAN", Detail: "allowed", Object: "s3://uploads/" + key},
			change: func(_ *testing.T, w *world, o job.Object) {
				w.Retag(uploads, key, o.VersionID, map[string]string{"scan-status": "CLEAN", "scan-detail": "allowed"})
			},
		},
		{
			name: "promoted", want: decision.Verdict{Verdict: "CLEAN", Object: "s3://clean/" + key},
			change: func(_ *testing.T, w *world, o job.Object) {
				w.Remove(uploads, key, o.VersionID)
				w.Add(clean, key, s3fake.Object{Body: body, SHA256: true})
			},
		},
		{
			name: "in quarantine again",
			want: decision.Verdict{Verdict: "INFECTED", Detail: "Win.Second", Object: "s3://quarantine/"},
			change: func(t *testing.T, w *world, o job.Object) {
				w.Remove(uploads, key, o.VersionID)
				w.store(t, quarantine, o.QuarantineKey()+".json", job.Job{
					Object: o, Scan: &job.Scan{Verdict: job.Infected, Signature: "Win.Second"},
				})
			},
		},
		{name: "deleted", change: func(_ *testing.T, w *world, o job.Object) { w.Remove(uploads, key, o.VersionID) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, true)
			w.clean = clean
			o, err := job.ParseAddress(w.must(t, w.request).Record.Object)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(t, w, o)
			got := w.must(t, decision.Request{
				Action: decision.ActionVerdict, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, SHA256: w.sha256,
			}).Verdict
			if !strings.HasPrefix(got.Object, tt.want.Object) {
				t.Errorf("got %s, want %s", got.Object, tt.want.Object)
			}
			got.Object = tt.want.Object
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSamples decides nothing about the files by which the stack is checked: their verdicts would be wrong afterwards.
func TestSamples(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"EICAR": string(eicar.Bytes()), "the clean sample": string(canary.Clean())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, true)
			release := w.quarantined(t, "in/"+name, body, signature)
			of := w.job.Scan.SHA256
			apart := w.quarantined(t, "in/apart/"+name, body, signature)
			block := decision.Request{Action: decision.ActionBlock, SHA256: of, Reason: "r", By: by}
			dry := release
			dry.DryRun = true
			for what, in := range map[string]decision.Request{
				"release": release, "release --dry-run": dry, "release of another copy": apart, "block": block,
			} {
				_, err := w.handle(t.Context(), in)
				if !errors.Is(err, job.ErrBadJob) || !strings.Contains(err.Error(), "are a test file") {
					t.Errorf("%s: got %v, want that the bytes are a test file", what, err)
				}
			}
			if got := w.keys(""); len(got) > 0 {
				t.Errorf("got %q in the records bucket, want nothing", got)
			}
		})
	}
}
