package encoded

import (
	"bytes"
	"io"
	"regexp"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// yencStart matches the first line of yEnc (yEnc draft 1.3, 3), whose fields may be in
// any order.
var yencStart = regexp.MustCompile(`^=ybegin [^\r\n]*\bline=[0-9]`)

// yencAt shows the file behind a first line. Of a file in several parts, the part is
// shown.
func yencAt(v *unpack.Visitor, at int64) (int64, error) {
	if !yencStart.Match(v.Content().Peek(at, 128)) {
		return 0, nil
	}
	in := lineReader(v.Content(), at)
	if _, err := in.ReadSlice('\n'); err != nil {
		return 0, nil
	}
	const shift, escapeShift = 42, 64
	var out []byte
	begins, escaped := true, false // the next bytes begin a line; the next byte is escaped
	return 0, show(v, "yEnc", bounded.Blocks(func() ([]byte, error) {
		line, err := in.ReadSlice('\n')
		if begins && bytes.HasPrefix(line, []byte("=y")) {
			if !bytes.HasPrefix(line, []byte("=ypart")) {
				return nil, io.EOF
			}
			return nil, err
		}
		out = out[:0]
		for _, c := range line {
			switch {
			case escaped:
				out, escaped = append(out, c-escapeShift-shift), false
			case c == '=':
				escaped = true
			case c != '\r' && c != '\n':
				out = append(out, c-shift)
			}
		}
		begins = err == nil
		return out, endless(err)
	}))
}
