package stream

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// lzmaFormat is an lzma file, which has no magic.
func lzmaFormat() unpack.Format {
	return unpack.Format{
		Name: "lzma",
		Opens: "`.lzma` files, which have no magic: at the beginning " +
			"with any properties, elsewhere with the usual ones",
		Match: func(_ unpack.Content, head []byte) bool { return isLZMA(head) },
		Guess: true,
		Whole: true,
		Walk:  walkLZMA,
		Marks: []unpack.Mark{{Text: "\x5d\x00\x00", Open: At("lzma", 18, isLikelyLZMA, decode.LZMAFile)}},
	}
}

// walkLZMA unpacks an lzma file. One that cannot be unpacked is damaged only if it has
// the properties that every writer uses. With other properties it is more likely to be
// something else.
func walkLZMA(v *unpack.Visitor, c unpack.Content) error {
	r, err := decode.LZMAFile(c.Reader(0))
	if err != nil {
		return damage(err)
	}
	if c.Peek(0, 1)[0] != 0x5d {
		r = bounded.UntilError(r)
	}
	return v.Stream("lzma", r)
}

// isLZMA recognises an lzma file as xz does (lzma_alone_decoder.c): by valid
// properties, a dictionary of 2^n or 2^n + 2^(n-1) bytes, a size that is unknown or
// below 256 GiB, and a stream that begins with 0.
func isLZMA(head []byte) bool {
	if len(head) < 18 || head[0] >= 9*5*5 || head[13] != 0 {
		return false
	}
	d := binary.LittleEndian.Uint32(head[1:])
	size := binary.LittleEndian.Uint64(head[5:])
	round := d != 0 && (d&(d-1) == 0 || d%3 == 0 && (d/3)&(d/3-1) == 0) || d == 1<<32-1
	return round && d >= 1<<12 && (size == 1<<64-1 || size > 0 && size < 1<<38)
}

// isLikelyLZMA is stricter than isLZMA: tables of small numbers look like lzma with a
// large dictionary.
func isLikelyLZMA(head []byte) bool {
	return isLZMA(head) && (head[4] == 0 || binary.LittleEndian.Uint64(head[5:]) == 1<<64-1)
}
