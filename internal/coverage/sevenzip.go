package coverage

import (
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
		return w.sevenRest(n, h)
	}
	if err := w.hold(h.window); err != nil {
		return err
	}
	defer w.release(h.window)
	archive, err := sevenzip.NewReader(n.r, n.size)
	if err != nil {
		return sevenError(err)
	}
	for _, f := range archive.File {
		if f.UncompressedSize == 0 || f.FileInfo().IsDir() {
			continue
		}
		if err := w.settle(n, w.sevenMember(n, f, h)); err != nil {
			return err
		}
	}
	return w.sevenRest(n, h)
}

func (w *walk) sevenRest(n node, h header7z) error {
	if n.ends(h.end) {
		return nil
	}
	return w.remainder(n, "appended", h.end, n.size-h.end)
}

func (w *walk) sevenMember(n node, f *sevenzip.File, h header7z) error {
	r, err := f.Open()
	switch {
	case err != nil && h.strange != nil:
		return unsupported("7z with method %x", h.strange)
	case err != nil:
		return sevenError(err)
	}
	var in io.Reader = sevenReader{r}
	if f.CRC32 != 0 {
		in = &summed{r: in, size: int64(f.UncompressedSize), crc: f.CRC32}
	}
	// The engine's own reader gives up on headers that others read, and says OK;
	// what it did unpack it answers from its cache.
	return w.stream(n, f.Name, in, false)
}

type sevenReader struct{ io.ReadCloser }

func (s sevenReader) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err == nil || ended(err) {
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

// coders7z are the methods that the library opens, by their identifiers in
// 7-Zip's DOC/Methods.txt.
var coders7z = map[string]bool{
	"\x00": true, "\x21": true, "\x03\x01\x01": true, "\x03\x04\x01": true, // copy, LZMA2, LZMA, PPMd
	"\x03\x03\x01\x03": true, "\x03\x03\x01\x1b": true, // BCJ, BCJ2
	"\x03": true, "\x0a": true, "\x03\x03\x02\x05": true, "\x03\x03\x05\x01": true, "\x03\x03\x08\x05": true, // filters
	"\x04\x01\x08": true, "\x04\x02\x02": true, "\x06\xf1\x07\x01": true, // deflate, bzip2, AES
	"\x04\xf7\x11\x01": true, "\x04\xf7\x11\x02": true, "\x04\xf7\x11\x04": true, // zstd, brotli, lz4
}
