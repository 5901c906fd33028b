package lha

import (
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

var errCode = errors.New("LHA with an invalid code")

// blocks decodes -lh4- to -lh7-, and methods 1 to 3 of ARJ: blocks, each with two
// Huffman codes, one for literals and lengths and one for distances.
type blocks struct {
	bits        *decode.Bits
	window      window
	distanceLog uint // bits in which the number of distance codes is stored
	left        uint // symbols of the block that are still to be decoded
	symbols     *decode.Huffman
	distances   *decode.Huffman
}

// NewDecoder decodes size bytes of -lh4- (a window of 1<<12 bytes), -lh5- (1<<13), -lh6-
// (1<<15) or -lh7- (1<<16). Methods 1 to 3 of ARJ are coded like -lh6-.
func NewDecoder(r io.Reader, windowBits uint, size int64) io.Reader {
	d := &blocks{bits: decode.NewBits(r), window: newWindow(windowBits, size), distanceLog: 5}
	if windowBits <= 13 {
		d.distanceLog = 4
	}
	return bounded.Blocks(func() ([]byte, error) { return d.window.fill(d.step) })
}

func (d *blocks) step() error {
	if d.left == 0 {
		if err := d.begin(); err != nil {
			return err
		}
	}
	d.left--
	s, err := d.symbols.Read(d.bits)
	if err != nil {
		return err
	}
	if s < 256 {
		d.window.put(byte(s))
		return nil
	}
	distance, err := d.distances.Read(d.bits)
	if err != nil {
		return err
	}
	if distance > 1 {
		if distance > 17 {
			return errCode
		}
		distance = 1<<(distance-1) + int(d.bits.Get(uint(distance-1)))
	}
	d.window.copy(distance+1, s-256+3)
	return d.bits.Err()
}

// begin reads the header of a block, which has its codes.
func (d *blocks) begin() (err error) {
	if d.left = d.bits.Get(16); d.left == 0 {
		d.left = 1 << 16
	}
	lengths, err := d.lengths(5, 19, 3)
	if err != nil {
		return err
	}
	if d.symbols, err = d.symbolCode(lengths); err != nil {
		return err
	}
	d.distances, err = d.lengths(d.distanceLog, 1<<d.distanceLog, -1)
	return err
}

// lengths reads a code of at most so many symbols, whose number has log bits. Each length
// takes three bits or more. After the length of symbol gap-1, two bits say how many of
// the next symbols are not used.
func (d *blocks) lengths(log uint, most, gap int) (*decode.Huffman, error) {
	n := int(d.bits.Get(log))
	if n == 0 {
		return decode.OneSymbol(int(d.bits.Get(log))), d.bits.Err()
	}
	if n > most {
		return nil, errCode
	}
	all := make([]byte, most+3)
	for i := 0; i < n; {
		length := d.bits.Get(3)
		for more := length == 7; more; {
			if more = d.bits.Get(1) != 0; more {
				length++
			}
			if length > 16 {
				return nil, errCode
			}
		}
		all[i] = byte(length)
		if i++; i == gap {
			i += int(d.bits.Get(2))
		}
	}
	if d.bits.Err() != nil {
		return nil, d.bits.Err()
	}
	return decode.NewHuffman(all)
}

// symbolCode reads the code for literals and lengths, whose lengths are coded.
func (d *blocks) symbolCode(lengths *decode.Huffman) (*decode.Huffman, error) {
	const symbols = 510
	n := int(d.bits.Get(9))
	if n == 0 {
		return decode.OneSymbol(int(d.bits.Get(9))), d.bits.Err()
	}
	if n > symbols {
		return nil, errCode
	}
	all := make([]byte, symbols)
	for i := 0; i < n; {
		l, err := lengths.Read(d.bits)
		switch {
		case err != nil:
			return nil, err
		case l == 0:
			i++
		case l == 1:
			i += int(d.bits.Get(4)) + 3
		case l == 2:
			i += int(d.bits.Get(9)) + 20
		default:
			all[i] = byte(l - 2)
			i++
		}
	}
	if d.bits.Err() != nil {
		return nil, d.bits.Err()
	}
	return decode.NewHuffman(all)
}
