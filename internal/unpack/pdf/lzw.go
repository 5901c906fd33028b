package pdf

import (
	"bufio"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const (
	lzwClear  = 256
	lzwEnd    = 257
	lzwFirst  = 258 // the first code that stands for more than one byte
	lzwWidest = 12  // bits
)

// lzwReader unpacks codes of 9 to 12 bits, the highest bit first (7.4.4.2). By default
// their width changes one code early, which Go's compress/lzw does not support.
// hhrutter/lzw does, but it loses the last entry of the table and panics where a writer
// clears a full table late, as readers allow (TestLateClear).
type lzwReader struct {
	in     *bufio.Reader
	early  int // 1 where the width changes early
	bits   uint32
	have   uint // bits that were not used
	width  uint // bits of a code
	next   int  // the next code to be added to the table
	before int  // the code before, -1 behind a clear code
	prefix [1 << lzwWidest]uint16
	suffix [1 << lzwWidest]byte
	out    [1 << lzwWidest]byte
}

func newLZW(in *bufio.Reader, early bool) io.Reader {
	z := &lzwReader{in: in, next: lzwFirst, width: 9, before: -1}
	if early {
		z.early = 1
	}
	return bounded.Blocks(z.step)
}

// step unpacks one code.
func (z *lzwReader) step() ([]byte, error) {
	for z.have < z.width {
		c, err := z.in.ReadByte()
		if err != nil {
			return nil, io.EOF
		}
		z.bits, z.have = z.bits<<8|uint32(c), z.have+8
	}
	z.have -= z.width
	code := int(z.bits >> z.have & (1<<z.width - 1))
	switch {
	case code == lzwClear:
		z.width, z.next, z.before = 9, lzwFirst, -1
		return nil, nil
	case code == lzwEnd || code > z.next || code == z.next && z.before < 0:
		return nil, io.EOF
	}
	return z.expand(code), nil
}

// expand returns the bytes that a code stands for, and adds an entry to the table.
func (z *lzwReader) expand(code int) []byte {
	at, c := len(z.out), code
	if code == z.next { // the string before, and its first byte again
		at--
		c = z.before
	}
	for ; c >= lzwFirst && at > 1; c = int(z.prefix[c]) {
		at--
		z.out[at] = z.suffix[c]
	}
	at--
	z.out[at] = byte(c)
	if code == z.next {
		z.out[len(z.out)-1] = byte(c)
	}
	if z.before >= 0 && z.next < 1<<lzwWidest {
		z.prefix[z.next], z.suffix[z.next] = uint16(z.before), byte(c)
		z.next++
	}
	if z.next+z.early >= 1<<z.width && z.width < lzwWidest {
		z.width++
	}
	z.before = code
	return z.out[at:]
}
