package closed

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/partition"
)

// volume is a file system, a container that holds file systems (LVM, LUKS, UBI), or a
// disk with one of them in a partition. A file in it may be compressed or in several
// pieces; neither the engine nor any package here joins them. Packages fat, iso and udf
// open FAT, ISO 9660 and UDF, and the engine opens HFS+.
func volume() unpack.Format {
	return unpack.Format{
		Name:  "volume",
		Match: func(c unpack.Content, _ []byte) bool { return volumeOf(c) != nil || partitioned(c) != nil },
		Walk: func(_ *unpack.Visitor, c unpack.Content) error {
			if r := volumeOf(c); r != nil {
				return r.refusal()
			}
			if r := partitioned(c); r != nil {
				r.name = "disk image with a partition: " + r.name
				return r.refusal()
			}
			return nil
		},
	}
}

// volumes are the kinds that have a magic.
func volumes() []row {
	return []row{
		{at: 3, text: "NTFS    ", name: "NTFS volume"},
		{at: 3, text: "EXFAT   ", name: "exFAT volume"},
		{at: 3, text: "ReFS\x00\x00\x00\x00\x00", name: "ReFS volume"},
		{at: 3, text: "-FVE-FS-", name: "BitLocker volume", encrypted: true},
		{ // BitLocker To Go, which begins with a small FAT volume
			at: 0x1a8, text: "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01",
			name: "BitLocker volume", encrypted: true,
		},
		{at: 0, text: "LUKS\xba\xbe\x00", name: "LUKS volume", encrypted: true},
		{at: 0, text: "XFSB\x00\x00", name: "XFS volume"},
		{at: 0x10040, text: "_BHRfS_M", name: "Btrfs volume"},
		{at: 0x10034, text: "ReIsEr", name: "ReiserFS volume"},
		{at: 0x8000, text: "JFS1\x01\x00\x00\x00", name: "JFS volume"},
		{at: 1024, text: "\x10\x20\xf5\xf2", name: "F2FS volume"},
		{at: 32, text: "NXSB", name: "APFS container"},
		{at: 0, text: "-rom1fs-", name: "romfs volume"},
		{at: 0, text: "UBI#\x01", name: "UBI volume"},
		{at: 512, text: "LABELONE", name: "LVM volume"},
	}
}

// volumeOf is the row of the file system that begins at the first byte of c, or nil.
func volumeOf(c unpack.Content) *row {
	head := c.Peek(0, unpack.HeadSize)
	for _, r := range volumes() {
		end := r.at + len(r.text)
		switch {
		case c.Size() <= int64(r.at)+512:
		case end <= len(head) && string(head[r.at:end]) == r.text,
			end > len(head) && string(c.Peek(int64(r.at), len(r.text))) == r.text:
			return &r
		}
	}
	if len(head) == unpack.HeadSize && isExt(head[1024:]) {
		return &row{name: "ext volume"}
	}
	return nil
}

// isExt checks a superblock. Its magic has only two bytes, so that other fields must be
// valid as well (Linux, Documentation/filesystems/ext4/super.rst).
func isExt(b []byte) bool {
	le := binary.LittleEndian
	return le.Uint16(b[56:]) == 0xef53 && le.Uint32(b[0:]) > 0 && le.Uint32(b[4:]) > 0 &&
		le.Uint32(b[24:]) <= 6 && le.Uint16(b[58:]) <= 7 && le.Uint32(b[76:]) <= 1
}

// partitioned is the row of the first known file system in a partition of c, or nil. On
// a bootable CD or DVD, the partitions are where files of its own file system stand.
func partitioned(c unpack.Content) *row {
	if cd := string(c.Peek(0x8001, 5)); cd == "CD001" || cd == "BEA01" {
		return nil
	}
	for _, start := range partition.Starts(c) {
		if r := volumeOf(c.From(start)); r != nil {
			return r
		}
	}
	return nil
}
