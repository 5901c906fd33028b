package decode

import (
	"bufio"
	"errors"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Z unpacks a .Z file of compress(1): LZW with codes of 9 to at most 16 bits, in groups
// of eight codes that are padded when the width changes. Go's compress/lzw has neither
// the groups nor codes of more than 12 bits.
func Z(r io.Reader) (io.Reader, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, bounded.Unexpected(err)
	}
	width := uint(head[2] & 0x1f)
	if width < 9 || width > 16 {
		return nil, unpack.Damaged("compress with codes of %d bits", width)
	}
	z := &unlzw{in: bufio.NewReader(r), most: width, block: head[2]&0x80 != 0}
	z.reset()
	return bounded.Blocks(z.step), nil
}

const clearZ = 256 // clears the table

type unlzw struct {
	in     *bufio.Reader
	most   uint // widest code
	block  bool // clearZ is used
	width  uint
	group  []byte // of eight codes of width bits, or fewer at the end
	used   uint   // bits of the group that were read
	next   int    // the next free code
	before int    // the code before, or -1
	first  byte   // of the bytes that the code before stands for
	prefix [1 << 16]uint16
	suffix [1 << 16]byte
	out    []byte // the bytes that the last code stands for
}

func (z *unlzw) reset() {
	z.width, z.group, z.used, z.before = 9, nil, 0, -1
	z.next = clearZ
	if z.block {
		z.next++
	}
}

// step unpacks one code.
func (z *unlzw) step() ([]byte, error) {
	if z.next >= 1<<z.width && z.width < z.most {
		z.width++
		z.group, z.used = nil, 0
	}
	code, err := z.code()
	if err != nil {
		return nil, err
	}
	if code == clearZ && z.block {
		z.reset()
		return nil, nil
	}
	at := code
	var tail []byte // in reverse
	if z.before < 0 {
		if code > 255 {
			return nil, errLZW
		}
	} else if code >= z.next {
		if code > z.next || z.next >= 1<<z.most {
			return nil, errLZW
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
	return z.out, nil
}

var errLZW = errors.New("compress: a code that stands for no bytes")

// code reads the next code. A group is width bytes long, except at the end.
func (z *unlzw) code() (int, error) {
	if z.used+z.width > uint(len(z.group))*8 {
		if len(z.group) > 0 && len(z.group) < int(z.width) {
			return 0, io.EOF // the rest is padding
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
