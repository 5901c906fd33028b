package base64

import (
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Variant says how to read base64 where programs differ. The zero value reads it as
// RFC 2045, 6.8, says: characters that are not in the alphabet are skipped. What
// follows padding is read too.
type Variant struct {
	// URL reads - and _ as + and / (RFC 4648, 5).
	URL bool
	// Joined skips padding like any other character, so that the characters behind it
	// continue the group in which it is.
	Joined bool
}

// Decoder reads bytes that are written in base64. Groups of four characters stand for
// three bytes.
type Decoder struct {
	io.Reader
	in      io.Reader
	how     Variant
	page    [4 << 10]byte
	out     []byte // bytes of one page
	group   uint32 // the bits of a group that is not complete
	have    int    // characters of the group
	pads    int    // padding behind them
	earlier int64  // bytes of earlier pages
	found   Ambiguities
}

// Ambiguities are what a Decoder has read that programs read in different ways. Offsets
// count decoded bytes, and are -1 for what was not read.
type Ambiguities struct {
	Padding int64 // the first padding that ends a group
	Foreign int64 // the first character that is neither of base64 nor white space
	After   bool  // characters of base64 follow the first padding
	URL     bool  // there is a - or _
}

// Reader returns a decoder of in. It fails only where in does.
func (b Variant) Reader(in io.Reader) *Decoder {
	d := &Decoder{in: in, how: b, found: Ambiguities{Padding: -1, Foreign: -1}}
	d.Reader = bounded.Blocks(d.next)
	return d
}

// Found returns what was found in what was read so far.
func (d *Decoder) Found() Ambiguities { return d.found }

// Values of characters that are not in the alphabet. Those of the alphabet are 0 to
// 63.
const (
	blank   = 64 // white space
	foreign = 255
)

// charValue has the value of each character.
var charValue = func() (t [256]byte) {
	for i := range t {
		t[i] = foreign
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	for _, c := range []byte(" \t\r\n\v\f") {
		t[c] = blank
	}
	return t
}()

// inAlphabet reports whether c is one of the 64 characters of base64.
func inAlphabet(c byte) bool { return charValue[c] < blank }

// inURLAlphabet reports whether c is one of the two characters that only base64url
// has.
func inURLAlphabet(c byte) bool { return c == '-' || c == '_' }

func (d *Decoder) value(c byte) byte {
	if inURLAlphabet(c) {
		d.found.URL = true
		switch {
		case d.how.URL && c == '-':
			return charValue['+']
		case d.how.URL:
			return charValue['/']
		}
	}
	return charValue[c]
}

// next decodes one page.
func (d *Decoder) next() ([]byte, error) {
	got, err := d.in.Read(d.page[:])
	d.out = d.out[:0]
	for _, c := range d.page[:got] {
		switch v := d.value(c); {
		case v < blank:
			d.found.After = d.found.After || d.found.Padding >= 0
			d.group, d.have, d.pads = d.group<<6|uint32(v), d.have+1, 0
			if d.have == 4 {
				d.endGroup()
			}
		case c == '=' && d.have >= 2 && !d.how.Joined:
			if d.pads++; d.have+d.pads >= 4 {
				d.endGroup()
				if d.found.Padding < 0 {
					d.found.Padding = d.earlier + int64(len(d.out))
				}
			}
		case v == foreign && c != '=' && d.found.Foreign < 0:
			d.found.Foreign = d.earlier + int64(len(d.out)+max(0, d.have-1))
		}
	}
	if err != nil {
		d.endGroup()
	}
	d.earlier += int64(len(d.out))
	return d.out, err
}

// endGroup adds the bytes of a group, which may have fewer than four characters.
func (d *Decoder) endGroup() {
	group := d.group << (6 * uint(4-d.have))
	three := [3]byte{byte(group >> 16), byte(group >> 8), byte(group)}
	d.out = append(d.out, three[:max(0, d.have-1)]...)
	d.group, d.have, d.pads = 0, 0, 0
}
