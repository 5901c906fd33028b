package unpacktest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/ulikunitz/xz/lzma"
)

// LzipOf is one member of lzip.
func LzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.WriterConfig{
		Properties: &lzma.Properties{LC: 3, PB: 2}, DictCap: 1 << 16,
		EOSMarker: true,
	}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	stream := written(t, &b, w, content)[13:]
	return Join(
		[]byte("LZIP\x01\x10"),
		stream,
		LE(crc32.ChecksumIEEE(content), uint64(len(content)), uint64(6+len(stream)+20)),
	)
}

// SnappyOf is framed snappy.
func SnappyOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, s2.NewWriter(&b, s2.WriterSnappyCompat()), content)
}

// ZOf packs as compress does, with codes of nine bits only: the table is cleared before
// it needs longer ones, and the next group of eight codes begins after that.
func ZOf(content []byte) []byte {
	const clearing, group = 256, 8
	out := []byte("\x1f\x9d\x90")
	for len(content) > 0 {
		part := content[:min(len(content), 240)]
		content = content[len(part):]
		codes := make([]uint16, 0, len(part)+group)
		for _, c := range part {
			codes = append(codes, uint16(c))
		}
		if len(content) > 0 {
			codes = append(codes, clearing)
			for len(codes)%group != 0 {
				codes = append(codes, 0)
			}
		}
		var bits, have uint
		for _, code := range codes {
			bits |= uint(code) << have
			for have += 9; have >= 8; have -= 8 {
				out = append(out, byte(bits))
				bits >>= 8
			}
		}
		if have > 0 {
			out = append(out, byte(bits))
		}
	}
	return out
}

// SzddOf is SZDD of literals alone.
func SzddOf(content []byte) []byte {
	out := Join([]byte("SZDD\x88\xf0\x27\x33Ax"), LE(uint32(len(content))))
	for ; len(content) > 0; content = content[min(8, len(content)):] {
		out = append(append(out, 0xff), content[:min(8, len(content))]...)
	}
	return out
}

// ZisofsOf is a zisofs file with one block of content and one of zeros.
func ZisofsOf(t testing.TB, content []byte) []byte {
	t.Helper()
	packed := ZlibOf(t, content)
	end := uint32(28 + len(packed))
	return Join(
		[]byte("\x37\xe4\x53\x96\xc9\xdb\xd6\x07"),
		LE(uint32(1<<15+len(content))),
		[]byte{4, 15, 0, 0},
		LE(uint32(28), uint32(28), end),
		packed,
	)
}

// GitOf is a pack of a blob, a delta to it, and another blob.
func GitOf(t testing.TB, content []byte) []byte {
	t.Helper()
	blob := func(head []byte, content []byte) []byte { return Join(head, ZlibOf(t, content)) }
	return Join(
		[]byte("PACK"),
		binary.BigEndian.AppendUint32(nil, 2),
		binary.BigEndian.AppendUint32(nil, 3),
		blob([]byte{0xb4, 2}, Pages(36)),
		blob(Join([]byte{0x74}, make([]byte, 20)), Pages(4)), blob([]byte{0xbf, 0x10}, content), make([]byte, 20))
}

// AndroidOf is a backup of Android's adb, with the name of its encryption.
func AndroidOf(t testing.TB, kind string, content []byte) []byte {
	t.Helper()
	return Join(fmt.Appendf(nil, "ANDROID BACKUP\n5\n1\n%s\n", kind), ZlibOf(t, content))
}
