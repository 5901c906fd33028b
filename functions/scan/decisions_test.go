package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// matching is an engine whose signatures are words: it finds those that stand in a file.
func matching(words ...string) fakeEngine {
	all := func(f *os.File) ([]clamav.Finding, error) {
		content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
		if err != nil {
			return nil, err
		}
		var found []clamav.Finding
		for _, word := range words {
			if strings.Contains(string(content), word) {
				found = append(found, clamav.Finding{Outcome: clamav.Found, Signature: word, Engine: "ClamAV 1.4.6"})
			}
		}
		if strings.Contains(string(content), "secret") {
			found = append(found, clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"})
		}
		if found == nil {
			found = []clamav.Finding{{Outcome: clamav.Clean, Engine: "ClamAV 1.4.6"}}
		}
		return found, nil
	}
	first := func(f *os.File) (clamav.Finding, error) {
		found, err := all(f)
		if err != nil {
			return clamav.Finding{}, err
		}
		return found[0], nil
	}
	return fakeEngine{scan: first, all: all}
}

// zipped is a zip of stored members.
func zipped(t *testing.T, members ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, content := range members {
		m, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint("member", i), Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(m, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// put stores a document in the records bucket.
func (b *bench) put(t *testing.T, key string, v any) {
	t.Helper()
	body, err := decision.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	b.records.Add(records, key, s3fake.Object{Body: string(body)})
}

// allow stores an entry that allows signatures in the bench's file.
func (b *bench) allow(t *testing.T, expires time.Time, signatures ...string) {
	t.Helper()
	b.put(t, decision.AllowedKey(b.job.Work.SHA256), decision.Allowed{
		Version: decision.Version, SHA256: b.job.Work.SHA256, Signatures: signatures, Expires: expires,
	})
}

// TestAllowed checks that a content whose every signature was released with it is CLEAN, and no other.
func TestAllowed(t *testing.T) {
	t.Parallel()
	later := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name     string
		content  func(t *testing.T) string
		expires  time.Time
		allowed  []string
		want     string // outcome
		detailed bool   // the detail is allowed
	}{
		{name: "its signature", allowed: []string{"Alpha"}, want: "CLEAN", detailed: true},
		{name: "more than its signature", allowed: []string{"Alpha", "Beta"}, want: "CLEAN", detailed: true},
		{name: "another signature", allowed: []string{"Beta"}, want: "INFECTED Alpha"},
		{name: "none", allowed: nil, want: "INFECTED Alpha"},
		{
			name: "expired", expires: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), allowed: []string{"Alpha"},
			want: "INFECTED Alpha",
		},
		{
			name: "a second signature in the same bytes", allowed: []string{"Alpha"}, want: "INFECTED Beta",
			content: func(*testing.T) string { return "here is Alpha and here Beta" },
		},
		{
			name: "both of two", allowed: []string{"Alpha", "Beta"}, want: "CLEAN", detailed: true,
			content: func(*testing.T) string { return "here is Alpha and here Beta" },
		},
		{
			name: "in a member", allowed: []string{"Alpha"}, want: "CLEAN", detailed: true,
			content: func(t *testing.T) string { return zipped(t, "nothing here", "a member with Alpha in it") },
		},
		{
			name: "a second one in another member", allowed: []string{"Alpha"}, want: "INFECTED Beta",
			content: func(t *testing.T) string { return zipped(t, "a member with Alpha in it", "a member with Beta in it") },
		},
		{
			name: "an encrypted part beside it", allowed: []string{"Alpha"}, want: "UNSCANNABLE encrypted",
			content: func(*testing.T) string { return "here is Alpha and a secret" },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			content := "here is Alpha"
			if tt.content != nil {
				content = tt.content(t)
			}
			b := newBench(t, content, matching("Alpha", "Beta"))
			expires := later
			if !tt.expires.IsZero() {
				expires = tt.expires
			}
			b.allow(t, expires, tt.allowed...)
			out, err := b.handle(t.Context(), b.job)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.Scan.Outcome(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !out.Scan.Known() {
				t.Errorf("got %+v, want a valid verdict", out.Scan)
			}
			if got := out.Scan.Detail == decision.DetailAllowed; got != tt.detailed {
				t.Errorf("detail %q, want %q: %t", out.Scan.Detail, decision.DetailAllowed, tt.detailed)
			}
			if out.Scan.Verdict == job.Clean && out.Scan.Engine.Version != "1.4.6" {
				t.Errorf("engine %+v, want its version", out.Scan.Engine)
			}
		})
	}
}

// TestCleanAsksNothing checks that a clean object costs no request beside that for the index, and that one a minute.
func TestCleanAsksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "nothing here", matching("Alpha"))
	b.put(t, decision.IndexKey, decision.Index{Version: decision.Version, SHA256: []string{strings.Repeat("0", 64)}})
	var asked []string
	b.records.Before = func(op string, _ int) error { asked = append(asked, op); return nil }
	for _, elapsed := range []time.Duration{0, 10 * time.Second, 49 * time.Second} {
		b.now = b.now.Add(elapsed)
		again := b.refill(t)
		if _, err := b.handle(t.Context(), again); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 1 {
		t.Errorf("asked %q within a minute, want one request", asked)
	}
	b.now = b.now.Add(time.Second)
	if _, err := b.handle(t.Context(), b.refill(t)); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 {
		t.Errorf("asked %q in the next minute, want two requests", asked)
	}
}

// refill makes the bench's work file again, which a scan removes.
func (b *bench) refill(t *testing.T) job.Job {
	t.Helper()
	if len(b.left(t)) > 0 {
		return b.job
	}
	f, err := b.dir.Create("work-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("nothing here"); err != nil {
		t.Fatal(err)
	}
	if err := b.dir.Publish("work-1", f); err != nil {
		t.Fatal(err)
	}
	return b.job
}

// TestBlocked checks that a blocked content is INFECTED, whatever else would be said of it.
func TestBlocked(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"nothing here", "tiny", "here is Alpha", "a secret"} {
		t.Run(content, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, content, matching("Alpha"))
			sum := b.job.Work.SHA256
			b.put(t, decision.IndexKey, decision.Index{Version: decision.Version, SHA256: []string{sum}})
			b.put(t, decision.BlockedKey(sum), decision.Blocked{Version: decision.Version, SHA256: sum})
			b.allow(t, b.now.Add(time.Hour), "Alpha")
			out, err := b.handle(t.Context(), b.job)
			if err != nil {
				t.Fatal(err)
			}
			if out.Scan.Outcome() != "INFECTED blocked" || out.Scan.Detail != "blocked" || !out.Scan.Known() {
				t.Errorf("got %+v, want INFECTED blocked", out.Scan)
			}
		})
	}
}

