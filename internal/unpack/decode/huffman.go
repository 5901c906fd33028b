package decode

import (
	"bufio"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

var errCode = errors.New("invalid Huffman code")

const (
	maxLength  = 16 // bits of the longest code
	fastLength = 9  // bits of the longest code in Huffman.fast
)

// Huffman is a canonical code: its values go up with the length, and among the codes of
// one length with the symbol.
type Huffman struct {
	fast    [1 << fastLength]uint32 // by the next bits: symbol<<8 | length of the code, or 0
	counts  [maxLength + 1]int      // codes by length
	symbols []uint16                // in the order of their codes
	single  int                     // the only symbol, whose code has no bits; otherwise -1
}

// NewHuffman makes the code for symbols whose codes have these lengths, in bits; 0 is a
// symbol that is not used. Every value of maxLength bits must begin with a code, unless
// no symbol is used at all.
func NewHuffman(lengths []byte) (*Huffman, error) {
	h, used, err := newHuffman(lengths)
	if used != 1<<maxLength && used != 0 {
		return nil, errCode
	}
	return h, err
}

// NewPartialHuffman is NewHuffman, but some values of maxLength bits may begin with no
// code.
func NewPartialHuffman(lengths []byte) (*Huffman, error) {
	h, _, err := newHuffman(lengths)
	return h, err
}

// newHuffman also returns how many values of maxLength bits begin with a code.
func newHuffman(lengths []byte) (h *Huffman, used int, err error) {
	h = &Huffman{single: -1}
	next := 0
	for length := 1; length <= maxLength; length++ {
		next <<= 1
		for s, l := range lengths {
			if int(l) != length {
				continue
			}
			h.symbols = append(h.symbols, uint16(s))
			h.counts[length]++
			if used += 1 << (maxLength - length); used > 1<<maxLength {
				return nil, used, errCode
			}
			if length <= fastLength {
				spare := fastLength - length
				for i := range 1 << spare {
					h.fast[next<<spare|i] = uint32(s)<<8 | uint32(length)
				}
			}
			next++
		}
	}
	return h, used, nil
}

// OneSymbol is the code of one symbol, and has no bits.
func OneSymbol(symbol int) *Huffman { return &Huffman{single: symbol} }

// bitSource is what Huffman.Read reads from.
type bitSource interface {
	// Peek returns the next 16 bits, with zeros after the end.
	Peek() uint32
	// Skip takes n bits that Peek has returned.
	Skip(n uint)
	// Err is the error of a Skip beyond the end.
	Err() error
}

// Read decodes one symbol.
func (h *Huffman) Read(in bitSource) (int, error) {
	if h.single >= 0 {
		return h.single, in.Err()
	}
	bits := in.Peek()
	if e := h.fast[bits>>(maxLength-fastLength)]; e != 0 {
		in.Skip(uint(e & 0xff))
		return int(e >> 8), in.Err()
	}
	first, index := 0, 0
	for length := 1; length <= maxLength; length++ {
		at, n := int(bits>>(maxLength-length)), h.counts[length]
		if at-first < n {
			in.Skip(uint(length))
			return int(h.symbols[index+at-first]), in.Err()
		}
		index, first = index+n, (first+n)<<1
	}
	return 0, errCode
}

// Bits reads bits, beginning with the highest bit of each byte.
type Bits struct {
	in   *bufio.Reader
	held uint64 // bits that were read and not taken, the next one highest
	have uint   // bits in held
	over uint   // zeros in held that stand for bits after the end
	end  error  // why there are no more bits
	err  error  // end, once bits after the end were taken
}

// NewBits reads the bits of r.
func NewBits(r io.Reader) *Bits { return &Bits{in: bufio.NewReader(r)} }

// Peek returns the next 16 bits, with zeros after the end.
func (b *Bits) Peek() uint32 {
	for b.have < 16 {
		c, err := b.in.ReadByte()
		if err != nil {
			b.end = bounded.Unexpected(err)
			b.over += 8
		}
		b.held, b.have = b.held<<8|uint64(c), b.have+8
	}
	return uint32(b.held>>(b.have-16)) & 0xffff
}

// Skip takes n bits, of at most 16, that Peek has returned.
func (b *Bits) Skip(n uint) {
	if b.have -= n; b.have < b.over {
		b.err = b.end
	}
}

// Get reads a number of n bits, of at most 16.
func (b *Bits) Get(n uint) uint {
	v := b.Peek() >> (16 - n)
	b.Skip(n)
	return uint(v)
}

// Err is the error of a Skip beyond the end.
func (b *Bits) Err() error { return b.err }
