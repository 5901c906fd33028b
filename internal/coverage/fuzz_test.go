package coverage

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// calm is a Scanner that finds nothing.
func calm(context.Context, *os.File) (Finding, error) { return Finding{Outcome: Covered}, nil }

// tight keeps a fuzzed file from taking long.
var tight = Checker{Limits: Limits{Unpacked: 8 << 20, Members: 200, Depth: 4, Time: 20 * time.Second}}

// seeds gives the fuzzer every fixture and every form that the tests build.
func seeds(f *testing.F) {
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(filepath.Dir(path))) == "fuzz" {
			return err
		}
		content, err := os.ReadFile(path)
		f.Add(content)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	text := pages(300)
	plain := zipOf(f, zipped{name: "a", content: text, method: 8}, zipped{name: "b", content: text, wide: true, streams: true})
	for _, s := range [][]byte{
		plain, zipOf(f, zipped{name: "a", content: text, method: 8, wide: true, local64: true}), join(plain, plain), unlisted(f, text),
		gzipOf(f, text), xzOf(f, text), zstdOf(f, text), lz4Of(f, text), lzmaOf(f, text), tarOf(f, text, plain), arOf(text, plain), cpioOf(text),
		rpmOf(gzipOf(f, cpioOf(text))), sevenOf([]byte{4, 1, 8}, deflated(f, text), text), rar4Probe(), rar5Probe(), pdfOf(text),
		oleOf(oleStream{"WordDocument", with(uint16(0xa5ec))}), join(elf(), rar4Probe()), join([]byte("#!/bin/sh\n"), gzipOf(f, text)), mailOf(plain), cabHead(100, 0),
	} {
		f.Add(s)
	}
}

// FuzzCheck: whatever the bytes, there is an answer of the closed set, and in
// time.
func FuzzCheck(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := tight.Check(t.Context(), bytes.NewReader(content), int64(len(content)), calm)
		switch {
		case err != nil:
			t.Fatal(err)
		case got.Outcome == Covered:
		case got.Outcome != Refused || got.Detail == "":
			t.Fatalf("Check() = %+v", got)
		}
		if got.Reason == job.LimitTime {
			t.Fatal("took as long as it was let")
		}
	})
}

// FuzzForms calls the parsers of this package without the recovery that is
// there for those of others.
func FuzzForms(f *testing.F) {
	seeds(f)
	own := []func(*walk, node) error{
		walkZip, walkTar, walkAr, walkCpio, walkRPM, walkPDF, walkGzip, walkMail, walkCab, walkISO,
		func(w *walk, n node) error { _, err := read7zHeader(w, n); return err },
		packed("compress", openZ, false).walk,
		func(w *walk, n node) error { return w.search(n, "embedded", 0, n.size) },
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), tight.Limits.Time, errTime)
		defer cancel()
		for _, walkOne := range own {
			w := &walk{ctx: ctx, scan: calm, limits: tight.Limits, dir: os.TempDir()}
			n := node{r: bytes.NewReader(content), size: int64(len(content))}
			if _, err := recognise(n); err != nil {
				t.Fatal(err)
			}
			n.r = guarded{w, n.r}
			if err := w.settle(n, walkOne(w, n)); err != nil && ctx.Err() != nil {
				t.Fatal("took as long as it was let")
			}
		}
	})
}

// FuzzZip: what the structure check accepts, it has accounted for. Every byte
// of the file is a member's, a header's, or was looked at as a remainder, so
// that a zip cannot be harmless to us and something else to another reader.
func FuzzZip(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		n := node{r: bytes.NewReader(content), size: int64(len(content))}
		d, ok, err := findZipEnd(n)
		if err != nil || !ok {
			return
		}
		if d.start < 0 || d.start > d.end || d.end > d.comment || d.after > n.size || d.base > d.start {
			t.Fatalf("directory %+v in %d bytes", d, n.size)
		}
		members, err := n.zipMembers(d)
		if err != nil {
			return
		}
		for _, m := range members {
			if m.local < 0 || m.data < m.local+30 || m.packed < 0 || m.size < 0 || m.data+m.packed > d.start {
				t.Fatalf("member %+v, directory %+v", m, d)
			}
		}
	})
}
