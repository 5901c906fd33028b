package lha

import (
	"bufio"
	"bytes"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// window has the last unpacked bytes, which a decoder refers back to.
type window struct {
	ring []byte
	at   int    // index of the next byte in ring
	left int64  // bytes that are still to be unpacked
	out  []byte // bytes that were unpacked since fill was called
}

// newWindow has 1<<bits spaces in it, as LHA's has at the beginning.
func newWindow(bits uint, size int64) window {
	return window{ring: bytes.Repeat([]byte(" "), 1<<bits), left: size}
}

// fill unpacks some bytes; each step unpacks one or more.
func (w *window) fill(step func() error) ([]byte, error) {
	w.out = w.out[:0]
	for len(w.out) < 16<<10 && w.left > 0 {
		if err := step(); err != nil {
			return w.out, bounded.Unexpected(err)
		}
	}
	if w.left <= 0 {
		return w.out, io.EOF
	}
	return w.out, nil
}

func (w *window) put(b byte) {
	if w.left--; w.left >= 0 {
		w.out = append(w.out, b)
	}
	w.ring[w.at] = b
	w.at = (w.at + 1) & (len(w.ring) - 1)
}

// copy unpacks length bytes that begin distance bytes before.
func (w *window) copy(distance, length int) { w.copyFrom(w.at-distance, length) }

// copyFrom unpacks length bytes that begin at an index of the ring.
func (w *window) copyFrom(from, length int) {
	for i := range length {
		w.put(w.ring[(from+i)&(len(w.ring)-1)])
	}
}

// newLZ5 decodes size bytes of LArc's -lz5-.
func newLZ5(r io.Reader, size int64) io.Reader {
	w := newWindow(12, size)
	w.ring = larc()
	w.at = len(w.ring) - 18
	return lzss(r, w)
}

// NewSZDD decodes size bytes of what Microsoft's COMPRESS.EXE writes, which is -lz5-
// with a window of spaces.
func NewSZDD(r io.Reader, size int64) io.Reader {
	w := newWindow(12, size)
	w.at = len(w.ring) - 16
	return lzss(r, w)
}

// lzss decodes bytes of flags, each before eight literals or references into a ring of
// 4096 bytes.
func lzss(r io.Reader, w window) io.Reader {
	in := bufio.NewReader(r)
	flags := uint(1)
	step := func() error {
		if flags <= 1 {
			b, err := in.ReadByte()
			if err != nil {
				return err
			}
			flags = uint(b) | 0x100
		}
		literal := flags&1 != 0
		flags >>= 1
		a, err := in.ReadByte()
		if err != nil {
			return err
		}
		if literal {
			w.put(a)
			return nil
		}
		b, err := in.ReadByte()
		if err != nil {
			return err
		}
		w.copyFrom(int(a)|int(b&0xf0)<<4, int(b&0x0f)+3)
		return nil
	}
	return bounded.Blocks(func() ([]byte, error) { return w.fill(step) })
}

// larc are the bytes in the ring of -lz5- at the beginning.
func larc() []byte {
	ring := make([]byte, 0, 1<<12)
	for i := range 256 {
		ring = append(ring, bytes.Repeat([]byte{byte(i)}, 13)...)
	}
	for i := range 256 {
		ring = append(ring, byte(i))
	}
	for i := range 256 {
		ring = append(ring, byte(255-i))
	}
	ring = append(ring, make([]byte, 128)...)
	ring = append(ring, bytes.Repeat([]byte(" "), 110)...)
	return append(ring, make([]byte, 18)...)
}

// newLZS decodes LArc's -lzs-: literals and references into a ring of 2048 bytes.
func newLZS(r io.Reader, size int64) io.Reader {
	bits := decode.NewBits(r)
	w := newWindow(11, size)
	w.at = len(w.ring) - 17
	step := func() error {
		if bits.Get(1) != 0 {
			w.put(byte(bits.Get(8)))
			return bits.Err()
		}
		from := int(bits.Get(11))
		w.copyFrom(from, int(bits.Get(4))+2)
		return bits.Err()
	}
	return bounded.Blocks(func() ([]byte, error) { return w.fill(step) })
}
