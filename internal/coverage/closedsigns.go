package coverage

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// closedSigns are those of closed that search may refuse a file for. Programs
// have their magics among their constants, so each must also be followed by what
// a header of its kind says.
func closedSigns() []sign {
	le, be := binary.LittleEndian, binary.BigEndian
	closed := func(name, magic string, back, size int64, is func([]byte) bool) sign {
		return sign{magic, back, formAt(size, is, form{name: name, walk: cannotOpen(name)}, true), false}
	}
	return []sign{
		closed("lzop", "\x89LZO\x00\r\n\x1a\n", 0, 300, isLzop),
		closed("zpaq", "7kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ", 0, 18, func(b []byte) bool { return (b[16] == 1 || b[16] == 2) && b[17] == 1 }),
		closed("lrzip", "LRZI\x00", 0, 24, func(b []byte) bool { return b[5] >= 4 && b[5] < 16 && b[13] < 4 && b[21] <= 3 && b[22] <= 3 }),
		closed("KWAJ", "KWAJ\x88\xf0\x27\xd1", 0, 14, func(b []byte) bool {
			return le.Uint16(b[8:]) <= 4 && le.Uint16(b[10:]) >= 14 && le.Uint16(b[10:]) < 1<<10 && le.Uint16(b[12:]) < 1<<6
		}),
		closed("ACE archive", "**ACE**", 7, 64, func(b []byte) bool {
			size := int(le.Uint16(b[2:]))
			return b[4] == 0 && size >= 26 && size <= 60 && ^uint16(crc32.ChecksumIEEE(b[4:4+size])) == le.Uint16(b)
		}),
		closed("zoo archive", "\xdc\xa7\xc4\xfd", 20, 32, func(b []byte) bool {
			return le.Uint32(b[24:]) > 0 && le.Uint32(b[24:])+le.Uint32(b[28:]) == 0
		}),
		closed("StuffIt archive", "SIT!", 0, 14, func(b []byte) bool { return string(b[10:]) == "rLau" }),
		closed("StuffIt archive", "StuffIt (c)1997-", 0, 83, func(b []byte) bool { return string(b[78:80]) == "\r\n" && b[82] == 5 }),
		closed("ALZ archive", "ALZ\x01", 0, 12, func(b []byte) bool { return string(b[8:]) == "BLZ\x01" }),
		closed("cramfs", "\x45\x3d\xcd\x28", 0, 32, func(b []byte) bool { return string(b[16:]) == "Compressed ROMFS" }),
		closed("QCOW disk image", "QFI\xfb", 0, 32, func(b []byte) bool {
			v := be.Uint32(b[4:])
			return v == 1 || (v == 2 || v == 3) && be.Uint32(b[20:]) >= 9 && be.Uint32(b[20:]) <= 21
		}),
		closed("VDI disk image", "\x7f\x10\xda\xbe", 0x40, 0x48, func(b []byte) bool { return le.Uint32(b[0x44:]) == 1<<16|1 }),
	}
}

// isLzop checks the sum over the header, which has a name in it (lzop's
// p_header).
func isLzop(b []byte) bool {
	be := binary.BigEndian
	if len(b) < 42 || be.Uint16(b[9:]) < 0x940 || be.Uint16(b[9:]) > 0x1fff || b[15] < 1 || b[15] > 3 {
		return false
	}
	flags, at := be.Uint32(b[17:]), 21
	if flags&0x800 != 0 { // a filter
		at += 4
	}
	at += 12
	at += 1 + int(b[at])
	if at+4 > len(b) {
		return false
	}
	sum := be.Uint32(b[at:])
	return sum == adler32.Checksum(b[9:at]) || sum == crc32.ChecksumIEEE(b[9:at])
}

// isZ looks whether the first eight codes of compress stand for something.
func isZ(b []byte) bool {
	if b[2]&0xe0 != 0x80 || b[2]&0x1f < 9 || b[2]&0x1f > 16 {
		return false
	}
	for i := range uint(8) {
		code := uint(b[3+i*9/8])>>(i*9%8) | uint(b[4+i*9/8])<<(8-i*9%8)
		if code&0x1ff > 256+i || i == 0 && code&0x1ff > 255 {
			return false
		}
	}
	return true
}

const zisofsMagic = "\x37\xe4\x53\x96\xc9\xdb\xd6\x07"

// isZisofs checks the sizes of a header (zisofs, of Linux's isofs).
func isZisofs(b []byte) bool { return b[12] == 4 && b[13] >= 15 && b[13] <= 17 }

func isSZDD(b []byte) bool { return bytes.HasPrefix(b, []byte("SZDD\x88\xf0\x27\x33A")) }