// TestNoLongerBlocked checks that an entry that was removed counts at once, whatever an older index says.
func TestNoLongerBlocked(t *testing.T) {
	t.Parallel()
	b := newBench(t, "nothing here", matching("Alpha"))
	b.put(t, decision.IndexKey, decision.Index{Version: decision.Version, SHA256: []string{b.job.Work.SHA256}})
	out, err := b.handle(t.Context(), b.job)
	if err != nil || out.Scan.Verdict != job.Clean {
		t.Errorf("got %+v, %v, want CLEAN", out.Scan, err)
	}
}

// TestDecisionsThatCannotBeRead checks that no verdict is given without what operators have decided.
func TestDecisionsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	slow := s3fake.Err("GetObject", 503, "SlowDown", "")
	tests := []struct {
		name    string
		content string
		fail    func(b *bench, n int) error // for request number n, from 1
		prepare func(t *testing.T, b *bench)
		want    error
	}{
		{
			name: "the index, slow", content: "nothing here",
			fail: func(*bench, int) error { return slow }, want: job.ErrTransient,
		},
		{
			name: "the index, refused", content: "nothing here",
			fail: func(*bench, int) error { return s3fake.Err("GetObject", 403, "AccessDenied", "") }, want: job.ErrAccessDenied,
		},
		{name: "the entry that allows", content: "here is Alpha", fail: func(_ *bench, n int) error {
			if n > 1 {
				return slow
			}
			return nil
		}, want: job.ErrTransient},
		{name: "the entry that blocks", content: "nothing here", prepare: func(t *testing.T, b *bench) {
			b.put(t, decision.IndexKey, decision.Index{Version: decision.Version, SHA256: []string{b.job.Work.SHA256}})
		}, fail: func(_ *bench, n int) error {
			if n > 1 {
				return slow
			}
			return nil
		}, want: job.ErrTransient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.content, matching("Alpha"))
			if tt.prepare != nil {
				tt.prepare(t, b)
			}
			requests := make(chan struct{}, 100)
			b.records.Before = func(string, int) error {
				requests <- struct{}{}
				return tt.fail(b, len(requests))
			}
			out, err := b.handle(t.Context(), b.job)
			if !errors.Is(err, tt.want) || out.Scan != nil {
				t.Errorf("got %+v, %v, want %v and no verdict", out.Scan, err, tt.want)
			}
			if len(b.left(t)) == 0 {
				t.Error("the work file is gone, want it for the next attempt")
			}
		})
	}
}

