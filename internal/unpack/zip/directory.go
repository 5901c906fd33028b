package zip

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// directory is the place of a central directory, as one program reads the end record.
type directory struct {
	base       int64  // to be added to the offsets in it
	start, end int64  // of the central directory
	comment    int64  // offset of the comment, after the end record
	after      int64  // offset after the comment
	count      uint64 // of entries, by the end record
	wide       bool   // the end record is a zip64 one
}

// lastDirectories are the directories of end records near the end of c, so that their
// comments may reach it. The last is first.
func lastDirectories(c unpack.Content) []directory {
	size := min(c.Size(), longestTail)
	return directoriesIn(c, c.Peek(c.Size()-size, int(size)), c.Size()-size)
}

// directoriesIn are the directories whose end records are in b, which stands in c at an
// offset.
func directoriesIn(c unpack.Content, b []byte, at int64) []directory {
	var found []directory
	end := len(b)
	for range mostEndRecords {
		i := bytes.LastIndex(b[:end], []byte(endSign))
		if i < 0 {
			break
		}
		for _, d := range directoriesAt(c, at+int64(i)) {
			if !slices.ContainsFunc(found, d.same) {
				found = append(found, d)
			}
		}
		end = i
	}
	return found
}

func (d directory) same(other directory) bool { return d.start == other.start && d.base == other.base }

// distantDirectories searches all of c, which begins as a zip and ends as something
// else: programs that read from the beginning still open it.
func distantDirectories(c unpack.Content) []directory {
	const step = 1 << 20
	for at := c.Size() - step; at > -step; at -= step {
		from := max(at, 0)
		if found := directoriesIn(c, c.Peek(from, step+endSize), from); len(found) > 0 {
			return found
		}
	}
	return nil
}

// directoriesAt reads the end record at an offset. Programs with zip64 and programs
// without may find different directories. If the directory does not stand at the offset
// in the end record, some programs take the offset as it is, and others take the
// difference for bytes before the archive.
func directoriesAt(c unpack.Content, at int64) []directory {
	b := c.Peek(at, endSize)
	if len(b) < endSize || string(b[:4]) != endSign {
		return nil
	}
	le := binary.LittleEndian
	d := directory{comment: at + endSize}
	d.after = min(c.Size(), d.comment+int64(le.Uint16(b[20:])))
	var found []directory
	if wide, pos := end64(c, at-locatorSize); wide != nil {
		d.wide, d.end, d.count = true, pos, le.Uint64(wide[32:])
		found = d.placed(c, le.Uint64(wide[40:]), le.Uint64(wide[48:]))
	}
	d.wide, d.end, d.count = false, at, uint64(le.Uint16(b[10:]))
	return append(found, d.placed(c, uint64(le.Uint32(b[12:])), uint64(le.Uint32(b[16:])))...)
}

// placed are the places where a directory may be that ends at d.end or before.
func (d directory) placed(c unpack.Content, size, offset uint64) []directory {
	if size > uint64(d.end) || offset > math.MaxInt64 {
		return nil
	}
	var found []directory
	d.start = d.end - int64(size)
	// Negative if bytes are missing at the beginning, which many programs accept.
	d.base = d.start - int64(offset)
	if size == 0 {
		if d.count == 0 && d.base >= 0 {
			found = append(found, d)
		}
		return found
	}
	if string(c.Peek(d.start, 4)) == entrySign {
		found = append(found, d)
	}
	if d.base != 0 && int64(offset) < d.end && string(c.Peek(int64(offset), 4)) == entrySign {
		d.start, d.base = int64(offset), 0
		d.end = min(d.end, d.start+int64(size))
		found = append(found, d)
	}
	return found
}

// end64 reads the zip64 end record, at the offset in its locator or, if the archive
// stands after other content, right before the locator.
func end64(c unpack.Content, locator int64) (record []byte, at int64) {
	b := c.Peek(locator, locatorSize)
	if len(b) < locatorSize || string(b[:4]) != locator64 {
		return nil, 0
	}
	for _, at := range []int64{int64(binary.LittleEndian.Uint64(b[8:])), locator - end64Size} {
		if at < 0 || at > locator-end64Size {
			continue
		}
		if record := c.Peek(at, end64Size); len(record) == end64Size && string(record[:4]) == end64Sign {
			return record, at
		}
	}
	return nil, 0
}

