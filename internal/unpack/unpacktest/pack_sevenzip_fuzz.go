package unpacktest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Sum7z corrects the checksums of a 7z.
func Sum7z(content []byte) []byte {
	content = bytes.Clone(content)
	if len(content) < 32 {
		return content
	}
	le := binary.LittleEndian
	offset, size := le.Uint64(content[12:]), le.Uint64(content[20:])
	if whole := uint64(len(content)) - 32; offset <= whole && size <= whole-offset {
		le.PutUint32(content[28:], crc32.ChecksumIEEE(content[32+offset:32+offset+size]))
	}
	le.PutUint32(content[8:], crc32.ChecksumIEEE(content[12:32]))
	return content
}
