package decode

import (
	"bufio"
	"errors"
	"io"
	"math/bits"
)

// LowBits reads bits, beginning with the lowest bit of each byte.
type LowBits struct {
	in   io.ByteReader
	have uint64
	n    uint
	err  error // of Codes
}

// NewLowBits reads the bits of r, with a buffer unless r is an io.ByteReader.
func NewLowBits(r io.Reader) *LowBits {
	in, ok := r.(io.ByteReader)
	if !ok {
		in = bufio.NewReader(r)
	}
	return &LowBits{in: in}
}

// fill reads on until n bits, of at most 32, are in b.have, or r ends.
func (b *LowBits) fill(n uint) error {
	for b.n < n {
		c, err := b.in.ReadByte()
		if err != nil {
			return err
		}
		b.have |= uint64(c) << b.n
		b.n += 8
	}
	return nil
}

// Take reads a number of n bits, of at most 32.
func (b *LowBits) Take(n uint) (uint32, error) {
	if err := b.fill(n); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	v := uint32(b.have & (1<<n - 1))
	b.have >>= n
	b.n -= n
	return v, nil
}

// Align skips the rest of a byte.
func (b *LowBits) Align() {
	b.have >>= b.n & 7
	b.n &^= 7
}

// Codes gives the bits to a Huffman code, whose first bit is the highest.
func (b *LowBits) Codes() Codes { return Codes{bits: b} }

// InvertedCodes is Codes with every bit inverted.
func (b *LowBits) InvertedCodes() Codes { return Codes{bits: b, invert: 1<<16 - 1} }

// Codes is a bitSource.
type Codes struct {
	bits   *LowBits
	invert uint16
}

// Peek returns the next 16 bits, with zeros after the end.
func (c Codes) Peek() uint32 {
	if err := c.bits.fill(maxLength); err != nil && !errors.Is(err, io.EOF) {
		c.bits.err = err
	}
	return uint32(bits.Reverse16(uint16(c.bits.have) ^ c.invert))
}

// Skip takes bits that Peek has returned.
func (c Codes) Skip(n uint) {
	b := c.bits
	if n > b.n {
		b.err, n = io.ErrUnexpectedEOF, b.n
	}
	b.have >>= n
	b.n -= n
}

// Err is the error of a Skip beyond the end.
func (c Codes) Err() error { return c.bits.err }
