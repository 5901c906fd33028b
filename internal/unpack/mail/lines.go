package mail

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

// lines reads a mail line by line.
type lines struct {
	in   *bufio.Reader
	rest []byte // was read from in, and not returned
	at   int64  // offset of rest
	// returns says that every carriage return ends a line.
	returns bool
	// within says that what follows continues a line that is longer than the buffer.
	within bool
}

// line is a line with its line break, or a piece of a long line.
type line struct {
	text   []byte
	at     int64
	begins bool // text begins a line
}

func newLines(c unpack.Content, returns bool) *lines {
	return &lines{in: c.Reader(0), returns: returns}
}

// next returns the next line, or io.EOF.
func (l *lines) next() (line, error) {
	if len(l.rest) == 0 {
		var err error
		l.rest, err = l.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && len(l.rest) == 0 {
			return line{}, err
		}
	}
	size := len(l.rest)
	if l.returns {
		if i := bytes.IndexByte(l.rest, '\r'); i >= 0 {
			size = i + 1
			if bytes.HasPrefix(l.rest[size:], []byte{'\n'}) {
				size++
			}
		}
	}
	found := line{text: l.rest[:size], at: l.at, begins: !l.within}
	l.rest, l.at = l.rest[size:], l.at+int64(size)
	l.within = l.eol(found.text) == 0
	return found, nil
}

// eol returns how many bytes the line break at the end of text has.
func (l *lines) eol(text []byte) int {
	switch {
	case bytes.HasSuffix(text, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(text, []byte{'\n'}), l.returns && bytes.HasSuffix(text, []byte{'\r'}):
		return 1
	}
	return 0
}

// hasLoneReturns reports whether a carriage return is not followed by a line feed. It
// ends a line for some readers.
func hasLoneReturns(c unpack.Content) (bool, error) {
	in := c.Reader(0)
	for {
		_, err := in.ReadSlice('\r')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return false, err
		}
		if next, _ := in.Peek(1); len(next) == 1 && next[0] != '\n' {
			return true, nil
		}
	}
}
