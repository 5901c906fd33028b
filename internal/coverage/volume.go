package coverage

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// volumes are file systems and what lies below them, by magics. A file in one
// may lie in pieces anywhere, or packed; neither the engine nor this package puts
// them together. HFS+ and what CDs have are the engine's.
var volumes = []struct {
	at   int64
	text string
	name string
}{
	{3, "NTFS    ", "NTFS volume"},
	{3, "EXFAT   ", "exFAT volume"},
	{0, "XFSB\x00\x00", "XFS volume"},
	{0x10040, "_BHRfS_M", "Btrfs volume"},
	{0x10034, "ReIsEr", "ReiserFS volume"},
	{1024, "\x10\x20\xf5\xf2", "F2FS volume"},
	{32, "NXSB", "APFS container"},
	{0, "-rom1fs-", "romfs volume"},
	{0, "UBI#\x01", "UBI volume"},
	{512, "LABELONE", "LVM volume"},
}

// volume names the file system that n is, or is empty.
func (n node) volume() string {
	var b [512]byte
	for _, v := range volumes {
		if part := b[:len(v.text)]; n.size > v.at+512 && n.read(part, v.at) == nil && string(part) == v.text {
			return v.name
		}
	}
	le := binary.LittleEndian
	// A superblock of ext has no more than two bytes of magic: what else is in it
	// must fit (Linux, ext4/super.rst).
	if n.size >= 2048 && n.read(b[:], 1024) == nil && le.Uint16(b[56:]) == 0xef53 &&
		le.Uint32(b[0:]) > 0 && le.Uint32(b[4:]) > 0 && le.Uint32(b[24:]) <= 6 && le.Uint16(b[58:]) <= 7 && le.Uint32(b[76:]) <= 1 {
		return "ext volume"
	}
	// FAT has a magic that nobody has to write; its sizes are powers of two
	// (Microsoft's FAT specification, 3.1).
	if n.size >= 4096 && n.read(b[:], 0) == nil && (b[0] == 0xeb || b[0] == 0xe9) && le.Uint16(b[510:]) == 0xaa55 {
		sector, cluster, copies := le.Uint16(b[11:]), b[13], b[16]
		if sector >= 512 && sector <= 4096 && bits.OnesCount16(sector) == 1 && bits.OnesCount8(cluster) == 1 &&
			(copies == 1 || copies == 2) && (b[21] == 0xf0 || b[21] >= 0xf8) {
			return "FAT volume"
		}
	}
	return ""
}

// isVolume recognises a volume, and a disk with partitions. Bootable CD images
// have partitions too, that say where the CD's own files lie.
func isVolume(n node, head []byte) bool {
	return n.volume() != "" || len(head) > 512 && !isISO(n, head) && (head[510] == 0x55 && head[511] == 0xaa || bytes.HasPrefix(head[512:], []byte("EFI PART")))
}

func walkVolume(_ *walk, n node) error {
	if kind := n.volume(); kind != "" {
		return unsupported("%s", kind)
	}
	for _, start := range n.partitions() {
		part := node{r: n.at(start, n.size-start), size: n.size - start}
		if kind := part.volume(); start > 0 && part.size > 0 && kind != "" {
			return unsupported("disk image with a partition: %s", kind)
		}
	}
	return nil
}

// partitions are where those of a disk begin, by its GPT (UEFI 2.10, 5.3) and
// its MBR.
func (n node) partitions() []int64 {
	le := binary.LittleEndian
	var starts []int64
	var mbr [512]byte
	if n.read(mbr[:], 0) != nil {
		return nil
	}
	for i := 446; i < 510; i += 16 {
		if start := le.Uint32(mbr[i+8:]); mbr[i+4] != 0 && start > 0 {
			starts = append(starts, int64(start)*512)
		}
	}
	for _, sector := range []int64{512, 4096} {
		var h [92]byte
		if n.read(h[:], sector) != nil || string(h[:8]) != "EFI PART" {
			continue
		}
		size := int64(le.Uint32(h[84:]))
		for i := range int64(min(le.Uint32(h[80:]), 256)) {
			var entry [48]byte
			if size < 128 || size > 4096 || n.read(entry[:], int64(le.Uint64(h[72:])&(1<<40-1))*sector+i*size) != nil {
				break
			}
			if start := le.Uint64(entry[32:]); start > 0 && start < 1<<40 {
				starts = append(starts, int64(start)*sector)
			}
		}
	}
	return starts
}
