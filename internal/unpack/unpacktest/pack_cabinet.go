package unpacktest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"testing"
)

// CabOf is a cabinet with one folder. A first file has 100 bytes, and a second file,
// which is listed twice, has the rest.
func CabOf(t testing.TB, method uint16, content []byte) []byte {
	t.Helper()
	var blocks, window []byte
	count := uint16(0)
	for rest := content; len(rest) > 0; count++ {
		part := rest[:min(32<<10, len(rest))]
		rest = rest[len(part):]
		data := part
		if method == 1 {
			var b bytes.Buffer
			z, err := flate.NewWriterDict(&b, 9, window)
			if err != nil {
				t.Fatal(err)
			}
			data = Join([]byte("CK"), written(t, &b, z, part))
			window = part
		}
		sizes := LE(uint16(len(data)), uint16(len(part)))
		blocks = Join(blocks, LE(cabSum(sizes, cabSum(data, 0))), sizes, data)
	}
	file := func(name string, at, size int) []byte {
		return Join(LE(uint32(size), uint32(at), uint16(0), uint32(0), uint16(0x20)), []byte(name+"\x00"))
	}
	second := len(content) - 100
	files := Join(file("b", 100, second), file("a", 0, 100), file("c", 100, second))
	start := uint32(44 + len(files))
	return Join(
		[]byte("MSCF\x00\x00\x00\x00"),
		LE(start+uint32(len(blocks)), uint32(0), uint32(44), uint32(0), uint8(3), uint8(1), uint16(1), uint16(3),
			uint16(0), uint32(0)),
		LE(start, count, method), files, blocks)
}

// cabSum is the checksum of a block.
func cabSum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}
