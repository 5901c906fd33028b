// Package pkzip has the decoders of the methods of PKZIP before 2.0 (APPNOTE 5.1 to
// 5.3), which many programs still open.
package pkzip

import (
	"errors"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

const (
	shrinkControl = 256 // announces a control code
	shrinkCodes   = 1 << 13
	shrinkFree    = -1 // parent of a code that stands for no bytes
	shrinkRoot    = -2 // parent of a code for a single byte
)

// unshrink unpacks method 1: LZW with codes of 9 to 13 bits. Control codes in the
// stream make the codes longer, and free the codes that no other code is an extension
// of.
type unshrink struct {
	bits   *decode.LowBits
	width  uint
	parent [shrinkCodes]int16
	value  [shrinkCodes]byte
	next   int // where the search for a free code begins
	before int // the code before, or -1
	first  byte
	out    []byte
}

// Unshrink unpacks method 1.
func Unshrink(r io.Reader) io.Reader {
	u := &unshrink{bits: decode.NewLowBits(r), width: 9, next: shrinkControl + 1, before: -1}
	for i := range u.parent {
		u.parent[i], u.value[i] = shrinkFree, byte(i)
		if i < shrinkControl {
			u.parent[i] = shrinkRoot
		}
	}
	return bounded.Blocks(u.step)
}

// step unpacks one code.
func (u *unshrink) step() ([]byte, error) {
	v, err := u.bits.Take(u.width)
	if err != nil {
		return nil, io.EOF // the rest is padding; the caller checks the size
	}
	code := int(v)
	if code == shrinkControl {
		return nil, u.control()
	}
	u.out = u.out[:0]
	at := code
	if u.parent[code] == shrinkFree { // the code that this step adds
		if u.before < 0 {
			return nil, errShrink
		}
		u.out, at = append(u.out, u.first), u.before
	}
	for at != shrinkRoot {
		if at == shrinkFree || len(u.out) > shrinkCodes {
			return nil, errShrink
		}
		u.out, at = append(u.out, u.value[at]), int(u.parent[at])
	}
	slices.Reverse(u.out)
	u.first = u.out[0]
	if u.before >= 0 {
		for u.next < shrinkCodes && u.parent[u.next] != shrinkFree {
			u.next++
		}
		if u.next < shrinkCodes {
			u.parent[u.next], u.value[u.next] = int16(u.before), u.first
		}
	}
	u.before = code
	return u.out, nil
}

var errShrink = errors.New("shrink: a code that stands for no bytes")

func (u *unshrink) control() error {
	v, err := u.bits.Take(u.width)
	switch {
	case err != nil:
		return err
	case v == 1 && u.width < 13:
		u.width++
	case v == 2:
		var used [shrinkCodes]bool
		for _, p := range u.parent[shrinkControl+1:] {
			if p >= 0 {
				used[p] = true
			}
		}
		for i := shrinkControl + 1; i < shrinkCodes; i++ {
			if !used[i] {
				u.parent[i] = shrinkFree
			}
		}
		u.next = shrinkControl + 1
	default:
		return errors.New("shrink: unknown control code")
	}
	return nil
}
