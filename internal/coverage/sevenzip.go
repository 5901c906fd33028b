package coverage

import (
	"bytes"
	"errors"
	"io"

	"github.com/bodgit/sevenzip"
)

// walk7z unpacks all of a 7z. How much memory that takes stands in its header,
// which is read by us first: the library allocates whatever is announced.
func walk7z(w *walk, n node) error {
	h, err := read7zHeader(w, n)
	if err != nil {
		return err
	}
	if h.empty {
		return w.remainder(n, "appended", h.end, n.size-h.end)
	}
	archive, err := sevenzip.NewReader(n.r, n.size)
	if err != nil {
		return sevenError(err)
	}
	for _, f := range archive.File {
		if f.UncompressedSize == 0 || f.FileInfo().IsDir() {
			continue
		}
		if err := w.settle(n, w.sevenMember(n, f, h.known)); err != nil {
			return err
		}
	}
	return w.remainder(n, "appended", h.end, n.size-h.end)
}

func (w *walk) sevenMember(n node, f *sevenzip.File, seen bool) error {
	r, err := f.Open()
	if err != nil {
		return sevenError(err)
	}
	defer r.Close()
	var in io.Reader = sevenReader{r}
	if f.CRC32 != 0 {
		in = &summed{r: in, size: int64(f.UncompressedSize), crc: f.CRC32}
	}
	return w.stream(n, f.Name, in, seen)
}

type sevenReader struct{ io.Reader }

func (s sevenReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, sevenError(err)
}

func sevenError(err error) error {
	var read *sevenzip.ReadError
	if errors.As(err, &read) && read.Encrypted {
		return encrypted("7z")
	}
	return unreadable(err)
}

// coders7z are the methods that the engine opens (libclamav's 7zDec.c), by
// their identifiers in 7-Zip's DOC/Methods.txt.
var coders7z = [][]byte{
	{0x00}, {0x21}, {3, 1, 1}, {3, 4, 1}, // copy, LZMA2, LZMA, PPMd
	{3, 3, 1, 3}, {3, 3, 1, 0x1b}, // BCJ, BCJ2
}

func known7z(id []byte) bool {
	for _, k := range coders7z {
		if bytes.Equal(k, id) {
			return true
		}
	}
	return false
}
