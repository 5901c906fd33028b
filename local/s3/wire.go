package s3

import (
	"bytes"
	"errors"
	"io"
)

// signedTrailer is a body in signed chunks in the form that the gateway reads. Some clients end the line of the
// trailing checksum with one more line feed, which S3 accepts and the gateway refuses. It is moved to the end, which is
// not read, so that the length stays the same.
type signedTrailer struct {
	io.ReadCloser
	held  []byte // may be a part of the trailer
	ended error
}

// trailerSize is larger than a checksum with its signature, in bytes.
const trailerSize = 512

func (t *signedTrailer) Read(p []byte) (int, error) {
	for t.ended == nil && len(t.held) <= trailerSize {
		more := make([]byte, 64<<10)
		n, err := t.ReadCloser.Read(more)
		t.held, t.ended = append(t.held, more[:n]...), err
		if errors.Is(err, io.EOF) {
			t.held = moveLineFeed(t.held)
		}
	}
	ready := t.held
	if t.ended == nil {
		ready = ready[:len(ready)-trailerSize]
	}
	n := copy(p, ready)
	if t.held = t.held[n:]; len(t.held) == 0 {
		return n, t.ended
	}
	return n, nil
}

// moveLineFeed returns the end of a body with the line feed moved.
func moveLineFeed(end []byte) []byte {
	before, signature, found := bytes.Cut(end, []byte("\n\r\nx-amz-trailer-signature:"))
	if !found {
		return end
	}
	return bytes.Join([][]byte{before, []byte("\r\nx-amz-trailer-signature:"), signature, {'\n'}}, nil)
}
