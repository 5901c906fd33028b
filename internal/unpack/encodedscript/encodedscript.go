// Package encodedscript decodes scripts that Microsoft's Script Encoder has encoded:
// JScript and VBScript that Windows runs on a click (.vbe, .jse), in web pages and in
// other scripts. A script that ends too early is shown as far as it goes.
package encodedscript

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const (
	beginning = "#@~^"
	// headerSize is in bytes: the beginning, and the length of the encoded script, as
	// four bytes in base64.
	headerSize = 12
)

// Format returns the format of encoded scripts. They are found by search.
func Format() unpack.Format {
	return unpack.Format{
		Name:  "encoded script",
		Opens: "JScript and VBScript that the Script Encoder has encoded",
		Marks: []unpack.Mark{{Text: beginning, Start: true, Open: open}},
	}
}

// open shows the script that begins at an offset, decoded. It returns the end of the
// script's header, because another script may begin within the length of a wrong
// one.
func open(v *unpack.Visitor, at int64) (int64, error) {
	header := v.Content().Peek(at, headerSize)
	if len(header) < headerSize {
		return 0, nil
	}
	var length [6]byte
	if n, err := base64.StdEncoding.Decode(length[:], header[len(beginning):]); err != nil || n != 4 {
		return 0, nil
	}
	size := int64(binary.LittleEndian.Uint32(length[:]))
	d := &decoder{in: bufio.NewReaderSize(v.Content().Section(at+headerSize, size), 4<<10)}
	script := bounded.Blocks(d.next)
	if size > v.Content().Size()-at-headerSize { // cut off, or not a script
		script = bounded.UntilError(script)
	}
	return at + headerSize, v.Stream("script", script)
}

// decoder reads a script. The encoder replaces each character of ASCII by a character
// of one of three alphabets. The alphabets are used in a fixed order, which repeats
// every 64 characters.
type decoder struct {
	in    *bufio.Reader
	index int // how many characters of ASCII were decoded
	out   [1 << 10]byte
}

// next decodes the next block of the script.
func (d *decoder) next() ([]byte, error) {
	for n := range d.out {
		c, err := d.in.ReadByte()
		if err != nil {
			return d.out[:n], err
		}
		if d.out[n], err = d.decode(c); err != nil {
			return d.out[:n], err
		}
	}
	return d.out[:], nil
}

// decode returns the character for which c stands.
func (d *decoder) decode(c byte) (byte, error) {
	if c >= 0x80 { // not encoded
		return c, nil
	}
	const order = "0120121221210212021200122102122100212120200120210212001220012021"
	alphabet := order[d.index%len(order)] - '0'
	d.index++
	switch {
	case c == '@':
		escaped, err := d.in.ReadByte()
		return unescaped(escaped), bounded.Unexpected(err)
	case c == '\t':
		return "Wn{"[alphabet], nil
	case c < ' ' || c == '<' || c == '>':
		return c, nil
	}
	return alphabetOf(alphabet)[c-' '], nil
}

// unescaped returns the character for which an at sign and c stand.
func unescaped(c byte) byte {
	switch c {
	case '&':
		return '\n'
	case '#':
		return '\r'
	case '*':
		return '>'
	case '!':
		return '<'
	case '$':
		return '@'
	}
	return c
}

// alphabetOf returns, for one of the three alphabets, the characters for which the
// characters from the space to 0x7f stand, in order.
func alphabetOf(number byte) string {
	switch number {
	case 0:
		return ".GzVBj/&IA42[vrC89pEhqO\tbD#uJ~J^@wJa]\"KoN;LPg*}t" +
			"T+-,0nkf5%!dMRc?{x)(sY3\x7fmUS|:_eFX1ilZH'\\=$y7`Q 6"
	case 1:
		return "-uR`q^I\\b})6 |z\x7fkc3+hQfv1dTCL:L~LE,*t'7DyY/o&rj9" +
			"{?8wgSG4x]0#Z[lHUpi.L!$NP\tVs5aKX;W\"mM%(FJ2A=_OBe"
	}
	return "20!)[83=X:5e9\\VsfNEkbYx^}JmqA`AS@B'Hru17MR\"TjGd-" +
		" \x7f.L]~loytC&v%$+(#A4\t*D?w;UiacPgQIOFh|6pnz/_KZ,W"
}
