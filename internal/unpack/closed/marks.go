package closed

import (
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"

	"github.com/lazaret/lazaret/internal/unpack"
)

// marks are the kinds, by their magics, that are also refused in the middle of other
// content. Since programs have magics among their constants, each magic must be part of
// a valid header.
func marks() map[string][]unpack.Mark {
	le, be := binary.LittleEndian, binary.BigEndian
	all := map[string][]unpack.Mark{}
	add := func(name, magic string, before int64, size int, is func([]byte) bool) {
		all[magic] = []unpack.Mark{{Text: magic, Before: before, Open: refuse(name, size, is)}}
	}
	add("lzop", "\x89LZO\x00\r\n\x1a\n", 0, 42, isLzop)
	add("lrzip", "LRZI\x00", 0, 24, func(b []byte) bool {
		return b[5] >= 4 && b[5] < 16 && b[13] < 4 && b[21] <= 3 && b[22] <= 3
	})
	add("KWAJ", "KWAJ\x88\xf0\x27\xd1", 0, 14, func(b []byte) bool {
		return le.Uint16(b[8:]) <= 4 && le.Uint16(b[10:]) >= 14 && le.Uint16(b[10:]) < 1<<10 && le.Uint16(b[12:]) < 1<<6
	})
	add("ACE archive", "**ACE**", 7, 64, func(b []byte) bool {
		size := int(le.Uint16(b[2:]))
		return b[4] == 0 && size >= 26 && size <= 60 && ^uint16(crc32.ChecksumIEEE(b[4:4+size])) == le.Uint16(b)
	})
	add("zoo archive", "\xdc\xa7\xc4\xfd", 20, 32, func(b []byte) bool {
		return le.Uint32(b[24:]) > 0 && le.Uint32(b[24:])+le.Uint32(b[28:]) == 0
	})
	add("StuffIt archive", "SIT!", 0, 14, func(b []byte) bool { return string(b[10:14]) == "rLau" })
	add("StuffIt archive", "StuffIt (c)", 0, 83, func(b []byte) bool {
		return string(b[11:16]) == "1997-" && string(b[78:80]) == "\r\n" && b[82] == 5
	})
	add("ALZ archive", "ALZ\x01", 0, 12, func(b []byte) bool { return string(b[8:12]) == "BLZ\x01" })
	add("cramfs", "\x45\x3d\xcd\x28", 0, 32, func(b []byte) bool { return string(b[16:32]) == "Compressed ROMFS" })
	add("squashfs", "hsqs", 0, 32, isSquash)
	add("WIM image", "MSWIM\x00\x00\x00", 0, 16, func(b []byte) bool { return le.Uint32(b[8:]) == 208 })
	add("QCOW disk image", "QFI\xfb", 0, 32, func(b []byte) bool {
		v := be.Uint32(b[4:])
		return v == 1 || (v == 2 || v == 3) && be.Uint32(b[20:]) >= 9 && be.Uint32(b[20:]) <= 21
	})
	add("VDI disk image", "\x7f\x10\xda\xbe", 0x40, 0x48, func(b []byte) bool { return le.Uint32(b[0x44:]) == 1<<16|1 })
	// The magic of zpaq is the end of this text, which stands in no other file.
	all["7kSt"] = []unpack.Mark{{
		Text: "7kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ",
		Open: refuse("zpaq", 18, func(b []byte) bool { return (b[16] == 1 || b[16] == 2) && b[17] == 1 }),
	}}
	return all
}

// refuse returns a Mark.Open that refuses the content if is reports that a header of
// size bytes begins at the offset.
func refuse(name string, size int, is func([]byte) bool) func(*unpack.Visitor, int64) (int64, error) {
	return func(v *unpack.Visitor, at int64) (int64, error) {
		if at < 0 {
			return 0, nil
		}
		b := v.Content().Peek(at, 300)
		if len(b) < size || !is(b) {
			return 0, nil
		}
		return 0, unpack.Unsupported("%s", name)
	}
}

// isLzop checks the sum of the header, which includes the file's name (lzop's
// p_header).
func isLzop(b []byte) bool {
	be := binary.BigEndian
	if be.Uint16(b[9:]) < 0x940 || be.Uint16(b[9:]) > 0x1fff || b[15] < 1 || b[15] > 3 {
		return false
	}
	flags, at := be.Uint32(b[17:]), 21
	if flags&0x800 != 0 { // the header names a filter
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

// isSquash checks fields of a superblock of version 4 that depend on each other.
func isSquash(b []byte) bool {
	le := binary.LittleEndian
	log := le.Uint16(b[22:])
	return log >= 12 && log <= 20 && le.Uint32(b[12:]) == 1<<log && le.Uint16(b[28:]) == 4
}
