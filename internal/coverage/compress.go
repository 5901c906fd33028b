package coverage

import (
	"bufio"
	"errors"
	"io"
	"slices"
)

// openZ unpacks compress(1)'s .Z: LZW with codes of 9 to at most 16 bits, in
// groups of eight codes that are padded when the width changes. Go's own
// compress/lzw knows neither the groups nor more than 12 bits.
func openZ(n node) (io.Reader, error) { return newZ(all(n)) }

func newZ(r io.Reader) (io.Reader, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, unexpected(err)
	}
	width := uint(head[2] & 0x1f)
	if width < 9 || width > 16 {
		return nil, damaged("compress with codes of %d bits", width)
	}
	z := &unlzw{in: bufio.NewReader(r), most: width, block: head[2]&0x80 != 0}
	z.reset()
	return z, nil
}

const clearZ = 256

type unlzw struct {
	in     *bufio.Reader
	most   uint // widest code
	block  bool // code 256 clears the table
	width  uint
	group  []byte // the rest of the group of eight codes, in its width
	used   uint   // bits of it
	next   int    // the next free code
	before int    // -1 at the beginning
	first  byte   // of the string before
	prefix [1 << 16]uint16
	suffix [1 << 16]byte
	out    []byte // unpacked and not yet taken
	err    error
}

func (z *unlzw) reset() {
	z.width, z.group, z.used, z.before = 9, nil, 0, -1
	z.next = clearZ
	if z.block {
		z.next++
	}
}

func (z *unlzw) Read(p []byte) (int, error) {
	for len(z.out) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		z.err = z.step()
	}
	n := copy(p, z.out)
	z.out = z.out[n:]
	return n, nil
}

// step unpacks one code.
func (z *unlzw) step() error {
	if z.next >= 1<<z.width && z.width < z.most {
		z.width++
		z.group, z.used = nil, 0
	}
	code, err := z.code()
	if err != nil {
		return err
	}
	if code == clearZ && z.block {
		z.reset()
		return nil
	}
	at := code
	var tail []byte // in reverse
	if z.before < 0 {
		if code > 255 {
			return errLZW
		}
	} else if code >= z.next {
		if code > z.next || z.next >= 1<<z.most {
			return errLZW
		}
		tail, at = append(tail, z.first), z.before
	}
	for at > 255 {
		tail, at = append(tail, z.suffix[at]), int(z.prefix[at])
	}
	z.first = byte(at)
	tail = append(tail, z.first)
	if z.before >= 0 && z.next < 1<<z.most {
		z.prefix[z.next], z.suffix[z.next] = uint16(z.before), z.first
		z.next++
	}
	z.before = code
	z.out = z.out[:0]
	for _, b := range slices.Backward(tail) {
		z.out = append(z.out, b)
	}
	return nil
}

var errLZW = errors.New("compress: a code that nothing stands for")

// code takes the next code, of a group that is width bytes long except at the
// end.
func (z *unlzw) code() (int, error) {
	if z.used+z.width > uint(len(z.group))*8 {
		if len(z.group) > 0 && len(z.group) < int(z.width) {
			return 0, io.EOF // what is left is padding
		}
		z.group, z.used = make([]byte, z.width), 0
		got, err := io.ReadFull(z.in, z.group)
		if err != nil && got == 0 {
			return 0, err
		}
		if z.group = z.group[:got]; uint(got)*8 < z.width {
			return 0, io.EOF
		}
	}
	var v uint
	for i := range z.width {
		bit := z.used + i
		v |= uint(z.group[bit/8]>>(bit%8)&1) << i
	}
	z.used += z.width
	return int(v), nil
}
