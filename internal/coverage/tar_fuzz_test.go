package coverage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"testing"
)

// FuzzTar: what is covered holds no member that Go's own reader finds and the
// walk did not look at. Checksums are set right, so that the fuzzer gets
// beyond them.
func FuzzTar(f *testing.F) {
	text := pages(600)
	pax := func(format tar.Format, h *tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h.Format, h.Mode, h.Size = format, 0o600, int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			f.Fatal(err)
		}
		return written(f, &b, w, text)
	}
	long := string(bytes.Repeat([]byte("/long"), 60))
	// Go writes no size of its own choice; this record is two when the first says that it is shorter.
	sized := bytes.Replace(pax(tar.FormatPAX, &tar.Header{Name: "a", PAXRecords: map[string]string{"A.a": "b\n12 size=600"}}),
		[]byte("21 A.a=b\n"), []byte("9 A.a=bb\n"), 1)
	seed(f, tarOf(f, text, text), tarOf(f, zipOf(f, zipped{name: "a", content: text})), join(tarOf(f, text), gzipOf(f, text)),
		pax(tar.FormatPAX, &tar.Header{Name: long}), pax(tar.FormatGNU, &tar.Header{Name: long}), sized)
	f.Fuzz(func(t *testing.T, content []byte) {
		content = bytes.Clone(content)
		for at := 0; at+tarBlock <= len(content); at += tarBlock {
			if h := content[at : at+tarBlock]; at == 0 || string(h[257:262]) == "ustar" {
				sumTar(h)
			}
		}
		looked := map[int64]bool{}
		w := walked(t, content, func(w *walk, n node) error {
			n.r = starts{n.r, looked}
			return walkTar(w, n)
		})
		if w.refused != nil {
			return
		}
		raw := bytes.NewReader(content)
		in := tar.NewReader(raw)
		for {
			h, err := in.Next()
			if err != nil {
				return
			}
			at := int64(len(content) - raw.Len())
			if n, err := io.Copy(io.Discard, in); err != nil || n == 0 || h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" {
				continue // what is sparse has no one place
			}
			if !looked[at] {
				t.Fatalf("covered, but %q at %d was not seen", h.Name, at)
			}
		}
	})
}

// starts notes where reads begin: where somebody has looked.
type starts struct {
	io.ReaderAt
	at map[int64]bool
}

func (s starts) ReadAt(b []byte, at int64) (int, error) {
	s.at[at] = true
	return s.ReaderAt.ReadAt(b, at)
}

// sumTar sets a header's checksum right.
func sumTar(h []byte) {
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}
