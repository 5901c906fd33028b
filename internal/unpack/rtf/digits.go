package rtf

import (
	"bufio"
	"bytes"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

// digits reads the bytes that hexadecimal digits stand for, up to the end of the group
// in which they are.
type digits struct {
	in  *bufio.Reader
	how reading

	begun bool   // something was read
	high  int    // the first digit of a byte, or -1
	depth int    // groups that are open
	skip  int    // depth of the group whose digits do not count, or 0
	raw   int64  // raw bytes that follow
	out   []byte // of one block

	taken  int64 // bytes of text that were read
	closed bool  // the end of the group was read
	found  features
}

func newDigits(in *bufio.Reader, how reading) *digits { return &digits{in: in, how: how, high: -1} }

func (d *digits) reader() io.Reader { return bounded.Blocks(d.next) }

// next reads one block.
func (d *digits) next() ([]byte, error) {
	d.out = d.out[:0]
	for len(d.out) < 1<<10 {
		c, err := d.byte()
		switch {
		case err != nil:
			return d.out, err
		case d.raw > 0:
			d.rawByte(c)
		case c == '{':
			d.open()
		case c == '}':
			if d.close(); d.closed {
				return d.out, io.EOF
			}
		case c == '\\':
			d.control()
		case !d.begun && (c >= '0' && c <= '9' || c == '-'):
			d.argument(c)
		case hexdigit.Value(c) >= 0:
			d.digit(c)
		}
		d.begun = true
	}
	return d.out, nil
}

func (d *digits) byte() (byte, error) {
	c, err := d.in.ReadByte()
	if err == nil {
		d.taken++
	}
	return c, err
}

func (d *digits) discard(n int) {
	n, _ = d.in.Discard(n)
	d.taken += int64(n)
}

// digit takes one digit.
func (d *digits) digit(c byte) {
	switch {
	case d.skip > 0:
	case d.high < 0:
		d.high = hexdigit.Value(c)
	default:
		d.out = append(d.out, byte(d.high<<4|hexdigit.Value(c)))
		d.high = -1
	}
}

// rawByte takes one byte behind \bin.
func (d *digits) rawByte(c byte) {
	d.raw--
	if d.skip == 0 && d.how.bin == usual {
		d.out = append(d.out, c)
	}
}

// open begins a group. A group that begins with \* is optional (RTF 1.9.1,
// "Destinations").
func (d *digits) open() {
	d.depth++
	next, _ := d.in.Peek(16)
	optional := bytes.HasPrefix(bytes.TrimLeft(next, " \t\r\n"), []byte(`\*`))
	d.found.optional = d.found.optional || optional
	d.found.groups = d.found.groups || !optional
	counts := d.how.groups == third || d.how.groups == usual && !optional
	if !counts && d.skip == 0 {
		d.skip = d.depth
	}
}

// close ends a group.
func (d *digits) close() {
	if d.depth--; d.depth < 0 {
		d.closed = true
		return
	}
	if d.depth < d.skip {
		d.skip = 0
	}
}

// control takes a control word or a control symbol behind its backslash.
func (d *digits) control() {
	const maxWord = 255 // bytes
	next, _ := d.in.Peek(maxWord)
	n := 0
	for n < len(next) && (next[n]|0x20 >= 'a' && next[n]|0x20 <= 'z') {
		n++
	}
	if n == 0 {
		d.symbol(next)
		return
	}
	word := string(next[:n])
	d.discard(n)
	if number := d.number(); word == "bin" {
		d.found.bin = true
		d.raw = number
	}
	if next, _ := d.in.Peek(1); len(next) == 1 && next[0] == ' ' {
		d.discard(1)
	}
}

// number reads the argument of a control word.
func (d *digits) number() (n int64) {
	const most = 1 << 40 // more than the size of any file
	next, _ := d.in.Peek(1)
	if len(next) == 1 && next[0] == '-' {
		d.discard(1)
	}
	for {
		next, _ := d.in.Peek(1)
		if len(next) == 0 || next[0] < '0' || next[0] > '9' {
			return n
		}
		n = min(n*10+int64(next[0]-'0'), most)
		d.discard(1)
	}
}

// symbol takes a control symbol. \'hh is a byte of text outside of objects.
func (d *digits) symbol(next []byte) {
	if len(next) == 0 {
		return
	}
	if len(next) < 3 || next[0] != '\'' {
		d.discard(1)
		return
	}
	d.found.escaped = true
	d.discard(3)
	switch d.how.escaped {
	case second:
		d.high = -1
	case third:
		d.digit(next[1])
		d.digit(next[2])
	}
}

// argument takes decimal digits right behind the word of the object, of which c is
// the first.
func (d *digits) argument(c byte) {
	d.found.argument = true
	for {
		if d.how.argument == second && c != '-' {
			d.digit(c)
		}
		next, _ := d.in.Peek(1)
		if len(next) == 0 || next[0] < '0' || next[0] > '9' {
			return
		}
		c = next[0]
		d.discard(1)
	}
}
