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

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
	"github.com/lazaret/lazaret/internal/upload"
)

// retro is the request of the schedule.
func retro(budget int64) sweep.Request {
	return sweep.Request{
		Question: sweep.Stale, Verdict: job.Clean, Versions: true, Budget: budget, Purpose: sweep.Retro,
	}
}

// aged adds an object that was written some days before the sweep, and judged by some definitions an hour later.
func (b *bench) aged(bucket, key string, days, definitions int, tags ...string) {
	written := b.now().AddDate(0, 0, -days).Add(-time.Hour)
	o := judged(append([]string{
		"scan-status=CLEAN", fmt.Sprint("scan-definitions=", definitions), "scan-time=" + written.Format(time.RFC3339),
	}, tags...)...)
	b.store.Age(bucket, key, b.store.Add(bucket, key, o).ID, written)
}

// TestRetroScan: the newest versions are scanned first, and older ones that have waited longest before those whose
// definitions are only one day old.
func TestRetroScan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.clean = "clean"
	b.store.Make("clean", true)
	b.aged("held", "1 new", 0, 99)
	b.aged("up", "1 week", 6, 98)
	b.aged("clean", "1 promoted", 2, 99)
	b.aged("up", "2 month behind", 8, 93)
	b.aged("up", "3 quarter behind", 40, 70)
	b.aged("up", "4 old behind", 200, 10)
	b.aged("up", "5 month", 9, 94)
	b.aged("up", "6 quarter", 41, 99)
	b.aged("up", "7 old", 300, 99)
	// What is not scanned again.
	b.aged("up", "current", 0, 100)
	b.aged("up", "newer", 0, 101)
	b.aged("up", "infected", 1, 99, "scan-status=INFECTED")
	b.store.Add("up", "unjudged", judged())
	var last []string
	for budget := int64(1); budget <= 10; budget++ {
		b.queues.Clear(rescansURL)
		sum := b.sweep(t, retro(budget))
		sent := b.sent(t)
		if want := min(budget, 9); int64(len(sent)) != want || sum.Sent != want || sum.Spent != (budget < 9) {
			t.Fatalf("budget %d: sent %q, summary %+v, want %d", budget, sent, sum, want)
		}
		for _, address := range last {
			if !slices.Contains(sent, address) {
				t.Errorf("budget %d: sent %q, which lacks %s of the smaller budget", budget, sent, address)
			}
		}
		last = sent
		newest := byte('0')
		for _, address := range sent {
			newest = max(newest, address[strings.LastIndexByte(address, '/')+1])
		}
		// Three of the newest window, and one of each other.
		if want := "1112345677"[budget-1]; newest != want {
			t.Errorf("budget %d: sent %q, want nothing behind the window %c", budget, sent, want)
		}
	}
	for _, body := range b.queues.Bodies(rescansURL) {
		m, err := upload.Decode([]byte(body))
		if err != nil || m.Jobs[0].Earlier == nil || m.Jobs[0].Earlier.Verdict != job.Clean ||
			m.Jobs[0].Earlier.Time.IsZero() || m.Jobs[0].Earlier.Definitions == 0 || !m.Jobs[0].Stays {
			t.Errorf("message %s: got %+v, %v, want the earlier verdict in it, and that the version stays", body, m, err)
		}
	}
}

// TestRetroScanLeavesArchived: fetch cannot read a version in an archive class, so that a scan would make a CLEAN one
// UNSCANNABLE.
func TestRetroScanLeavesArchived(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, class := range []string{
		"STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
	} {
		o := judged("scan-status=CLEAN", "scan-definitions=1")
		o.StorageClass = class
		b.store.Add("held", class, o)
	}
	sum := b.sweep(t, retro(100))
	want := []string{
		"s3://held/GLACIER_IR", "s3://held/INTELLIGENT_TIERING", "s3://held/STANDARD", "s3://held/STANDARD_IA",
	}
	if diff := cmp.Diff(want, b.sent(t)); diff != "" || sum.Considered != 4 {
		t.Errorf("summary %+v; sent (-want +got):\n%s", sum, diff)
	}
}

// TestRetroScanSaysWhatItDid holds the summary: what each window had, and that messages of the run before count against
// the budget.
func TestRetroScanSaysWhatItDid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.aged("up", "a", 1, 99)
	b.aged("up", "b", 1, 99)
	b.aged("up", "c", 10, 99)
	b.queues.Put(rescansURL, "waits")
	sum := b.sweep(t, retro(2))
	want := []sweep.WindowCounts{{ToDays: 7, Behind: 1, Considered: 2, Matched: 2, Sent: 1}}
	if diff := cmp.Diff(want, sum.Windows); diff != "" || sum.Queued != 1 || !sum.Spent || sum.Sent != 1 ||
		sum.Definitions != 100 || !sum.Since.Equal(s3fake.Epoch.Add(-time.Hour)) {
		t.Errorf("summary %+v; windows (-want +got):\n%s", sum, diff)
	}
	if sum := b.sweep(t, retro(2)); sum.Sent != 0 || !sum.Spent || sum.Considered != 0 {
		t.Errorf("while the budget waits in the queue: got %+v, want that nothing is looked at", sum)
	}
}

