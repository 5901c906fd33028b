package encoded

import (
	"bufio"
	"encoding/ascii85"
	"io"
	"regexp"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// ascii85Start matches the mark that Adobe puts in front of Ascii85, and more
// characters than text in angle brackets has.
var ascii85Start = regexp.MustCompile(`^<~[!-uz\s]{64}`)

// ascii85At shows the file behind a mark, up to the next tilde.
func ascii85At(v *unpack.Visitor, at int64) (int64, error) {
	const mark = 2 // bytes
	c := v.Content()
	if !ascii85Start.Match(c.Peek(at, mark+64)) {
		return 0, nil
	}
	in := bufio.NewReaderSize(c.Section(at+mark, c.Size()), bufferSize)
	text := bounded.Blocks(func() ([]byte, error) {
		page, err := in.ReadSlice('~')
		if err == nil {
			return page[:len(page)-1], io.EOF
		}
		return page, endless(err)
	})
	return 0, show(v, "Ascii85", ascii85.NewDecoder(text))
}
