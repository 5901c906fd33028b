package armor

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// lines reads the lines behind the first line of armor. In strings of programs and of
// JSON, line breaks are written as escapes.
type lines struct {
	raw  *bounded.Counter
	in   *bufio.Reader
	line []byte
	// first says that the rest of the first line was read.
	first bool
	// body says that the header fields were read.
	body bool
	// last says that the last line was read.
	last bool
}

// dashes begin the first line and the last.
const dashes = "-----"

// maxLine is how many bytes of a line are read at once. A longer line comes in parts.
const maxLine = 32 << 10

// read returns how many bytes were read.
func (l *lines) read() int64 { return l.raw.N - int64(l.in.Buffered()) }

// next reads a line without its line break into l.line. Dashes end the last line.
func (l *lines) next() error {
	l.line = l.line[:0]
	if l.last {
		return io.EOF
	}
	for len(l.line) < maxLine {
		c, err := l.in.ReadByte()
		switch {
		case err != nil && len(l.line) > 0:
			return nil
		case err != nil:
			return err
		case c == '\n', c == '\r':
			return nil
		case c == '\\':
			if next, _ := l.in.Peek(1); string(next) == "n" || string(next) == "r" {
				_, _ = l.in.Discard(1)
				return nil
			}
		}
		l.line = append(l.line, c)
		if c == '-' && bytes.HasSuffix(l.line, []byte(dashes)) {
			l.line, l.last = l.line[:len(l.line)-len(dashes)], true
			return nil
		}
	}
	return nil
}

// field matches a header field (RFC 9580, 6.2.2), which gpg also takes without a
// value.
var field = regexp.MustCompile(`\A[!-9;-~]+:(?:\s|\z)`)

// base64 returns the characters of the next line. A line that begins with an equals
// sign is the checksum, which ends the content.
func (l *lines) base64() ([]byte, error) {
	if err := l.next(); err != nil {
		return nil, err
	}
	line := bytes.TrimSpace(l.line)
	switch {
	case !l.body && field.Match(line):
		return nil, nil
	case len(line) > 0 && line[0] == '=' && l.body:
		return nil, io.EOF
	}
	l.body = l.body || len(line) > 0
	return line, nil
}

// text returns the next line of a cleartext signed message (RFC 9580, 7.2), in which
// a dash and a space precede each line that begins with a dash.
func (l *lines) text() ([]byte, error) {
	for !l.body { // the rest of the first line, header fields, and an empty line
		line, err := l.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		l.body = l.first && len(bytes.TrimSpace(line)) == 0
		l.first = true
	}
	line, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) { // the line goes on
		err = nil
	}
	if bytes.HasPrefix(line, []byte(dashes)) {
		return nil, io.EOF
	}
	return bytes.TrimPrefix(line, []byte("- ")), err
}
