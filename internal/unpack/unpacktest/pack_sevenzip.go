package unpacktest

import (
	"encoding/binary"
	"hash/crc32"
)

// SevenOf is a 7z with a header that is not packed, one folder of one coder, and one
// file.
func SevenOf(method, packed, content []byte) []byte {
	h := []byte{0x01, 0x04, 0x06, 0, 1, 0x09}
	h = append(append(h, Number7z(len(packed))...), 0x00)
	h = append(h, 0x07, 0x0b, 1, 0, 1, byte(len(method)))
	h = append(append(h, method...), 0x0c)
	h = append(append(h, Number7z(len(content))...), 0x0a, 1)
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(content))
	h = append(h, 0x00, 0x00) // of UnpackInfo, of StreamsInfo
	h = append(h, 0x05, 1, 0x11, 5, 0, 'a', 0, 0, 0, 0x00, 0x00)
	start := LE(uint64(len(packed)), uint64(len(h)), crc32.ChecksumIEEE(h))
	return Join([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), LE(crc32.ChecksumIEEE(start)), start, packed, h)
}

// Number7z is a number of up to 32 bits as 7z stores it.
func Number7z(n int) []byte { return append([]byte{0xf0}, LE(uint32(n))...) }
