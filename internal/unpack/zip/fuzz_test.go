package zip_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// FuzzZip checks that no zip is clean for Lazaret and infected for another program:
// every member that Go's own reader unpacks from a clean file was scanned.
func FuzzZip(f *testing.F) {
	text := unpacktest.Pages(300)
	plain := unpacktest.ZipOf(f, unpacktest.Zipped{Name: "a", Content: text, Method: 8},
		unpacktest.Zipped{Name: "b", Content: text, Wide: true, Described: true})
	seeds := [][]byte{
		plain, unpacktest.Join(plain, plain), unpacktest.Join(unpacktest.ELF(), plain), unlisted(f, text),
		unpacktest.GoZip(f, "a", plain),
		unpacktest.ZipOf(f, unpacktest.Zipped{Name: "a", Content: text, Method: 8, Wide: true, Listed64: true},
			unpacktest.Zipped{Name: "d/"}),
		unpacktest.ZipOf(f, unpacktest.Zipped{Name: "META-INF/manifest.xml", Content: []byte("<a:encryption-data/>")}),
	}
	for _, s := range seeds {
		f.Add(s)
	}
	for _, c := range containers() {
		f.Add(c.Pack(f, text))
	}
	all := formats.All()
	f.Fuzz(func(t *testing.T, content []byte) {
		got, _ := unpacktest.Bounded(t, all, content)
		if got.Outcome != unpack.Clean {
			return
		}
		shown := map[unpack.Sum]bool{}
		c := unpack.Checker{Formats: all}
		unpacktest.Check(t, c, content, func(_ context.Context, _ *os.File, sum unpack.Sum) (unpack.Finding, error) {
			shown[sum] = true
			return unpack.Finding{Outcome: unpack.Clean}, nil
		})
		other, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, m := range other.File {
			if b := unzipped(m); len(b) > 0 && !shown[sha256.Sum256(b)] {
				t.Fatalf("got clean, want %q of %d bytes scanned", m.Name, len(b))
			}
		}
	})
}

// unzipped is the content of a member as Go unpacks it, or nil if its checksum is
// wrong.
func unzipped(m *zip.File) []byte {
	r, err := m.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 16<<20))
	if err != nil {
		return nil
	}
	return b
}
