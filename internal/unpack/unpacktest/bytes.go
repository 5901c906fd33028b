package unpacktest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Pages is harmless text of so many bytes. Its lines differ, so that compressing it
// leaves many bytes.
func Pages(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d harmless line of text %d\n", i, i*2654435761%1000003)
	}
	return b.Bytes()[:size]
}

// Join is all parts, one after another.
func Join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// LE are the bytes of values, the lowest byte of each first.
func LE(values ...any) []byte {
	var out []byte
	for _, v := range values {
		out, _ = binary.Append(out, binary.LittleEndian, v)
	}
	return out
}

// Pad4 fills b up to a multiple of four bytes.
func Pad4(b []byte) []byte { return append(slices.Clip(b), make([]byte, -len(b)&3)...) }

// Flipped is content with a bit changed.
func Flipped(content []byte, at int) []byte {
	out := bytes.Clone(content)
	out[at] ^= 0x10
	return out
}

// Over is an image whose first bytes are replaced by head.
func Over(head, image []byte) []byte {
	return Join(head[:min(len(head), 32<<10)], image[min(len(head), 32<<10):])
}
