package coverage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// calm is a Scanner that finds nothing. It is never asked about nothing: an
// engine takes an empty file for an error.
func calm(_ context.Context, f *os.File) (Finding, error) {
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return Finding{}, errors.Join(err, errors.New("asked about an empty file"))
	}
	return Finding{Outcome: Covered}, nil
}

// tight keeps a fuzzed file from taking long. A file of some kilobytes that
// takes seconds is a bug; the rest of Time is for a busy machine.
var tight = Limits{Unpacked: 8 << 20, Members: 200, Depth: 4, Time: 10 * time.Second}

// diskRoom is what walked lets members take, so that it can see all given back.
const diskRoom = 64 << 20

// metered counts what is read of a file.
type metered struct {
	*bytes.Reader
	read int64
}

func (m *metered) ReadAt(b []byte, at int64) (int, error) {
	n, err := m.Reader.ReadAt(b, at)
	m.read += int64(n)
	return n, err
}

// walked runs step over content and holds what every form promises, whatever
// the bytes: it ends, and in time; it stays within the limits; it reads no more
// than some times what there is to read; it gives back the memory and the disk
// that it took; and whatever is wrong with the file is a refusal with a reason
// of the closed set, not an error.
func walked(t *testing.T, content []byte, step func(*walk, node) error) *walk {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), tight.Time, errTime)
	defer cancel()
	file := &metered{Reader: bytes.NewReader(content)}
	w := &walk{ctx: ctx, scan: calm, limits: tight, dir: os.TempDir(), onDisk: true, disk: diskRoom}
	err := step(w, node{r: guarded{w, file}, size: int64(len(content))})
	if ctx.Err() != nil {
		t.Fatalf("took as long as it was let: %v", err)
	}
	if err := w.settle(node{}, err); err != nil {
		limit, ok := errors.AsType[*refusal](err)
		if !ok {
			t.Fatalf("an error that says nothing about the file: %v", err)
		}
		w.keep(limit)
	}
	if r := w.refused; r != nil && (r.detail == "" || !slices.Contains(reasons, r.reason)) {
		t.Fatalf("refused without a known reason: %+v", r)
	}
	// One page and one member more are what it takes to see that a limit is reached.
	if w.bytes > tight.Unpacked+32<<10 || w.members > tight.Members+1 {
		t.Fatalf("%d bytes and %d members unpacked", w.bytes, w.members)
	}
	if w.memory != 0 || w.disk != diskRoom {
		t.Fatalf("kept %d bytes of memory and %d of disk", w.memory, diskRoom-w.disk)
	}
	if most := 64*(file.Size()+w.bytes) + int64(w.members)<<14 + 1<<20; file.read > most {
		t.Fatalf("read %d bytes of a file of %d, which unpacked %d", file.read, file.Size(), w.bytes)
	}
	return w
}

// reasons are those that coverage may give. Reaching the time limit is one of
// them for honest large files; walked has seen to it that none was so slow.
var reasons = []job.Reason{
	job.Damaged, job.UnsupportedArchive, job.Encrypted, job.LimitSize, job.LimitFiles, job.LimitRecursion,
}

// seed gives the fuzzer what the tests build, beside the committed corpus.
func seed(f *testing.F, contents ...[]byte) {
	f.Helper()
	for _, c := range contents {
		f.Add(c)
	}
}

// FuzzCheck: any file through all of it.
func FuzzCheck(f *testing.F) {
	text := pages(300)
	plain := zipOf(f, zipped{name: "a", content: text, method: 8})
	seed(f, text, join(elf(), rar4Probe()), rpmOf(gzipOf(f, cpioOf(plain))), mailOf(tarOf(f, xzOf(f, text))), zstdOf(f, arOf(plain, lzmaOf(f, text))),
		sevenOf([]byte{0}, plain, plain), oleOf(oleStream{"Package", join(plain, pages(5000))}), goZip(f, "a", lz4Of(f, text)))
	f.Fuzz(func(t *testing.T, content []byte) {
		look := walked(t, content, func(w *walk, n node) error { return w.look(n) })
		got, err := Checker{Limits: tight}.Check(t.Context(), bytes.NewReader(content), int64(len(content)), calm)
		switch {
		case err != nil:
			t.Fatal(err)
		case got.Outcome == Covered && look.refused == nil:
		case got.Outcome != Refused || look.refused == nil || got.Reason != look.refused.reason || got.Detail == "":
			t.Fatalf("Check() = %+v, the second time %+v", got, look.refused)
		}
	})
}
