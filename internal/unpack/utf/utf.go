// Package utf shows text in UTF-16 and UTF-32 in UTF-8, because signatures for
// scripts are written in ASCII, and shows UTF-8 without its byte order mark. It
// refuses nothing: bytes that are not characters are shown as U+FFFD.
package utf

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Format returns the format of text in an encoding of Unicode other than UTF-8
// without a byte order mark.
func Format() unpack.Format {
	return unpack.Format{
		Name:  "UTF-16 and UTF-32",
		Opens: "the text in UTF-8, with or without a byte order mark; UTF-8 without its mark",
		Match: func(_ unpack.Content, head []byte) bool { return len(encodings(head)) > 0 },
		Walk:  walk,
	}
}

// encoding is one way to write characters as bytes.
type encoding struct {
	mark  string // the byte order mark, empty for text without one
	width int    // bytes of one unit: 1, 2 or 4
	order binary.ByteOrder
}

const utf8Mark = "\xef\xbb\xbf"

// encodings returns every encoding in which some program may read a text that begins
// with head. The mark of UTF-32 in little endian begins with the mark of UTF-16.
func encodings(head []byte) []encoding {
	little, big := binary.LittleEndian, binary.BigEndian
	var found []encoding
	for _, e := range []encoding{
		{mark: "\xff\xfe\x00\x00", width: 4, order: little},
		{mark: "\x00\x00\xfe\xff", width: 4, order: big},
		{mark: "\xff\xfe", width: 2, order: little},
		{mark: "\xfe\xff", width: 2, order: big},
		{mark: utf8Mark, width: 1},
		{width: 4, order: little},
		{width: 4, order: big},
		{width: 2, order: little},
		{width: 2, order: big},
	} {
		if e.mark == "" && e.likely(head) || e.mark != "" && bytes.HasPrefix(head, []byte(e.mark)) {
			found = append(found, e)
		}
	}
	return found
}

// likely reports whether head, read in an encoding without a mark, is text: half of
// the characters are of ASCII, few are zero, and all are characters of Unicode.
func (e encoding) likely(head []byte) bool {
	const minUnits = 8
	ascii, zeros, units := 0, 0, 0
	for ; len(head) >= e.width; head = head[e.width:] {
		r := e.unit(head)
		switch {
		case r > utf8.MaxRune:
			return false
		case r == 0:
			zeros++
		case r >= ' ' && r < 0x7f || r == '\t' || r == '\n' || r == '\r':
			ascii++
		}
		units++
	}
	return units >= minUnits && 2*ascii >= units && zeros <= units/8
}

// unit reads the first unit of b, of two or four bytes.
func (e encoding) unit(b []byte) uint32 {
	if e.width == 2 {
		return uint32(e.order.Uint16(b))
	}
	return e.order.Uint32(b)
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	for _, e := range encodings(c.Peek(0, unpack.HeadSize)) {
		text := c.Section(int64(len(e.mark)), c.Size())
		var err error
		if e.width == 1 {
			err = v.Stream("text", text)
		} else {
			err = v.Stream("text", e.reader(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reader returns in as UTF-8.
func (e encoding) reader(in io.Reader) io.Reader {
	page := make([]byte, 32<<10)
	out := make([]byte, 0, 48<<10)
	high := rune(0) // the first half of a surrogate pair, or 0
	return bounded.Blocks(func() ([]byte, error) {
		n, err := io.ReadFull(in, page)
		out = out[:0]
		for b := page[:n]; len(b) >= e.width; b = b[e.width:] {
			r := rune(min(e.unit(b), utf8.MaxRune+1))
			if high != 0 {
				if pair := utf16.DecodeRune(high, r); pair != utf8.RuneError {
					out, high = utf8.AppendRune(out, pair), 0
					continue
				}
				out, high = utf8.AppendRune(out, utf8.RuneError), 0
			}
			if e.width == 2 && r >= 0xd800 && r < 0xdc00 {
				high = r
				continue
			}
			out = utf8.AppendRune(out, r)
		}
		if err == nil {
			return out, nil
		}
		if high != 0 {
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		if err == io.ErrUnexpectedEOF { //nolint:errorlint // as io documents it
			err = io.EOF
		}
		return out, err
	})
}
