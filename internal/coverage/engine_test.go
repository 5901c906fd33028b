package coverage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
)

// clamd is the one engine of this package's tests, which ask it about thousands
// of files.
var clamd *clamav.Engine

func TestMain(m *testing.M) {
	code := withEngine(m.Run)
	if testing.Verbose() {
		fmt.Printf("%d files that must not be called clean, of which clamd calls %d OK and we %d; %d harmless files, of which we refuse %d\n",
			tried.bad.Load(), tried.clamd.Load(), tried.missed.Load(), tried.harmless.Load(), tried.refused.Load())
	}
	os.Exit(code)
}

// tried counts the samples of all tests, for docs/security.md.
var tried struct{ bad, clamd, missed, harmless, refused atomic.Int64 }

// count adds what was said about one sample. It is harmless if neither side
// should object.
func (s sample) count(clamd, ours string) {
	if s.want == string(Covered) && (s.clamd == "" || s.clamd == "OK") {
		tried.harmless.Add(1)
		if ours != string(Covered) {
			tried.refused.Add(1)
		}
		return
	}
	tried.bad.Add(1)
	if clamd == "OK" {
		tried.clamd.Add(1)
		if ours == string(Covered) {
			tried.missed.Add(1)
		}
	}
}

func withEngine(run func() int) int {
	dir, err := os.MkdirTemp("", "coverage-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	db := filepath.Join(dir, "db")
	if err := definitions.WriteTest(db); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	g, err := definitions.Inspect(ctx, db)
	if err != nil {
		panic(err)
	}
	if clamd, err = clamav.Start(clamav.Config{RunDir: dir, Threads: 4}, g); err != nil {
		panic(err)
	}
	defer func() {
		if err := clamd.Stop(); err != nil {
			panic(err)
		}
	}()
	if err := clamd.Ready(ctx); err != nil {
		panic(err)
	}
	return run()
}

// ask is the Scanner of clamd.
func ask(ctx context.Context, f *os.File) (Finding, error) {
	got, err := clamd.Scan(ctx, f)
	switch {
	case err != nil:
		return Finding{}, err
	case got.Outcome == clamav.Found:
		return Finding{Outcome: Found, Signature: got.Signature}, nil
	case got.Outcome == clamav.Encrypted:
		return Finding{Outcome: Refused, Reason: job.Encrypted, Detail: got.Signature}, nil
	case got.Outcome == clamav.Limit:
		return Finding{Outcome: Refused, Reason: job.LimitSize, Detail: got.Signature}, nil
	}
	return Finding{Outcome: Covered}, nil
}

// alone is what clamd says by itself.
func alone(t testing.TB, content []byte) string {
	t.Helper()
	b := &body{small: content, size: int64(len(content))}
	f, err := b.file()
	if err != nil {
		t.Fatal(err)
	}
	defer b.done(f)
	got, err := clamd.Scan(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome == clamav.Clean || got.Outcome == clamav.Unexamined {
		return "OK"
	}
	return got.Signature
}

// check is what we say, in one word: covered, the signature or the reason.
func check(t testing.TB, c Checker, content []byte) string {
	t.Helper()
	got, err := c.Check(t.Context(), bytes.NewReader(content), int64(len(content)), ask)
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome == Refused {
		t.Log(got.Detail)
	}
	return say(got)
}

func say(f Finding) string {
	switch f.Outcome {
	case Found:
		return f.Signature
	case Refused:
		return string(f.Reason)
	}
	return string(f.Outcome)
}

const infected = definitions.TestSignature

// sample is one file and what each side should say about it.
type sample struct {
	name    string
	content []byte
	clamd   string // "OK" unless said
	want    string // Covered, a reason, or the signature
}

func try(t *testing.T, samples []sample) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range samples {
		if seen[s.name] {
			t.Fatalf("two samples called %q", s.name)
		}
		seen[s.name] = true
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.clamd
			if want == "" {
				want = "OK"
			}
			theirs, ours := alone(t, s.content), check(t, Checker{}, s.content)
			s.count(theirs, ours)
			if theirs != want {
				t.Errorf("clamd alone says %q, want %q: it has learned something, or lost it", theirs, want)
			}
			if ours != s.want {
				t.Errorf("coverage says %q, want %q", ours, s.want)
			}
		})
	}
}

// pages is harmless text that no compressor makes nothing of.
func pages(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d harmless line of text %d\n", i, i*2654435761%1000003)
	}
	return b.Bytes()[:size]
}
