package unpack

import (
	"bufio"
	"errors"
	"io"
)

// Content is bytes that can be read at any offset: an uploaded file, a member of a
// container, or a part of one of them.
type Content struct {
	r    io.ReaderAt
	size int64
}

// NewContent is the first size bytes of r.
func NewContent(r io.ReaderAt, size int64) Content {
	return Content{r: r, size: max(size, 0)}
}

// Size is the number of bytes.
func (c Content) Size() int64 { return c.size }

// ReadAt implements io.ReaderAt within the size.
func (c Content) ReadAt(b []byte, at int64) (int, error) {
	return c.Section(0, c.size).ReadAt(b, at)
}

// Fill fills b with the bytes at an offset. If c ends before b is full, the error is a
// Refusal as damaged.
func (c Content) Fill(b []byte, at int64) error {
	if at < 0 || at > c.size-int64(len(b)) {
		return Damaged("ends before byte %d of %d", at+int64(len(b)), c.size)
	}
	_, err := c.r.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// Peek returns n bytes at an offset, or fewer if c ends before or cannot be read.
func (c Content) Peek(at int64, n int) []byte {
	if at < 0 || at >= c.size {
		return nil
	}
	b := make([]byte, min(int64(n), c.size-at))
	got, _ := c.r.ReadAt(b, at)
	return b[:got]
}

// Section is a reader of size bytes at an offset, or of fewer if c ends before.
func (c Content) Section(from, size int64) *io.SectionReader {
	from = min(max(from, 0), c.size)
	return io.NewSectionReader(c.r, from, min(max(size, 0), c.size-from))
}

// Part is the size bytes at an offset as content of its own, or fewer if c ends before.
func (c Content) Part(from, size int64) Content {
	part := c.Section(from, size)
	return Content{r: part, size: part.Size()}
}

// From is all of c from an offset on, as content of its own.
func (c Content) From(at int64) Content { return c.Part(at, c.size) }

// Reader reads c from an offset to its end.
func (c Content) Reader(at int64) *bufio.Reader {
	return bufio.NewReaderSize(c.Section(at, c.size), 64<<10)
}
