package pkzip

import (
	"errors"
	"io"
	"math/bits"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// expand unpacks methods 2 to 5: run lengths, of which each byte is coded as one of
// those that are likely to follow the byte before it.
type expand struct {
	bits      *decode.LowBits
	window    *decode.Window
	left      int64
	followers [256][]byte
	before    byte
	low       uint // bits of a match's first byte that are its length
}

// Expand unpacks methods 2 to 5. The member's header has the size of the unpacked
// bytes.
func Expand(r io.Reader, method uint16, size int64) (io.Reader, error) {
	e := &expand{bits: decode.NewLowBits(r), window: decode.NewWindow(4 << 10), left: size, low: 9 - uint(method)}
	for i := 255; i >= 0; i-- {
		n, err := e.bits.Take(6)
		if err != nil {
			return nil, err
		}
		for range n {
			c, err := e.bits.Take(8)
			if err != nil {
				return nil, err
			}
			e.followers[i] = append(e.followers[i], byte(c))
		}
	}
	return bounded.Blocks(e.step), nil
}

// next reads one byte of the run lengths.
func (e *expand) next() (byte, error) {
	likely := e.followers[e.before]
	if len(likely) > 0 {
		other, err := e.bits.Take(1)
		if err != nil {
			return 0, err
		}
		if other == 0 {
			i, err := e.bits.Take(uint(max(1, bits.Len(uint(len(likely)-1)))))
			if err == nil && int(i) >= len(likely) {
				err = errors.New("reduce: index beyond the set of followers")
			}
			if err != nil {
				return 0, err
			}
			e.before = likely[i]
			return e.before, nil
		}
	}
	c, err := e.bits.Take(8)
	e.before = byte(c)
	return e.before, err
}

// reduceMark announces a match (DLE in APPNOTE 5.2).
const reduceMark = 144

func (e *expand) step() ([]byte, error) {
	if e.left <= 0 {
		return nil, io.EOF
	}
	if err := e.one(); err != nil {
		return nil, err
	}
	b := e.window.Taken()
	e.left -= int64(len(b))
	return b, nil
}

func (e *expand) one() error {
	c, err := e.next()
	if err != nil || c != reduceMark {
		e.window.Put(c)
		return err
	}
	head, err := e.next()
	if err != nil || head == 0 {
		e.window.Put(reduceMark)
		return err
	}
	longest := 1<<e.low - 1
	length := int(head) & longest
	if length == longest {
		more, err := e.next()
		if err != nil {
			return err
		}
		length += int(more)
	}
	distance, err := e.next()
	if err != nil {
		return err
	}
	return e.window.CopyOrZeros(int(head)>>e.low<<8+int(distance)+1, length+3)
}
