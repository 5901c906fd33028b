// Package encoded opens files that text contains in encodings other than base64:
// uuencode and its variants, yEnc, Ascii85 and BinHex. It also has the decoder of
// quoted-printable, which package mail uses. Text does not say where an encoded file
// should end, so that only BinHex, which has lengths, is refused where it is cut off.
package encoded

import (
	"bufio"
	"bytes"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Formats returns the encodings that are found in text.
func Formats() []unpack.Format { return []unpack.Format{linesFormat(), binhexFormat()} }

func linesFormat() unpack.Format {
	return unpack.Format{
		Name:  "uuencode and similar",
		Opens: "uuencode, also with base64, xxencode, yEnc and Ascii85 anywhere in text",
		Marks: []unpack.Mark{
			{Text: "begin", Fold: true, Start: true, Open: uuAt},
			{Text: "=ybegin", Start: true, Open: yencAt},
			{Text: "<~", Start: true, Open: ascii85At},
		},
	}
}

// bufferSize is in bytes. Most marks are followed by a few bytes of an encoded file, or
// by none.
const bufferSize = 4 << 10

// lineReader returns a reader from an offset. Where lines end with carriage returns
// alone, it replaces them by line feeds.
func lineReader(c unpack.Content, at int64) *bufio.Reader {
	head := c.Peek(at, 256)
	if bytes.IndexByte(head, '\n') >= 0 || bytes.IndexByte(head, '\r') < 0 {
		return bufio.NewReaderSize(c.Section(at, c.Size()), bufferSize)
	}
	return bufio.NewReaderSize(lineFeeds{c.Section(at, c.Size())}, bufferSize)
}

// lineFeeds replaces carriage returns by line feeds.
type lineFeeds struct{ r io.Reader }

func (f lineFeeds) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// show shows a decoded file up to the first error, because text may follow the file.
func show(v *unpack.Visitor, name string, r io.Reader) error {
	in := bufio.NewReader(bounded.UntilError(r))
	if _, err := in.Peek(unpack.MinContent); err != nil {
		return nil
	}
	return v.Guess(func() error { return v.Stream(name, in) })
}

// endless returns nil for the error of a bufio.Reader whose buffer is full: the line
// goes on.
func endless(err error) error {
	if err == bufio.ErrBufferFull { //nolint:errorlint // as bufio documents it
		return nil
	}
	return err
}
