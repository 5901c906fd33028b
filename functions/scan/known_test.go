package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// TestKnownContent checks that the engine does not scan content again that it found clean before.
func TestKnownContent(t *testing.T) {
	t.Parallel()
	const content = "what was clean before"
	sum := clamav.Sum(sha256.Sum256([]byte(content)))
	other := clamav.Sum{1}
	for _, tt := range []struct {
		name    string
		known   *clamav.Sum
		written string // content written to the volume after fetch, "" for none
		asked   int
		want    error
	}{
		{name: "known", known: &sum, asked: 0},
		{name: "another is known", known: &other, asked: 1},
		{name: "nothing is known", asked: 1},
		{
			name:    "known, but the volume has something else",
			known:   &sum,
			written: "what was never seen",
			want:    job.ErrWorkFileGone,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			e := finds(clamav.Finding{Outcome: clamav.Clean})
			answer := e.scan
			e.scan = func(f *os.File) (clamav.Finding, error) { asked++; return answer(f) }
			e.known = tt.known
			b := newBench(t, content, e)
			if tt.written != "" {
				if err := os.WriteFile(filepath.Join(b.path, b.job.Work.File), []byte(tt.written), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := b.handle(t.Context(), b.job)
			if !errors.Is(err, tt.want) || asked != tt.asked {
				t.Fatalf("handle() = %v, asked %d times, want %v and %d", err, asked, tt.want, tt.asked)
			}
			if tt.want == nil && (out.Scan.Outcome() != "CLEAN" || out.Scan.Engine.Version != "1.4.6" ||
				out.Scan.Definitions == nil) {
				t.Errorf("scan = %+v, want CLEAN by 1.4.6", out.Scan)
			}
		})
	}
}

// TestVerifiedContentIsKnown scans with a real engine, which is proved again while other files are
// scanned and then knows the first content.
func TestVerifiedContentIsKnown(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "db")
	if err := definitions.WriteTest(db); err != nil {
		t.Fatal(err)
	}
	g, err := definitions.Inspect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	s := clamav.NewSupervisor(clamav.Config{Clamd: need.Clamd(t), RunDir: t.TempDir(), ProofAge: time.Second})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	scan := func(content string) {
		t.Helper()
		b := newBench(t, content, fakeEngine{})
		b.engine, b.definitions = s, fakeGenerations(func() (definitions.Generation, error) { return g, nil })
		if out, err := b.handle(t.Context(), b.job); err != nil || out.Scan.Outcome() != "CLEAN" {
			t.Fatalf("handle(%q) = %+v, %v, want CLEAN", content, out.Scan, err)
		}
	}
	const content = "what is uploaded again"
	scan(content)
	for i, end := 0, time.Now().Add(time.Minute); time.Now().Before(end); i++ {
		scan(fmt.Sprint("another file, ", i))
		if _, ok := s.Known(g, sha256.Sum256([]byte(content))); ok {
			return
		}
	}
	t.Error("Known() is false after a proof, want true")
}
