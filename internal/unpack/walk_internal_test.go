package unpack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

func findNothing(context.Context, *os.File, Sum) (Finding, error) {
	return Finding{Outcome: Clean}, nil
}

// TestSumIsOfTheBytesThatAreKept checks the sum of a member for which there was too little
// disk: answers of the engine are kept by the sum, so it must be that of the bytes that
// the engine is given.
func TestSumIsOfTheBytesThatAreKept(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]int64{"none on disk": 0, "some on disk": inMemory + 100<<10} {
		w := newWalk(t.Context(), Checker{Dir: t.TempDir(), Limits: DefaultLimits()}, findNothing)
		w.measured, w.disk = true, room
		b, err := w.spool(io.LimitReader(zeroReader{}, 2*inMemory))
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason != job.LimitSize {
			t.Errorf("%s: spool() = %v, want a refusal with %s", name, err, job.LimitSize)
		}
		content := make([]byte, b.size)
		if _, err := b.ReadAt(content, 0); err != nil {
			t.Fatal(err)
		}
		if b.size == 0 || b.sum() != sha256.Sum256(content) {
			t.Errorf("%s: got another sum than that of the %d bytes in the body", name, b.size)
		}
		if w.drop(b); w.taken.Load() != 0 {
			t.Errorf("%s: got %d bytes of disk that were not given back, want 0", name, w.taken.Load())
		}
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// failingOnce is a volume whose first read fails.
type failingOnce struct {
	io.ReaderAt
	reads int
}

var errVolume = errors.New("volume is away")

func (f *failingOnce) ReadAt(p []byte, at int64) (int, error) {
	if f.reads++; f.reads == 1 {
		return 0, errVolume
	}
	return f.ReaderAt.ReadAt(p, at)
}

// TestAReadThatFailsOnce checks that there is no verdict if the first bytes, by which
// formats are recognised, could not be read.
func TestAReadThatFailsOnce(t *testing.T) {
	t.Parallel()
	locked := Format{
		Name: "locked", Magics: []Magic{{Text: "LOCK"}},
		Walk: func(*Visitor, Content) error { return Encrypted("a locked file") },
	}
	content := []byte("LOCKED")
	for _, size := range []int64{5, 6} { // a search reads no fewer than 6 bytes
		w := newWalk(t.Context(), Checker{Formats: NewFormats(locked), Limits: DefaultLimits()}, findNothing)
		f := &failingOnce{ReaderAt: bytes.NewReader(content)}
		n := node{Content: NewContent(guarded{w, f}, size)}
		got, err := w.conclude(w.look(n, piece{size: size, sum: sha256.Sum256(content[:size])}))
		if !errors.Is(err, errVolume) {
			t.Errorf("%d bytes: got %+v, %v, want no finding and %v", size, got, err, errVolume)
		}
	}
}

// silent is a reader that neither gives bytes nor ends.
type silent struct{ reads int }

func (s *silent) Read([]byte) (int, error) {
	if s.reads++; s.reads > 1_000_000 {
		return 0, errors.New("read a million times")
	}
	return 0, nil
}

func TestAReaderWithoutProgress(t *testing.T) {
	t.Parallel()
	w := newWalk(t.Context(), Checker{Dir: t.TempDir(), Limits: DefaultLimits()}, findNothing)
	r := &silent{}
	if _, err := w.spool(r); !IsDamage(err) || r.reads > 1000 {
		t.Errorf("spool() = %v after %d reads, want damage after at most 1000", err, r.reads)
	}
}
