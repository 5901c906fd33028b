package coverage

import (
	"bufio"
	"encoding/ascii85"
	"encoding/hex"
	"io"

	"github.com/klauspost/compress/flate"
)

// pdfDecoder is one filter (ISO 32000-1, 7.4), nil for those of pictures and
// others that are not known.
func pdfDecoder(name pdfName, parms pdfDict, in *bufio.Reader) io.Reader {
	switch name {
	case "FlateDecode", "Fl":
		// Readers look at neither the two bytes of zlib's header nor its checksum.
		_, _ = in.Discard(2)
		return pdfPredictor(parms, flate.NewReader(in))
	case "LZWDecode", "LZW":
		return pdfPredictor(parms, &pdfLZW{in: in, early: int(min(1, max(0, parms.number("EarlyChange", 1)))), next: 258, width: 9, before: -1})
	case "RunLengthDecode", "RL":
		return &runLength{in: in}
	case "ASCIIHexDecode", "AHx":
		return hex.NewDecoder(&digits{in: in})
	case "ASCII85Decode", "A85":
		if mark, _ := in.Peek(2); string(mark) == "<~" {
			_, _ = in.Discard(2)
		}
		return ascii85.NewDecoder(&until{r: in, end: '~'})
	case "Crypt": // what it says is tried, whatever it says
		return in
	}
	return nil
}

// until ends before a byte.
type until struct {
	r   *bufio.Reader
	end byte
}

func (u *until) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c, err := u.r.ReadByte()
		if err != nil || c == u.end {
			return n, io.EOF
		}
		p[n] = c
		n++
	}
	return n, nil
}

// runLength is what PackBits makes: a length and literal bytes, or one byte
// that is repeated.
type runLength struct {
	in     *bufio.Reader
	left   int
	repeat bool
	c      byte
}

func (r *runLength) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.left == 0 {
			length, err := r.in.ReadByte()
			if err != nil || length == 128 {
				return n, io.EOF
			}
			r.left, r.repeat = int(length)+1, length > 128
			if r.repeat {
				r.left = 257 - int(length)
				if r.c, err = r.in.ReadByte(); err != nil {
					return n, io.EOF
				}
			}
		}
		if !r.repeat {
			if r.c, err = r.in.ReadByte(); err != nil {
				return n, io.EOF
			}
		}
		p[n] = r.c
		n++
		r.left--
	}
	return n, nil
}

// pdfLZW unpacks codes of 9 to 12 bits, the highest bit first. By default their
// width changes one code early, which Go's own compress/lzw does not know.
type pdfLZW struct {
	in     *bufio.Reader
	early  int
	bits   uint32
	have   uint
	width  uint
	next   int
	before int
	prefix [1 << 12]uint16
	suffix [1 << 12]byte
	buf    [1 << 12]byte
	out    []byte
}

func (z *pdfLZW) Read(p []byte) (int, error) {
	for len(z.out) == 0 {
		for z.have < z.width {
			c, err := z.in.ReadByte()
			if err != nil {
				return 0, io.EOF
			}
			z.bits, z.have = z.bits<<8|uint32(c), z.have+8
		}
		z.have -= z.width
		code := int(z.bits >> z.have & (1<<z.width - 1))
		switch {
		case code == 256:
			z.width, z.next, z.before = 9, 258, -1
		case code == 257 || code > z.next || code == z.next && z.before < 0:
			return 0, io.EOF
		default:
			z.step(code)
		}
	}
	n := copy(p, z.out)
	z.out = z.out[n:]
	return n, nil
}

// step unpacks a code and adds what it makes known to the table.
func (z *pdfLZW) step(code int) {
	at, c := len(z.buf), code
	if code == z.next { // the string before, and its first byte again
		at--
		c = z.before
	}
	for ; c >= 258 && at > 1; c = int(z.prefix[c]) {
		at--
		z.buf[at] = z.suffix[c]
	}
	at--
	z.buf[at] = byte(c)
	if code == z.next {
		z.buf[len(z.buf)-1] = byte(c)
	}
	if z.before >= 0 && z.next < 1<<12 {
		z.prefix[z.next], z.suffix[z.next] = uint16(z.before), byte(c)
		z.next++
	}
	if z.next+z.early >= 1<<z.width && z.width < 12 {
		z.width++
	}
	z.before, z.out = code, z.buf[at:]
}

// maxPDFRow is far more than the row of a picture.
const maxPDFRow = 1 << 20

// pdfPredictor undoes what made rows easier to pack, nil if it is not known how.
func pdfPredictor(parms pdfDict, r io.Reader) io.Reader {
	kind := parms.number("Predictor", 1)
	colors, bits, columns := parms.number("Colors", 1), parms.number("BitsPerComponent", 8), parms.number("Columns", 1)
	if kind < 2 {
		return r
	}
	if colors < 1 || colors > 64 || bits < 1 || bits > 16 || columns < 1 || columns > maxPDFRow {
		return nil
	}
	row, pixel := (colors*bits*columns+7)/8, max(1, (colors*bits+7)/8)
	if row > maxPDFRow || kind == 2 && bits != 8 {
		return nil
	}
	return &predicted{in: bufio.NewReader(r), png: kind >= 10, pixel: int(pixel), row: make([]byte, row), above: make([]byte, row)}
}

type predicted struct {
	in         *bufio.Reader
	png        bool
	pixel      int
	row, above []byte
	out        []byte
}

func (p *predicted) Read(b []byte) (int, error) {
	for len(p.out) == 0 {
		kind := byte(1) // TIFF's is PNG's first
		if p.png {
			var err error
			if kind, err = p.in.ReadByte(); err != nil {
				return 0, io.EOF
			}
		}
		p.row, p.above = p.above, p.row
		if !p.png {
			clear(p.above)
		}
		got, _ := io.ReadFull(p.in, p.row)
		if got == 0 {
			return 0, io.EOF
		}
		p.undo(kind, p.row[:got])
		p.out = p.row[:got]
	}
	n := copy(b, p.out)
	p.out = p.out[n:]
	return n, nil
}

// undo is PNG's (RFC 2083, 6).
func (p *predicted) undo(kind byte, row []byte) {
	for i := range row {
		var left, corner byte
		if i >= p.pixel {
			left, corner = row[i-p.pixel], p.above[i-p.pixel]
		}
		switch up := p.above[i]; kind {
		case 1:
			row[i] += left
		case 2:
			row[i] += up
		case 3:
			row[i] += byte((int(left) + int(up)) / 2)
		case 4:
			row[i] += paeth(left, up, corner)
		}
	}
}

func paeth(left, up, corner byte) byte {
	guess := int(left) + int(up) - int(corner)
	a, b, c := distance(guess, left), distance(guess, up), distance(guess, corner)
	switch {
	case a <= b && a <= c:
		return left
	case b <= c:
		return up
	}
	return corner
}

func distance(a int, b byte) int { return max(a-int(b), int(b)-a) }