// TestRetroScanAfterOwnSignatures: where the daily version is the one in use, verdicts before the change of other
// definitions are stale, and so are those of scans that may have been under way.
func TestRetroScanAfterOwnSignatures(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	since := s3fake.Epoch.Add(-time.Hour)
	for key, at := range map[string]time.Time{
		"before": since.Add(-time.Minute), "under way": since.Add(settling - time.Second), "after": since.Add(settling),
	} {
		b.store.Add("up", key, judged("scan-status=CLEAN", "scan-definitions=100", "scan-time="+at.Format(time.RFC3339)))
		b.store.Add("up", "unknown "+key, judged("scan-status=CLEAN", "scan-time="+at.Format(time.RFC3339)))
	}
	b.store.Add("up", "no time", judged("scan-status=CLEAN", "scan-definitions=100"))
	b.sweep(t, retro(100))
	want := []string{"before", "no time", "under way", "unknown before", "unknown under way"}
	var got []string
	for _, address := range b.sent(t) {
		key, _, _ := strings.Cut(strings.TrimPrefix(address, "s3://up/"), "?")
		got = append(got, strings.ReplaceAll(key, "%20", " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestRetroScanWithoutDefinitions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, err := json.Marshal(inUse)
	if err != nil {
		t.Fatal(err)
	}
	var young sweep.InUse
	if err := json.Unmarshal(text, &young); err != nil {
		t.Fatal(err)
	}
	young.Since = b.now().Add(-5*time.Minute + time.Second)
	for _, in := range []*sweep.InUse{nil, {}, {Current: "lost"}, &young} {
		if _, err := b.begin(t.Context(), retro(1), in, "run-1"); !errors.Is(err, job.ErrDefinitionsNotReady) {
			t.Errorf("definitions in use %+v: got %v, want a job.ErrDefinitionsNotReady", in, err)
		}
	}
}

// TestCleanBucket: sweeps about old verdicts cover the clean bucket, and those about missing ones do not.
func TestCleanBucket(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.clean = "clean"
	b.store.Make("clean", true)
	b.store.Add("clean", "k", judged())
	for _, test := range []struct {
		request sweep.Request
		want    int64
	}{
		{sweep.Request{Question: sweep.Unjudged, Purpose: sweep.Reconcile}, 0},
		{sweep.Request{Question: sweep.Unjudged, Purpose: sweep.Reconcile, Bucket: "clean"}, 1},
		{sweep.Request{Question: sweep.All, Purpose: sweep.Rescan}, 1},
		{sweep.Request{Question: sweep.All, Purpose: sweep.Rescan, Bucket: "up"}, 0},
	} {
		if sum := b.sweep(t, test.request); sum.Considered != test.want {
			t.Errorf("%+v: looked at %d versions, want %d", test.request, sum.Considered, test.want)
		}
	}
}

// TestPageThatEndsAtADeleteMarker: versions that are written meanwhile move the others to another page of the list;
// none is judged in two pages, or in none.
func TestPageThatEndsAtADeleteMarker(t *testing.T) {
	t.Parallel()
	for _, removed := range []bool{false, true} {
		b := newBench(t)
		b.store.Page = 3
		for i := range 2 {
			b.store.Add("up", fmt.Sprint("a", i), judged())
		}
		for range 2 {
			b.store.Add("up", "k", judged())
		}
		marker := b.store.Add("up", "k", s3fake.Object{Marker: true}) // a0, a1 and the marker are the first page
		b.store.Add("up", "k1", judged())
		begin := map[string]any{
			"action": "begin", "execution": "arn:x:run-1",
			"request": sweep.Request{Bucket: "up", Question: sweep.All, Versions: true, DryRun: true, Purpose: sweep.Rescan},
		}
		s := call[sweep.State](t, b, map[string]any{"action": "list", "state": call[sweep.State](t, b, begin)})
		for i := range 2 {
			b.store.Add("up", fmt.Sprint("a0 new ", i), judged())
		}
		if removed {
			b.store.Remove("up", "k", marker.ID)
		}
		var counts []int64
		for line := range strings.Lines(b.body(t, s.Pages.Key)) {
			event := map[string]any{"action": "judge", "state": s, "page": json.RawMessage(line)}
			counts = append(counts, call[sweep.Judged](t, b, event).Considered)
		}
		if want := []int64{4, 3}; !removed && !slices.Equal(counts, want) {
			t.Errorf("looked at %v versions in the pages, want %v", counts, want)
		}
		if removed && counts[0]+counts[1] < 7 {
			t.Errorf("after the end of the page was deleted: looked at %v versions, want each of 7 at least once", counts)
		}
	}
}
