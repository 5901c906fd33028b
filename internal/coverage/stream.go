package coverage

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// maxWindow is the most memory that a decoder may take for what it refers back
// to: the window of zstd -19 --long=27 and twice the dictionary of xz -9.
const maxWindow = 128 << 20

// packed is a form of one compressed stream. The engine has unpacked it if seen.
func packed(name string, open func(n node) (io.Reader, error), seen bool) form {
	return form{name, func(w *walk, n node) error {
		r, err := open(n)
		if err != nil {
			return unreadable(err)
		}
		return w.stream(n, name, r, seen)
	}, true}
}

func all(n node) *bufio.Reader { return bufio.NewReaderSize(n.at(0, n.size), 64<<10) }

func openBzip2(n node) (io.Reader, error) { return bzip2.NewReader(all(n)), nil }
func openXZ(n node) (io.Reader, error)    { return newXZ(all(n)) }
func openZstd(n node) (io.Reader, error)  { return newZstd(all(n)) }
func openLZ4(n node) (io.Reader, error)   { return lz4.NewReader(all(n)), nil }

func newXZ(r io.Reader) (io.Reader, error) {
	x, err := xz.NewReader(r, maxWindow)
	if err != nil {
		return nil, xzError(err)
	}
	return xzReader{x}, nil
}

type xzReader struct{ *xz.Reader }

func (x xzReader) Read(p []byte) (int, error) {
	n, err := x.Reader.Read(p)
	return n, xzError(err)
}

func xzError(err error) error {
	switch {
	case errors.Is(err, xz.ErrMemlimit):
		return tooWide("xz with a dictionary of more than %d bytes", maxWindow)
	case errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck):
		return unsupported("%v", err)
	}
	return err
}

func newZstd(r io.Reader) (io.Reader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, zstdError(err)
	}
	return zstdReader{z}, nil
}

type zstdReader struct{ z *zstd.Decoder }

func (z zstdReader) Read(p []byte) (int, error) {
	n, err := z.z.Read(p)
	return n, zstdError(err)
}

func (z zstdReader) Close() error {
	z.z.Close()
	return nil
}

func zstdError(err error) error {
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return tooWide("zstd with a window of more than %d bytes", maxWindow)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return unsupported("zstd with a dictionary of its own")
	}
	return err
}

// newLZMA opens the format of lzma alone: properties, dictionary size and
// unpacked size in 13 bytes, then the stream. A dictionary that is too large is
// taken as smaller, which does unless the stream refers that far back.
func newLZMA(header [13]byte, r io.Reader) (io.Reader, error) {
	if binary.LittleEndian.Uint32(header[1:]) > maxWindow {
		binary.LittleEndian.PutUint32(header[1:], maxWindow)
	}
	return lzma.NewReader(io.MultiReader(bytes.NewReader(header[:]), r))
}

// isLZMA recognises an lzma file, which has no magic, as xz does
// (lzma_alone_decoder.c): valid properties, a dictionary of 2^n or 2^n + 2^(n-1)
// bytes, a size that is unknown or below 256 GiB. The stream begins with 0.
func isLZMA(_ node, head []byte) bool {
	if len(head) < 18 || head[0] >= 9*5*5 || head[13] != 0 {
		return false
	}
	d := binary.LittleEndian.Uint32(head[1:])
	whole := binary.LittleEndian.Uint64(head[5:])
	round := d != 0 && (d&(d-1) == 0 || d%3 == 0 && (d/3)&(d/3-1) == 0) || d == 1<<32-1
	return round && d >= 1<<12 && (whole == 1<<64-1 || whole > 0 && whole < 1<<38)
}

// walkLZMA unpacks an lzma file. Only with the properties that every writer
// sets is one that cannot be unpacked taken for damaged: with others it is more
// likely to be something else.
func walkLZMA(w *walk, n node) error {
	var header [13]byte
	if err := n.read(header[:], 0); err != nil {
		return err
	}
	r, err := newLZMA(header, bufio.NewReader(n.at(13, n.size)))
	if err != nil {
		return unreadable(err)
	}
	in := &forgiving{r: r, forgive: header[0] != 0x5d}
	return w.stream(n, "lzma", in, false)
}

// looksLZMA is stricter than isLZMA: tables of small numbers look like lzma with
// a large dictionary.
func looksLZMA(b []byte) bool {
	return isLZMA(node{}, b) && (b[4] == 0 || binary.LittleEndian.Uint64(b[5:]) == 1<<64-1)
}

// foundLZMA opens an lzma that search has found.
func foundLZMA(r io.Reader) (io.Reader, error) {
	var header [13]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, unexpected(err)
	}
	return newLZMA(header, r)
}

// forgiving ends where r fails.
type forgiving struct {
	r       io.Reader
	forgive bool
}

func (f *forgiving) Read(p []byte) (int, error) {
	n, err := recovered(f.r, p)
	if err != nil && f.forgive {
		err = io.EOF
	}
	return n, err
}

// zipLZMA opens a zip member of method 14 (APPNOTE 5.8): two bytes of version,
// the length of the properties, the properties, the stream.
func zipLZMA(raw *io.SectionReader, size int64) (io.Reader, error) {
	var head [9]byte
	if _, err := raw.ReadAt(head[:], 0); err != nil || binary.LittleEndian.Uint16(head[2:]) != 5 {
		return nil, damaged("zip member without its lzma properties")
	}
	var header [13]byte
	copy(header[:], head[4:])
	binary.LittleEndian.PutUint64(header[5:], uint64(size))
	return newLZMA(header, bufio.NewReader(io.NewSectionReader(raw, 9, raw.Size()-9)))
}
