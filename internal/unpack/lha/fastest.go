package lha

import (
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// NewFastest decodes size bytes of method 4 of ARJ: literals, and lengths and distances
// that begin with the number of their bits in unary.
func NewFastest(r io.Reader, size int64) io.Reader {
	bits := decode.NewBits(r)
	w := newWindow(15, size)
	// number reads a width, of least to most bits, in unary, and then as many bits.
	number := func(least, most uint) int {
		v, width := 0, least
		for ; width < most && bits.Get(1) != 0; width++ {
			v += 1 << width
		}
		return v + int(bits.Get(width))
	}
	step := func() error {
		length := number(0, 7)
		if length == 0 {
			w.put(byte(bits.Get(8)))
			return bits.Err()
		}
		w.copy(number(9, 13)+1, length+2)
		return bits.Err()
	}
	return bounded.Blocks(func() ([]byte, error) { return w.fill(step) })
}
