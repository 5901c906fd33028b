// Package fat opens volumes with the file system FAT, of 12, 16 and 32 bits (Microsoft's
// "FAT: General Overview of On-Disk Format", 1.03), and disks with such partitions.
// Computers with EFI boot from FAT volumes, so that most bootable CDs have one.
package fat

import (
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/partition"
)

// Formats are a volume, and a disk with volumes in partitions.
func Formats() []unpack.Format {
	single := unpack.Format{
		Name: "FAT volume",
		Opens: "FAT12, FAT16 and FAT32: all files, by every copy of the table that differs; " +
			"exFAT is refused",
		Match: func(c unpack.Content, head []byte) bool {
			_, ok := bootSector(c, head)
			return ok
		},
		Walk: walk,
	}
	disk := unpack.Format{
		Name:  "disk with FAT partitions",
		Opens: "partitions with FAT, by MBR and GPT; those with other file systems are refused; the engine opens HFS+",
		Match: func(c unpack.Content, _ []byte) bool { return len(volumes(c)) > 0 },
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			for _, at := range volumes(c) {
				_, err := v.EmbeddedVerified(single, at)
				if err := v.Refuse(err); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return []unpack.Format{single, disk}
}

// volumes are the offsets of the FAT partitions of a disk.
func volumes(c unpack.Content) (starts []int64) {
	for _, at := range partition.Starts(c) {
		part := c.From(at)
		if _, ok := bootSector(part, part.Peek(0, 512)); ok {
			starts = append(starts, at)
		}
	}
	return starts
}

// volume has the fields of a boot sector. Offsets and sizes are in bytes.
type volume struct {
	c          unpack.Content
	kind       int // 12, 16 or 32
	size       int64
	table      int64 // offset of the first copy of the table of clusters
	tableSize  int64
	copies     int64
	active     int64 // the copy in use
	root       int64 // offset of the root folder of FAT12 and FAT16
	rootSize   int64
	rootStart  uint32 // first cluster of the root folder of FAT32
	data       int64  // offset of the first cluster, which has the number 2
	cluster    int64  // size of a cluster
	clusters   int64  // number of clusters
	otherKinds []int  // kinds that some programs may take it for
}

// bootSector reads a boot sector, and reports whether it is one of FAT. There is no magic
// that every system checks: Linux ignores the jump at the beginning and the mark at the
// end. So all fields must be valid (section 3.1), and the volume must follow.
func bootSector(c unpack.Content, b []byte) (vol volume, ok bool) {
	le := binary.LittleEndian
	if len(b) < 512 {
		return volume{}, false
	}
	sector, reserved, entries := int64(le.Uint16(b[11:])), int64(le.Uint16(b[14:])), int64(le.Uint16(b[17:]))
	medium := b[21]
	if sector < 512 || sector > 4096 || sector&(sector-1) != 0 || bits.OnesCount8(b[13]) != 1 || reserved == 0 ||
		b[16] == 0 || medium != 0xf0 && medium < 0xf8 {
		return volume{}, false
	}
	size, table := int64(le.Uint16(b[19:])), int64(le.Uint16(b[22:]))
	if size == 0 {
		size = int64(le.Uint32(b[32:]))
	}
	long := table == 0
	if long {
		table = int64(le.Uint32(b[36:]))
	}
	vol = volume{
		c: c, size: size * sector, table: reserved * sector, tableSize: table * sector, copies: int64(b[16]),
		rootSize: (32*entries + sector - 1) / sector * sector, cluster: int64(b[13]) * sector,
	}
	vol.root = vol.table + vol.copies*vol.tableSize
	vol.data = vol.root + vol.rootSize
	vol.clusters = (vol.size - vol.data) / vol.cluster
	if table == 0 || vol.root >= c.Size() {
		return volume{}, false
	}
	if long {
		vol.set32(b)
	} else {
		vol.setKind(string(b[54:59]))
	}
	// Linux uses no more clusters than the table has entries.
	vol.clusters = min(vol.clusters, vol.tableSize*8/int64(vol.kind)-2)
	return vol, true
}

// set32 sets the fields of FAT32 in a boot sector.
func (vol *volume) set32(b []byte) {
	le := binary.LittleEndian
	vol.kind, vol.rootStart = 32, le.Uint32(b[44:])
	if flags := int64(le.Uint16(b[40:])); flags&0x80 != 0 && flags&0x0f < vol.copies {
		vol.active = flags & 0x0f
	}
	if vol.rootSize > 0 { // mtools decides by the number of clusters alone
		vol.otherKinds = []int{12, 16}
	}
}

// setKind tells FAT12 and FAT16 by the number of clusters. Some programs go by the label
// in the boot sector.
func (vol *volume) setKind(label string) {
	if vol.clusters < smallest16 {
		vol.kind = 12
		if label == "FAT16" || vol.clusters > smallest16-doubtful {
			vol.otherKinds = []int{16}
		}
		return
	}
	vol.kind = 16
	if label == "FAT12" || vol.clusters < smallest16+doubtful {
		vol.otherKinds = []int{12}
	}
}

// smallest16 is the smallest number of clusters of FAT16. Some programs use a limit that
// differs by up to doubtful (section 3.5).
const (
	smallest16 = 4085
	doubtful   = 16
)

// maxCopies is how many copies of the table are compared; volumes have one or two.
const maxCopies = 4

func walk(v *unpack.Visitor, c unpack.Content) error {
	vol, ok := bootSector(c, c.Peek(0, 512))
	if !ok || vol.clusters < 0 {
		return unpack.Damaged("FAT volume whose sizes contradict each other")
	}
	if vol.size > c.Size() {
		if err := v.Refuse(unpack.Damaged("FAT volume with %d of %d bytes", c.Size(), vol.size)); err != nil {
			return err
		}
	}
	w := &walker{volume: vol, v: v, most: 8*c.Size() + 1<<20, done: map[fileKey]bool{}}
	if err := v.Refuse(w.reading(vol.kind, vol.active)); err != nil {
		return err
	}
	for n := range min(vol.copies, maxCopies) {
		if n == vol.active || vol.same(vol.active, n) {
			continue
		}
		if err := v.Guess(func() error { return w.reading(vol.kind, n) }); err != nil {
			return err
		}
	}
	for _, kind := range vol.otherKinds {
		if err := v.Guess(func() error { return w.reading(kind, vol.active) }); err != nil {
			return err
		}
	}
	return nil
}

// same compares two copies of the table.
func (vol volume) same(a, b int64) bool {
	const page = 64 << 10
	for at := int64(0); at < vol.tableSize; at += page {
		n := int(min(page, vol.tableSize-at))
		if string(vol.c.Peek(vol.table+a*vol.tableSize+at, n)) != string(vol.c.Peek(vol.table+b*vol.tableSize+at, n)) {
			return false
		}
	}
	return true
}

// table is one reading of the table of clusters.
type table struct {
	volume
	at, end int64
	page    []byte // some bytes of the table
	from    int64  // offset of page
}

// valid reports whether the volume has a cluster of this number.
func (t *table) valid(cluster uint32) bool { return cluster >= 2 && int64(cluster) < t.clusters+2 }

// place is the offset of a cluster.
func (t *table) place(cluster uint32) int64 { return t.data + int64(cluster-2)*t.cluster }

// after is the cluster after one in its chain. At the end of the chain the error is io.EOF.
func (t *table) after(cluster uint32) (uint32, error) {
	le := binary.LittleEndian
	at := t.at + int64(cluster)*int64(t.kind)/8
	if at >= t.end {
		return 0, unpack.Damaged("FAT volume with cluster %d, beyond the end of its table", cluster)
	}
	if at < t.from || at+4 > t.from+int64(len(t.page)) {
		t.from, t.page = at, t.c.Peek(at, int(min(4096, t.end-at)))
	}
	var b [4]byte
	copy(b[:], t.page[at-t.from:])
	var next, end uint32
	switch t.kind {
	case 12:
		next, end = uint32(le.Uint16(b[:])>>(cluster&1*4))&0xfff, 0xff7
	case 16:
		next, end = uint32(le.Uint16(b[:])), 0xfff7
	default:
		next, end = le.Uint32(b[:])&0x0fffffff, 0x0ffffff7
	}
	switch {
	case next >= end:
		return 0, io.EOF
	case !t.valid(next):
		return 0, unpack.Damaged("FAT volume with a chain that goes from cluster %d to %d", cluster, next)
	}
	return next, nil
}
