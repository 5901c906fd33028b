package coverage

import (
	"encoding/binary"
	"hash/crc32"
)

func rar4Begins(b []byte) bool {
	return len(b) >= 20 && b[9] == 0x73 && uint16(crc32.ChecksumIEEE(b[9:20])) == binary.LittleEndian.Uint16(b[7:])
}

func rar5Begins(b []byte) bool {
	if len(b) < 13 || b[12] > 0x7f || len(b) < 13+int(b[12]) {
		return false
	}
	return crc32.ChecksumIEEE(b[12:13+int(b[12])]) == binary.LittleEndian.Uint32(b[8:])
}

func begins7z(b []byte) bool {
	return len(b) >= 32 && crc32.ChecksumIEEE(b[12:32]) == binary.LittleEndian.Uint32(b[8:])
}