// endsAsVolume recognises the last part of a split zip by its end record. The directory
// begins in another part.
func endsAsVolume(c unpack.Content) bool {
	b := c.Peek(c.Size()-endSize, endSize)
	if len(b) < endSize || string(b[:4]) != endSign {
		return false
	}
	disk := binary.LittleEndian.Uint16(b[4:])
	return disk > 0 && disk < 1<<15 && b[20] == 0 && b[21] == 0
}

// entry is a member as a directory lists it.
type entry struct {
	name  string
	local int64 // offset of the local header, without directory.base
	reading
}

// maxDirectory is the size of a directory of some 300,000 members, ten times as many as
// unpack.DefaultLimits allow.
const maxDirectory = 32 << 20

// entries reads the directory. left is the number of bytes after its last entry, and
// release gives back the memory that the entries take. Entries that cannot be read are
// refused. The error ends the directory.
func (d directory) entries(v *unpack.Visitor, c unpack.Content) (all []entry, left int64, release func(), err error) {
	release = func() {}
	size := d.end - d.start
	if size > maxDirectory {
		return nil, 0, release, unpack.TooLarge("zip with a central directory of %d bytes", size)
	}
	if err := v.Spend(size); err != nil { // many end records may lead to one directory
		return nil, 0, release, err
	}
	if release, err = v.Hold(4 * size); err != nil {
		return nil, 0, release, err
	}
	b := make([]byte, size)
	if err := c.Fill(b, d.start); err != nil {
		return nil, 0, release, err
	}
	count := uint64(0)
	for ; len(b) >= 4 && string(b[:4]) == entrySign; count++ {
		e, rest, err := parseEntry(b)
		if rest == nil {
			return all, 0, release, err
		}
		b = rest
		if err != nil {
			if err := v.Refuse(err); err != nil {
				return nil, 0, release, err
			}
			continue
		}
		all = append(all, e)
	}
	// Writers without zip64 store the lower 16 bits of the count.
	if uint16(count) != uint16(d.count) || d.wide && count != d.count {
		err = unpack.Damaged("zip with %d of %d members in its central directory", count, d.count)
	}
	return all, int64(len(b)), release, err
}

// parseEntry reads the first entry in b. rest follows it, and is nil if the directory
// was cut off.
func parseEntry(b []byte) (e entry, rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < entrySize {
		return e, nil, unpack.Damaged("zip with a cut central directory")
	}
	nameLen, extraLen, commentLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	total := entrySize + nameLen + extraLen + commentLen
	if len(b) < total {
		return e, nil, unpack.Damaged("zip with a cut central directory")
	}
	e = entry{
		name:  string(b[entrySize : entrySize+nameLen]),
		local: int64(le.Uint32(b[42:])),
		reading: reading{
			flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), crc: le.Uint32(b[16:]),
			packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])),
		},
	}
	if disk := le.Uint16(b[34:]); disk != 0 && disk != 0xffff {
		return e, b[total:], errVolume()
	}
	if !zip64Sizes(b[entrySize+nameLen:entrySize+nameLen+extraLen], &e.size, &e.packed, &e.local) {
		err = unpack.Damaged("zip member %s without its zip64 sizes", unpack.Clip(e.name, 64))
	}
	return e, b[total:], err
}

// zip64Sizes replaces those values that are in the zip64 field among the extra fields,
// which has them in this order (APPNOTE 4.5.3). It reports whether the field has them
// all.
func zip64Sizes(extra []byte, values ...*int64) bool {
	field := extraField(extra, 1)
	for _, v := range values {
		if *v != inZip64Field {
			continue
		}
		if len(field) < 8 {
			return false
		}
		if *v = int64(binary.LittleEndian.Uint64(field)); *v < 0 {
			return false
		}
		field = field[8:]
	}
	return true
}

func extraField(extra []byte, id uint16) []byte {
	le := binary.LittleEndian
	for len(extra) >= 4 {
		size := int(le.Uint16(extra[2:]))
		if size > len(extra)-4 {
			return nil
		}
		if le.Uint16(extra) == id {
			return extra[4 : 4+size]
		}
		extra = extra[4+size:]
	}
	return nil
}