// TestDamagedDecisions checks that a document which is not one of ours gives no verdict.
func TestDamagedDecisions(t *testing.T) {
	t.Parallel()
	for _, key := range []string{decision.IndexKey, "entry"} {
		b := newBench(t, "here is Alpha", matching("Alpha"))
		if key == "entry" {
			key = decision.AllowedKey(b.job.Work.SHA256)
		}
		b.records.Add(records, key, s3fake.Object{Body: `{"version":`})
		if out, err := b.handle(t.Context(), b.job); err == nil || job.Name(err) != job.Unnamed {
			t.Errorf("%s: got %+v, %v, want an error without a name", key, out.Scan, err)
		}
	}
}

// TestOldIndex checks for how long an index is used that cannot be read again.
func TestOldIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t, "nothing here", matching("Alpha"))
	if _, err := b.handle(t.Context(), b.job); err != nil {
		t.Fatal(err)
	}
	b.records.Before = func(string, int) error { return s3fake.Err("GetObject", 503, "SlowDown", "") }
	b.now = b.now.Add(maxAge - time.Second)
	if _, err := b.handle(t.Context(), b.refill(t)); err != nil {
		t.Errorf("after %s: %v, want the index that is there", maxAge-time.Second, err)
	}
	b.now = b.now.Add(time.Second)
	if _, err := b.handle(t.Context(), b.refill(t)); !errors.Is(err, job.ErrTransient) {
		t.Errorf("after %s: %v, want %v", maxAge, err, job.ErrTransient)
	}
}

// TestBlockedByNoNewSignature checks that a blocked content which a new signature hits as well does not count as a hit
// of a new signature: what an operator has blocked is moved at once.
func TestBlockedByNoNewSignature(t *testing.T) {
	t.Parallel()
	b := newBench(t, "here is Alpha", matching("Alpha"))
	g := generation
	g.Dir = t.TempDir()
	list := signatures.List{Batch: signatures.Batch{FirstSeen: time.Now(), Names: []string{"Alpha"}}}
	if err := list.Write(g.Dir); err != nil {
		t.Fatal(err)
	}
	b.definitions = fakeGenerations(func() (definitions.Generation, error) { return g, nil })
	sum := b.job.Work.SHA256
	b.put(t, decision.IndexKey, decision.Index{Version: decision.Version, SHA256: []string{sum}})
	b.put(t, decision.BlockedKey(sum), decision.Blocked{Version: decision.Version, SHA256: sum})
	out, err := b.handle(t.Context(), b.job)
	if err != nil {
		t.Fatal(err)
	}
	if out.Scan.Signature != "blocked" || !out.Scan.FirstSeen.IsZero() {
		t.Errorf("got %+v, want blocked, and no new signature", out.Scan)
	}
}
