package encoded

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/base64"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// uuStart matches the first line of uuencode: the word, which may name base64, and the
// file's mode (POSIX, uuencode).
var uuStart = regexp.MustCompile(`(?i)^begin(-base64)?[ \t]+[0-7]{3,}`)

// uuAt shows the file behind a first line, in uuencode and in xxencode, which has the
// same first line, or in base64.
func uuAt(v *unpack.Visitor, at int64) (int64, error) {
	start := uuStart.FindSubmatch(v.Content().Peek(at, 64))
	if start == nil {
		return 0, nil
	}
	if len(start[1]) > 0 {
		return 0, base64LinesAt(v, at)
	}
	for _, value := range []func(byte) int{uuValue, xxValue} {
		if err := uuLinesAt(v, at, value); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// uuValue returns the value of a character of uuencode, or -1.
func uuValue(c byte) int {
	if c < ' ' || c > '`' {
		return -1
	}
	return int(c-' ') & 63
}

const xxAlphabet = "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// xxValue returns the value of a character of xxencode, or -1.
func xxValue(c byte) int { return strings.IndexByte(xxAlphabet, c) }

// uuLinesAt decodes the lines behind the one at an offset, up to the first that cannot
// be decoded.
func uuLinesAt(v *unpack.Visitor, at int64, value func(byte) int) error {
	if !begins(v.Content().Peek(at, 256), value) {
		return nil
	}
	in := lineReader(v.Content(), at)
	if _, err := in.ReadSlice('\n'); err != nil {
		return nil
	}
	var out []byte
	return show(v, "uuencode", bounded.Blocks(func() ([]byte, error) {
		line, err := in.ReadSlice('\n') // a line of uuencode is shorter than the buffer
		var ok bool
		if out, ok = appendLine(out[:0], bytes.TrimRight(line, "\r\n"), value); !ok || err != nil {
			return out, io.EOF
		}
		return out, nil
	}))
}

// begins reports whether the lines behind the first one decode to enough bytes, as far
// as they are in head.
func begins(head []byte, value func(byte) int) bool {
	lines := bytes.FieldsFunc(head, func(r rune) bool { return r == '\r' || r == '\n' })
	var out []byte
	for i, line := range lines[min(1, len(lines)):] {
		var ok bool
		if out, ok = appendLine(out, line, value); !ok {
			return len(out) >= unpack.MinContent || i == len(lines)-2
		}
	}
	return len(lines) > 1
}

// appendLine decodes a line, whose first character is the number of its bytes. What is
// missing at the end of the line were spaces. ok is false where the line cannot be
// decoded, or is the last one, of 0 bytes.
func appendLine(out, line []byte, value func(byte) int) (_ []byte, ok bool) {
	if len(line) == 0 {
		return out, false
	}
	size := value(line[0])
	if size <= 0 {
		return out, false
	}
	line = line[1:]
	for size > 0 {
		var four [4]int
		for i := range four {
			if i < len(line) {
				four[i] = value(line[i])
			}
			if four[i] < 0 {
				return out, false
			}
		}
		line = line[min(4, len(line)):]
		three := []byte{byte(four[0]<<2 | four[1]>>4), byte(four[1]<<4 | four[2]>>2), byte(four[2]<<6 | four[3])}
		out = append(out, three[:min(3, size)]...)
		size -= 3
	}
	return out, true
}

// base64LinesAt decodes base64 behind the line at an offset, up to the first line with
// another character, or a line of equals signs.
func base64LinesAt(v *unpack.Visitor, at int64) error {
	in := lineReader(v.Content(), at)
	if _, err := in.ReadSlice('\n'); err != nil {
		return nil
	}
	text := bounded.Blocks(func() ([]byte, error) {
		line, err := in.ReadSlice('\n')
		if !base64Line.Match(line) {
			return nil, io.EOF
		}
		return line, endless(err)
	})
	return show(v, "uuencode", base64.Variant{}.Reader(text))
}

var base64Line = regexp.MustCompile(`\A[A-Za-z0-9+/]+={0,2}\s*\z`)
