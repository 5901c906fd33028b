package pkzip

import (
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// explode unpacks method 6: LZ77 with two or three Huffman codes.
type explode struct {
	bits                      *decode.LowBits
	window                    *decode.Window
	left                      int64 // bytes that are still to be unpacked
	literal, length, distance *decode.Huffman
	low                       uint // bits of a distance that are not coded
}

// Explode unpacks method 6. The member's header has the flags, and the size of the
// unpacked bytes.
func Explode(r io.Reader, flags uint16, size int64) (io.Reader, error) {
	e := &explode{bits: decode.NewLowBits(r), window: decode.NewWindow(8 << 10), left: size, low: 6}
	if flags&2 != 0 {
		e.low = 7
	}
	var err error
	if flags&4 != 0 {
		if e.literal, err = readCode(e.bits, 256); err != nil {
			return nil, err
		}
	}
	if e.length, err = readCode(e.bits, 64); err != nil {
		return nil, err
	}
	if e.distance, err = readCode(e.bits, 64); err != nil {
		return nil, err
	}
	return bounded.Blocks(e.step), nil
}

// readCode reads a Huffman code: the lengths of its symbols (APPNOTE 5.3.7).
func readCode(b *decode.LowBits, symbols int) (*decode.Huffman, error) {
	n, err := b.Take(8)
	if err != nil {
		return nil, err
	}
	lengths := make([]uint8, 0, symbols)
	for range n + 1 {
		v, err := b.Take(8)
		if err != nil {
			return nil, err
		}
		for range v>>4 + 1 {
			lengths = append(lengths, uint8(v&15+1))
		}
	}
	if len(lengths) != symbols {
		return nil, errors.New("implode: the code does not have one length for each symbol")
	}
	return decode.NewPartialHuffman(lengths)
}

func (e *explode) step() ([]byte, error) {
	for e.window.Pending() < 4<<10 && e.left > int64(e.window.Pending()) {
		if err := e.one(); err != nil {
			return e.window.Taken(), err
		}
	}
	b := e.window.Taken()
	if e.left -= int64(len(b)); e.left <= 0 {
		return b, io.EOF
	}
	return b, nil
}

// one unpacks a literal or a match.
func (e *explode) one() error {
	kind, err := e.bits.Take(1)
	if err != nil {
		return err
	}
	if kind == 1 {
		if e.literal != nil {
			c, err := e.literal.Read(e.bits.InvertedCodes())
			e.window.Put(byte(c))
			return err
		}
		c, err := e.bits.Take(8)
		e.window.Put(byte(c))
		return err
	}
	low, err := e.bits.Take(e.low)
	if err != nil {
		return err
	}
	high, err := e.distance.Read(e.bits.InvertedCodes())
	if err != nil {
		return err
	}
	length, err := e.length.Read(e.bits.InvertedCodes())
	if err != nil {
		return err
	}
	if length == 63 {
		more, err := e.bits.Take(8)
		if err != nil {
			return err
		}
		length += int(more)
	}
	length += 2
	if e.literal != nil {
		length++
	}
	return e.window.CopyOrZeros(high<<e.low+int(low)+1, length)
}
