//go:build images

package images_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
)

// hidden returns EICAR in gzip. An engine that cannot open an archive does not find EICAR in a stored member that is
// hidden.
func hidden(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(eicar.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rar4 returns a RAR 4 archive with one stored member, by RAR's technote.txt of version 4.
func rar4(member []byte) []byte {
	le := binary.LittleEndian
	block := func(kind byte, flags uint16, fields []byte) []byte {
		h := le.AppendUint16(le.AppendUint16([]byte{kind}, flags), uint16(7+len(fields)))
		h = append(h, fields...)
		return append(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(h))), h...)
	}
	file := le.AppendUint32(le.AppendUint32(nil, uint32(len(member))), uint32(len(member)))
	file = le.AppendUint32(append(file, 3), crc32.ChecksumIEEE(member)) // made on Unix
	file = append(le.AppendUint32(file, 0x5a210000), 29, 0x30)          // a time; version 2.9 unpacks it; stored
	file = append(le.AppendUint32(le.AppendUint16(file, 1), 0o100644), 'm')
	out := append([]byte("Rar!\x1a\x07\x00"), block(0x73, 0, make([]byte, 6))...)
	out = append(append(out, block(0x74, 0x8000, file)...), member...)
	return append(out, block(0x7b, 0x4000, nil)...)
}

// rar5 returns a RAR 5 archive with one stored member, by RARLAB's "RAR 5.0 archive format".
func rar5(member []byte) []byte {
	block := func(fields ...byte) []byte {
		h := append([]byte{byte(len(fields))}, fields...)
		return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(h)), h...)
	}
	size := binary.AppendUvarint(nil, uint64(len(member)))
	file := append(append(append([]byte{2, 2}, size...), 4), size...) // with data, of this size; with a CRC
	file = binary.LittleEndian.AppendUint32(append(file, 0), crc32.ChecksumIEEE(member))
	file = append(file, 0, 1, 1, 'm') // stored, on Unix, its name
	out := append([]byte("Rar!\x1a\x07\x01\x00"), block(1, 0, 0)...)
	out = append(append(out, block(file...)...), member...)
	return append(out, block(5, 0, 0)...)
}

// encryptedZip returns a ZIP archive whose member is marked as encrypted.
func encryptedZip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	content := bytes.Repeat([]byte{0xa7, 0x31, 0x5c}, 40)
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: "secret.txt", Flags: 1, CRC32: 1,
		CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content) - 12),
	})
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
