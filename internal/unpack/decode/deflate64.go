package decode

import (
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Deflate64 unpacks the method that Windows uses in zips for files of more than 2 GB:
// deflate (RFC 1951) with a window of 64 KiB, two more distance codes, and lengths of
// up to 64 KiB.
func Deflate64(r io.Reader) io.Reader {
	d := &deflate64{bits: NewLowBits(r), window: NewWindow(1 << 16)}
	return bounded.Blocks(d.step)
}

type deflate64 struct {
	bits              *LowBits
	window            *Window
	last              bool
	stored            int // bytes of a stored block that are still to be read
	literal, distance *Huffman
	inBlock           bool
}

// step unpacks some bytes of a block.
func (d *deflate64) step() ([]byte, error) {
	if !d.inBlock {
		if d.last {
			return nil, io.EOF
		}
		if err := d.begin(); err != nil {
			return nil, err
		}
		d.inBlock = true
	}
	var err error
	if d.literal == nil {
		err = d.copyStored()
	} else {
		err = d.decode()
	}
	return d.window.Taken(), err
}

func (d *deflate64) begin() error {
	head, err := d.bits.Take(3)
	if err != nil {
		return err
	}
	d.last = head&1 != 0
	switch head >> 1 {
	case 0:
		d.literal = nil
		d.bits.Align()
		v, err := d.bits.Take(32)
		if err != nil {
			return err
		}
		if v>>16 != ^v&0xffff {
			return errors.New("deflate64: stored block whose length and its complement differ")
		}
		d.stored = int(v & 0xffff)
		return nil
	case 1:
		lengths := make([]uint8, 288)
		for i := range lengths {
			switch {
			case i < 144, i >= 280:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			default:
				lengths[i] = 7
			}
		}
		return d.codes(lengths, []uint8{
			5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
		})
	case 2:
		return d.dynamic()
	}
	return errors.New("deflate64: block of unknown type")
}

func (d *deflate64) codes(literals, distances []uint8) (err error) {
	if d.literal, err = NewPartialHuffman(literals); err == nil {
		d.distance, err = NewPartialHuffman(distances)
	}
	return err
}

// dynamic reads the Huffman codes of a block (RFC 1951, 3.2.7).
func (d *deflate64) dynamic() error {
	head, err := d.bits.Take(14)
	if err != nil {
		return err
	}
	literals, distances, count := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	order := [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var first [19]uint8
	for _, i := range order[:count] {
		v, err := d.bits.Take(3)
		if err != nil {
			return err
		}
		first[i] = uint8(v)
	}
	code, err := NewPartialHuffman(first[:])
	if err != nil {
		return err
	}
	lengths := make([]uint8, 0, literals+distances)
	for len(lengths) < literals+distances {
		symbol, err := code.Read(d.bits.Codes())
		if err != nil {
			return err
		}
		repeat, value := uint32(1), uint8(symbol)
		switch symbol {
		case 16:
			if len(lengths) == 0 {
				return errors.New("deflate64: repeats the code length before the first")
			}
			value = lengths[len(lengths)-1]
			repeat, err = d.bits.Take(2)
			repeat += 3
		case 17:
			value = 0
			repeat, err = d.bits.Take(3)
			repeat += 3
		case 18:
			value = 0
			repeat, err = d.bits.Take(7)
			repeat += 11
		}
		if err != nil {
			return err
		}
		for range repeat {
			lengths = append(lengths, value)
		}
	}
	if len(lengths) > literals+distances {
		return errors.New("deflate64: more code lengths than symbols")
	}
	return d.codes(lengths[:literals], lengths[literals:])
}

// mostPending is how many bytes one step unpacks, about.
const mostPending = 32 << 10

func (d *deflate64) copyStored() error {
	for d.stored > 0 && d.window.Pending() < mostPending {
		c, err := d.bits.Take(8)
		if err != nil {
			return err
		}
		d.window.Put(byte(c))
		d.stored--
	}
	d.inBlock = d.stored > 0
	return nil
}

func (d *deflate64) decode() error {
	for d.window.Pending() < mostPending {
		symbol, err := d.literal.Read(d.bits.Codes())
		switch {
		case err != nil:
			return err
		case symbol < 256:
			d.window.Put(byte(symbol))
			continue
		case symbol == 256:
			d.inBlock = false
			return nil
		}
		length, err := d.extra(symbol-257, 2)
		if err != nil {
			return err
		}
		if symbol, err = d.distance.Read(d.bits.Codes()); err != nil {
			return err
		}
		distance, err := d.extra(symbol, 1)
		if err != nil {
			return err
		}
		if err := d.window.Copy(distance+1, length+3); err != nil {
			return err
		}
	}
	return nil
}

// extra is the number for a length or distance code and the extra bits after it. Each
// 1<<group codes have as many extra bits; the last length code has 16.
func (d *deflate64) extra(code int, group uint) (int, error) {
	if group == 2 && code >= 28 {
		if code > 28 {
			return 0, errors.New("deflate64: length code out of range")
		}
		v, err := d.bits.Take(16)
		return int(v), err
	}
	n := uint(max(code>>group-1, 0))
	base := code
	if n > 0 {
		base = (1<<group + code&(1<<group-1)) << n
	}
	v, err := d.bits.Take(n)
	return base + int(v), err
}
