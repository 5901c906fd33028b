// Package udf opens images of disks with the file system UDF (ECMA-167 and OSTA's UDF
// 2.60), alone or beside ISO 9660.
package udf

import (
	"encoding/binary"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/extents"
)

// Identifiers of descriptors.
const (
	tagAnchor          = 2
	tagPointer         = 3
	tagPartition       = 5
	tagLogicalVolume   = 6
	tagTerminator      = 8
	tagFileSet         = 256
	tagFileIdentifier  = 257
	tagAllocation      = 258
	tagFile            = 261
	tagExtendedFile    = 266
	maxDescriptors     = 256
	maxFileDescriptors = 1 << 20
)

// Format is the UDF image.
func Format() unpack.Format {
	return unpack.Format{
		Name: "UDF image",
		Opens: "all files and named streams, on metadata and sparable partitions too; VAT and spare sectors in " +
			"use are refused",
		Match: func(c unpack.Content, _ []byte) bool { return recognised(c) || anchor(c).found() },
		Whole: true,
		Walk:  walk,
	}
}

// recognised looks for a volume recognition sequence with UDF (ECMA-167, 2/9).
func recognised(c unpack.Content) bool {
	const start = 32 << 10
	for _, step := range []int64{2048, 4096} {
		for n := range int64(16) {
			if id := string(c.Peek(start+n*step+1, 4)); id == "NSR0" {
				return true
			}
		}
	}
	return false
}

// place has the size of sectors in bytes, and the offsets and sizes of the two copies of
// the volume's descriptors, as an anchor has them.
type place struct {
	sector int64
	at     [2]int64
	size   [2]int64
}

func (p place) found() bool { return p.sector > 0 }

// anchor searches for an anchor in all sectors where it may be (ECMA-167, 3/8.4.2.1).
func anchor(c unpack.Content) place {
	le := binary.LittleEndian
	for _, sector := range []int64{2048, 512, 4096, 1024} {
		last := c.Size() / sector
		for _, n := range []int64{256, 512, last - 1, last - 257} {
			if n <= 0 {
				continue
			}
			b := c.Peek(n*sector, 512)
			if tag(b) != tagAnchor || le.Uint32(b[12:]) != uint32(n) {
				continue
			}
			return place{
				sector: sector,
				at:     [2]int64{int64(le.Uint32(b[20:])) * sector, int64(le.Uint32(b[28:])) * sector},
				size:   [2]int64{int64(le.Uint32(b[16:])), int64(le.Uint32(b[24:]))},
			}
		}
	}
	return place{}
}

// tag is the identifier of a descriptor, or -1 if the checksum of its tag is wrong.
func tag(b []byte) int {
	if len(b) < 32 {
		return -1
	}
	var sum byte
	for i, v := range b[:16] {
		if i != 4 {
			sum += v
		}
	}
	if sum != b[4] {
		return -1
	}
	return int(binary.LittleEndian.Uint16(b))
}

// partition is a part of the image, or the content of a file in another partition.
type partition struct {
	number uint16
	at     int64   // offset in the image
	size   int64   // bytes
	blocks *file   // the file, for a metadata partition
	ends   []int64 // offsets in the file after each of its extents
	refuse error   // why blocks of the partition cannot be read
}

// volume is a walk over one volume.
type volume struct {
	v     *unpack.Visitor
	c     unpack.Content
	used  *extents.Used
	block int64 // size of a block
	// parts are the partitions, by the number in extents.
	parts []partition
	read  map[int64]bool // offsets of the descriptors of files that were read
	files int            // number of files
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	p := anchor(c)
	if !p.found() {
		return unpack.Unsupported("UDF image without an anchor")
	}
	vol := &volume{v: v, c: c, used: extents.New(c), read: map[int64]bool{}}
	found := false
	for i := range p.at { // the second copy only if the first cannot be read
		roots, err := vol.descriptors(p, p.at[i], p.size[i])
		if err != nil && i == 0 {
			continue
		}
		if err != nil {
			return err
		}
		for _, root := range roots {
			found = true
			if err := v.Refuse(vol.fileSet(root)); err != nil {
				return err
			}
		}
		break
	}
	if !found {
		return unpack.Damaged("UDF image without a volume")
	}
	return vol.used.Gaps(v, c.Size())
}

