// Package bounded has readers for formats to put around decoders: they check sizes and
// checksums, join blocks, and end where their input fails.
package bounded

import (
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Reader reads as many bytes as a container announces, and perhaps checks their
// checksum. It fails if r ends earlier, or if the checksum differs.
type Reader struct {
	r      io.Reader
	size   int64
	sum    hash.Hash32 // nil where none is announced
	want   uint32
	strict bool // r must end after size bytes

	got int64
}

// Exactly reads the next size bytes of r, and no more.
func Exactly(r io.Reader, size int64) *Reader { return &Reader{r: r, size: size} }

// Whole reads r to its end, which must come after size bytes. If more bytes come, they
// are read before the error.
func Whole(r io.Reader, size int64) *Reader { return &Reader{r: r, size: size, strict: true} }

// CRC32 sets the CRC-32 (IEEE) that all bytes together must have. It returns b.
func (b *Reader) CRC32(want uint32) *Reader { return b.Sum(crc32.NewIEEE(), want) }

// Sum sets another checksum that all bytes together must have. It returns b.
func (b *Reader) Sum(h hash.Hash32, want uint32) *Reader {
	b.sum, b.want = h, want
	return b
}

// Left is the number of announced bytes that have not come yet.
func (b *Reader) Left() int64 { return b.size - b.got }

// Read implements io.Reader.
func (b *Reader) Read(p []byte) (int, error) {
	if !b.strict {
		if b.Left() <= 0 {
			return 0, b.atEnd()
		}
		p = p[:min(int64(len(p)), b.Left())]
	}
	n, err := b.r.Read(p)
	b.got += int64(n)
	if b.sum != nil {
		b.sum.Write(p[:n])
	}
	if Ended(err) {
		return n, b.atEnd()
	}
	return n, err
}

// atEnd is io.EOF if all announced bytes have come with the right checksum.
func (b *Reader) atEnd() error {
	switch {
	case b.got < b.size:
		return fmt.Errorf("got %d of %d bytes: %w", b.got, b.size, io.ErrUnexpectedEOF)
	case b.got > b.size:
		return fmt.Errorf("got more than %d bytes", b.size)
	case b.sum != nil && b.sum.Sum32() != b.want:
		return fmt.Errorf("got the checksum %08x, want %08x", b.sum.Sum32(), b.want)
	}
	return io.EOF
}

// Close closes r if it is an io.Closer.
func (b *Reader) Close() error {
	if c, ok := b.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Ended reports whether a reader came to its end in good order: an error that wraps
// io.EOF is how a decoder says that its input was cut off.
func Ended(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

// Unexpected returns io.ErrUnexpectedEOF in place of io.EOF, for readers that have read
// a part of something.
func Unexpected(err error) error {
	if Ended(err) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Blocks reads the blocks that next returns. A block must stay as it is until the next
// call. A block that comes with an error is read before the error; an empty block is
// not the end.
func Blocks(next func() ([]byte, error)) io.Reader { return &blocks{next: next} }

type blocks struct {
	next func() ([]byte, error)
	rest []byte
	err  error
}

func (b *blocks) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.rest, b.err = b.next()
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// UntilError ends where r fails, for any reason; the bytes before that count.
func UntilError(r io.Reader) io.Reader { return &untilError{r} }

type untilError struct{ r io.Reader }

func (f *untilError) Read(p []byte) (n int, err error) {
	defer func() {
		if recover() != nil { // hostile bytes may cause a panic in a decoder
			n, err = 0, io.EOF
		}
	}()
	n, err = f.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// Close closes r if it is an io.Closer.
func (f *untilError) Close() error {
	if c, ok := f.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Zeros reads size zeros.
func Zeros(size int64) io.Reader { return io.LimitReader(zeros{}, size) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Func is a reader without other methods.
type Func func(p []byte) (int, error)

// Read implements io.Reader.
func (f Func) Read(p []byte) (int, error) { return f(p) }

// Counter counts the bytes N that were read from R.
type Counter struct {
	R io.Reader
	N int64
}

// Read implements io.Reader.
func (c *Counter) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N += int64(n)
	return n, err
}

// Translate replaces the errors of r by those that translate returns for them, except
// nil and io.EOF.
func Translate(r io.Reader, translate func(error) error) io.Reader {
	return &translated{r, translate}
}

type translated struct {
	r         io.Reader
	translate func(error) error
}

func (t *translated) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err == nil || Ended(err) {
		return n, err
	}
	return n, t.translate(err)
}

// Close closes r if it is an io.Closer.
func (t *translated) Close() error {
	if c, ok := t.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
