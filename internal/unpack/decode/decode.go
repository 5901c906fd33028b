// Package decode has the decoders of single streams, which several formats share. The
// error of a decoder is a refusal if a stream needs more memory than is allowed, or
// something that the decoder does not support. Every other error means damage.
package decode

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// XZ unpacks all streams of xz (tukaani.org, "The .xz File Format").
func XZ(r io.Reader) (io.Reader, error) {
	x, err := xz.NewReader(r, unpack.MaxWindow)
	if err != nil {
		return nil, xzError(err)
	}
	return bounded.Translate(x, xzError), nil
}

func xzError(err error) error {
	switch {
	case errors.Is(err, xz.ErrMemlimit):
		return unpack.TooLarge("xz with a dictionary of more than %d bytes", unpack.MaxWindow)
	case errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck):
		return unpack.Unsupported("%v", err)
	case errors.Is(err, xz.ErrFormat):
		return follows(err)
	}
	return err
}

// Zstd unpacks all frames of Zstandard (RFC 8878).
func Zstd(r io.Reader) (io.Reader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(unpack.MaxWindow))
	if err != nil {
		return nil, zstdError(err)
	}
	return bounded.Translate(zstdReader{z}, zstdError), nil
}

// zstdReader gives a decoder the Close of io.Closer.
type zstdReader struct{ *zstd.Decoder }

func (z zstdReader) Close() error {
	z.Decoder.Close()
	return nil
}

func zstdError(err error) error {
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return unpack.TooLarge("zstd with a window of more than %d bytes", unpack.MaxWindow)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return unpack.Unsupported("zstd that needs a dictionary")
	case errors.Is(err, zstd.ErrMagicMismatch):
		return follows(err)
	}
	return err
}

// LZ4 unpacks all frames of the frame format of LZ4.
func LZ4(r io.Reader) (io.Reader, error) {
	return bounded.Translate(lz4.NewReader(r), func(err error) error {
		if errors.Is(err, lz4.ErrInvalidFrame) {
			return follows(err)
		}
		return err
	}), nil
}

// Bzip2 unpacks all streams of bzip2.
func Bzip2(r io.Reader) (io.Reader, error) {
	return bounded.Translate(bzip2.NewReader(r), func(err error) error {
		if errors.Is(err, bzip2.StructuralError("bad magic value")) ||
			errors.Is(err, bzip2.StructuralError("bad magic value in continuation file")) {
			return follows(err)
		}
		return err
	}), nil
}

// Snappy unpacks the framing format of snappy, and S2, which extends it.
func Snappy(r io.Reader) (io.Reader, error) { return s2.NewReader(r), nil }

// follows is the refusal of bytes after a whole stream, which the decoder has taken for
// the beginning of another stream.
func follows(err error) error {
	r, _ := errors.AsType[*unpack.Refusal](unpack.Damaged("%v", err))
	r.Follows = true
	return r
}

// LZMA unpacks the stream after the header of an lzma file, which has the properties,
// the dictionary size and the unpacked size. A dictionary that is too large is made
// smaller, which only fails if the stream refers to bytes that are so far back.
func LZMA(header [13]byte, r io.Reader) (io.Reader, error) {
	if binary.LittleEndian.Uint32(header[1:]) > unpack.MaxWindow {
		binary.LittleEndian.PutUint32(header[1:], unpack.MaxWindow)
	}
	return lzma.NewReader(io.MultiReader(bytes.NewReader(header[:]), r))
}

// LZMAFile unpacks an lzma file that begins with its header.
func LZMAFile(r io.Reader) (io.Reader, error) {
	var header [13]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, bounded.Unexpected(err)
	}
	return LZMA(header, bufio.NewReader(r))
}