// descriptors reads the descriptors of the volume, and returns the places of its file sets.
func (vol *volume) descriptors(p place, at, size int64) (roots []longAd, err error) {
	le := binary.LittleEndian
	var physical []partition
	var logical []byte
	for n := int64(0); n < maxDescriptors && n*p.sector < size; n++ {
		b := vol.c.Peek(at+n*p.sector, int(p.sector))
		switch tag(b) {
		case tagPointer: // to the next descriptors
			size, at, n = int64(le.Uint32(b[20:])), int64(le.Uint32(b[24:]))*p.sector, -1
			if at == 0 || len(physical) > maxDescriptors {
				return nil, unpack.Damaged("UDF image whose descriptors do not end")
			}
			physical = append(physical, partition{})
		case tagPartition:
			physical = append(physical, partition{
				number: le.Uint16(b[22:]), at: int64(le.Uint32(b[188:])) * p.sector, size: int64(le.Uint32(b[192:])) * p.sector,
			})
		case tagLogicalVolume:
			logical = b
		case tagTerminator:
			n = maxDescriptors
		}
	}
	if logical == nil || len(physical) == 0 {
		return nil, unpack.Damaged("UDF image without a volume")
	}
	vol.block = int64(le.Uint32(logical[212:]))
	if vol.block < 512 || vol.block > 64<<10 || vol.block&(vol.block-1) != 0 {
		return nil, unpack.Damaged("UDF image with blocks of %d bytes", vol.block)
	}
	maps := logical[min(440, len(logical)):]
	for range le.Uint32(logical[268:]) {
		if len(maps) < 6 || maps[1] < 6 || int(maps[1]) > len(maps) {
			break
		}
		vol.parts = append(vol.parts, vol.partition(maps[:maps[1]], physical))
		maps = maps[maps[1]:]
	}
	return []longAd{readLong(logical[248:])}, nil
}

// partition is the partition of a partition map.
func (vol *volume) partition(m []byte, physical []partition) partition {
	le := binary.LittleEndian
	find := func(number uint16) partition {
		for _, p := range slices.Backward(physical) {
			if p.number == number && p.size > 0 {
				return p
			}
		}
		return partition{refuse: unpack.Damaged("UDF image without partition %d", number)}
	}
	if m[0] == 1 && len(m) >= 6 {
		return find(le.Uint16(m[4:]))
	}
	if len(m) < 64 {
		return partition{refuse: unpack.Damaged("UDF image with a broken partition map")}
	}
	p := find(le.Uint16(m[38:]))
	switch kind := string(m[5:28]); kind {
	case "*UDF Sparable Partition":
		for i := range min(int(m[42]), 4) {
			if vol.remapped(int64(le.Uint32(m[48+4*i:]))) {
				p.refuse = unpack.Unsupported("UDF image with spare sectors in use")
			}
		}
	case "*UDF Metadata Partition":
		if p.refuse != nil {
			return p
		}
		for _, field := range []int{40, 44} { // the file, and its copy
			f, err := vol.readFile(p, int64(le.Uint32(m[field:])))
			if err == nil {
				return metadata(f)
			}
			p.refuse = err
		}
	default:
		p.refuse = unpack.Unsupported("UDF image with a partition of type %s", unpack.Clip(kind, 24))
	}
	return p
}

// metadata is a partition whose blocks are the content of a file.
func metadata(f *file) partition {
	p := partition{blocks: f, size: f.size}
	end := int64(0)
	for _, e := range f.parts {
		end += e.Size
		p.ends = append(p.ends, end)
	}
	return p
}

// remapped reports whether a table of spare sectors has one in use.
func (vol *volume) remapped(sector int64) bool {
	le := binary.LittleEndian
	b := vol.c.Peek(sector*vol.block, 64<<10)
	if len(b) < 56 || tag(b) != 0 {
		return false
	}
	for i := range int(le.Uint16(b[48:])) {
		if at := 56 + 8*i; at+8 <= len(b) && le.Uint32(b[at:]) < 0xfffffff0 {
			return true
		}
	}
	return false
}

// at is the offset in the image of a block of a partition.
func (vol *volume) at(p partition, block int64) (int64, error) {
	switch {
	case p.refuse != nil:
		return 0, p.refuse
	case block*vol.block >= p.size:
		return 0, unpack.Damaged("UDF image with block %d, beyond the end of its partition", block)
	case p.blocks == nil:
		return p.at + block*vol.block, nil
	}
	offset := block * vol.block
	// There may be a million extents, and as many files that are looked for in them.
	if i, _ := slices.BinarySearch(p.ends, offset+1); i < len(p.ends) {
		e := p.blocks.parts[i]
		return e.From + e.Size - (p.ends[i] - offset), nil
	}
	return 0, unpack.Damaged("UDF image with block %d, beyond the end of its metadata", block)
}
