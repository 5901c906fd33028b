package unpacktest

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// PacketPGP is a packet with a length of five bytes.
func PacketPGP(tag byte, body []byte) []byte {
	return Join(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, uint32(len(body))), body)
}

// LiteralPGP is a literal packet, which holds a file.
func LiteralPGP(content []byte) []byte {
	return PacketPGP(11, Join([]byte("b\x01a\x00\x00\x00\x00"), content))
}

// PartsPGP is a literal packet in parts of 512 bytes, as gpg writes it if its input is
// a pipe.
func PartsPGP(content []byte) []byte {
	out, body := []byte{0xc0 | 11}, Join([]byte("b\x01a\x00\x00\x00\x00"), content)
	for ; len(body) > 600; body = body[512:] {
		out = append(append(out, 224+9), body[:512]...)
	}
	out = append(out, 0xff)
	return append(binary.BigEndian.AppendUint32(out, uint32(len(body))), body...)
}

// CompressedPGP is a compressed packet in the old format whose body has no length.
func CompressedPGP(t testing.TB, algorithm byte, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if algorithm == 2 {
		return Join([]byte{0xa3, 2}, written(t, &b, zlib.NewWriter(&b), content))
	}
	z, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	return Join([]byte{0xa3, 1}, written(t, &b, z, content))
}

// Armored is content in OpenPGP's armor.
func Armored(kind string, content []byte) []byte {
	return []byte("-----BEGIN " + kind + "-----\nComment: none\n\n" +
		strings.Join(slices.Collect(Lines(base64.StdEncoding.EncodeToString(content))), "\n") +
		"\n=abcd\n-----END " + kind + "-----\n")
}

// ArjOf is an ARJ of one stored file with flags.
func ArjOf(flags byte, content []byte) []byte {
	header := func(flags, kind byte, packed, size, sum uint32) []byte {
		b := Join(
			[]byte{30, 11, 1, 2, flags, 0, kind, 0},
			LE(uint32(0x6b035400), packed, size, sum),
			make([]byte, 6),
			[]byte("a\x00\x00"),
		)
		return Join([]byte("\x60\xea"), LE(uint16(len(b))), b, LE(crc32.ChecksumIEEE(b), uint16(0)))
	}
	size := uint32(len(content))
	return Join(
		header(0, 2, 0, 0, 0),
		header(flags, 0, size, size, crc32.ChecksumIEEE(content)),
		content,
		[]byte("\x60\xea"+"\x00\x00"),
	)
}
