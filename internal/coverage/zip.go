package coverage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
)

// Records of APPNOTE.TXT 6.3.10, section 4.3.
const (
	zipLocal    = "PK\x03\x04"
	zipEntry    = "PK\x01\x02"
	zipEnd      = "PK\x05\x06"
	zipEnd64    = "PK\x06\x06"
	zipLocate64 = "PK\x06\x07"
	zipSpan     = "PK\x07\x08"

	zipEndSize = 22
	zipTail    = zipEndSize + 1<<16 // the end record and the longest comment
	wide32     = 1<<32 - 1
)

// zipDirectory is where a zip's parts stand, absolute in the file.
type zipDirectory struct {
	base       int64 // what is added to the offsets written in it
	start, end int64 // of the central directory
	after      int64 // the first byte after the end record and its comment
	comment    int64 // the first byte of the comment
	count      uint64
	wide       bool // has a zip64 end record
}

// findZipEnd returns the last end record with a central directory before it.
func findZipEnd(n node) (zipDirectory, bool, error) {
	size := min(n.size, zipTail)
	if size < zipEndSize {
		return zipDirectory{}, false, nil
	}
	// Nearly every zip ends without a comment, nearly no other file does.
	var last [zipEndSize]byte
	if err := n.read(last[:], n.size-zipEndSize); err != nil {
		return zipDirectory{}, false, err
	}
	if string(last[:4]) == zipEnd && last[20] == 0 && last[21] == 0 {
		if d, ok, err := n.zipDirectoryAt(last[:], n.size-zipEndSize); ok || err != nil {
			return d, ok, err
		}
	}
	tail := make([]byte, size)
	if err := n.read(tail, n.size-size); err != nil {
		return zipDirectory{}, false, err
	}
	return n.lastZipEnd(tail, n.size-size)
}

// lastZipEnd looks for an end record in bytes that stand at an offset in n.
func (n node) lastZipEnd(tail []byte, at int64) (zipDirectory, bool, error) {
	end := len(tail)
	for range 16 { // more pretenders than any honest file has
		i := bytes.LastIndex(tail[:end], []byte(zipEnd))
		if i < 0 {
			break
		}
		if len(tail)-i >= zipEndSize {
			if d, ok, err := n.zipDirectoryAt(tail[i:i+zipEndSize], at+int64(i)); ok || err != nil {
				return d, ok, err
			}
		}
		end = i
	}
	return zipDirectory{}, false, nil
}

// endsAsZip wants members: many a program has an empty end record among its
// constants.
func endsAsZip(n node) (bool, error) {
	d, ok, err := findZipEnd(n)
	return ok && d.start < d.end, err
}

// zipDirectoryAt reads the end record at pos, and is false if no central
// directory stands where it says.
func (n node) zipDirectoryAt(end []byte, pos int64) (zipDirectory, bool, error) {
	le := binary.LittleEndian
	d := zipDirectory{count: uint64(le.Uint16(end[10:])), end: pos}
	length, offset := uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	d.comment = pos + zipEndSize
	d.after = min(n.size, d.comment+int64(le.Uint16(end[20:])))

	var locator [20]byte
	if pos >= 20 {
		if err := n.read(locator[:], pos-20); err != nil {
			return d, false, err
		}
	}
	if string(locator[:4]) == zipLocate64 {
		if r, at, err := n.zipEnd64(int64(le.Uint64(locator[8:])), pos-20); err != nil {
			return d, false, err
		} else if r != nil {
			d.wide, d.end = true, at
			d.count, length, offset = le.Uint64(r[32:]), le.Uint64(r[40:]), le.Uint64(r[48:])
		}
	}
	if length > uint64(d.end) || offset > math.MaxInt64 {
		return d, false, nil
	}
	d.start = d.end - int64(length)
	// Below zero where bytes are missing at the beginning: many readers open that.
	d.base = d.start - int64(offset)
	if length == 0 {
		return d, d.count == 0 && d.base >= 0, nil
	}
	var first [4]byte
	err := n.read(first[:], d.start)
	return d, string(first[:]) == zipEntry, err
}

// zipEnd64 reads the zip64 end record, at the offset that its locator gives or,
// behind a prefix, right before the locator.
func (n node) zipEnd64(offset, locator int64) ([]byte, int64, error) {
	record := make([]byte, 56)
	for _, at := range []int64{offset, locator - int64(len(record))} {
		if at < 0 || at > locator-int64(len(record)) {
			continue
		}
		if err := n.read(record, at); err != nil {
			return nil, 0, err
		}
		if string(record[:4]) == zipEnd64 {
			return record, at, nil
		}
	}
	return nil, 0, nil
}

// walkZip reaches every member of a zip, and every byte between them in which
// another reader could find one.
func walkZip(w *walk, n node) error {
	d, ok, err := findZipEnd(n)
	if err != nil {
		return err
	}
	if !ok {
		if d, ok, err = n.distantZipEnd(); err != nil {
			return err
		}
	}
	if !ok {
		return damaged("zip without its central directory")
	}
	// Go takes the offset in the end record as it stands if that works, others
	// subtract the size of what stands before.
	if d.base != 0 {
		var there [4]byte
		if err := n.read(there[:], d.start-d.base); err == nil && string(there[:]) == zipEntry {
			if _, whole, err := findZipEnd(node{r: n.at(0, d.base), size: max(d.base, 0)}); err != nil || !whole {
				return damaged("zip with two central directories")
			}
		}
	}
	members, err := n.zipMembers(d)
	if err != nil {
		return err
	}
	// The engine takes offsets as they stand, and so may have unpacked what stands
	// in front.
	n.hidden = n.hidden || d.base != 0
	for _, m := range members {
		if err := w.settle(n, w.zipMember(n, m)); err != nil {
			return err
		}
		if m.name == "META-INF/manifest.xml" {
			if err := w.settle(n, n.odfEncryption(m)); err != nil {
				return err
			}
		}
	}
	if err := w.settle(n, w.zipRemainders(n, d, members)); err != nil {
		return err
	}
	if err := w.settle(n, w.remainder(n, "comment", d.comment, d.after-d.comment)); err != nil {
		return err
	}
	if n.ends(d.after) {
		return nil
	}
	return w.remainder(n, "appended", d.after, n.size-d.after)
}

// zipRemainders takes what no member claims: before the first, between them,
// and before the central directory.
func (w *walk) zipRemainders(n node, d zipDirectory, members []zipMember) error {
	slices.SortFunc(members, func(a, b zipMember) int { return cmp.Compare(a.local, b.local) })
	at := int64(0)
	name := "prefix"
	var first [4]byte
	if err := n.read(first[:], 0); err != nil {
		return err
	}
	if string(first[:2]) != "PK" { // look has walked what it begins as, which is not a zip
		at = d.start
		for _, m := range members {
			at = min(at, m.local)
		}
		if err := w.settle(n, w.search(n, name, 0, at)); err != nil {
			return err
		}
	}
	for _, m := range append(members, zipMember{local: d.start, data: d.start}) {
		if m.local < at {
			return damaged("zip with members that overlap: %s", clip(m.name, 64))
		}
		if m.local > at {
			if err := w.settle(n, w.zipGap(n, name, at, m.local)); err != nil {
				return err
			}
		}
		at, name = m.data+m.packed, "hidden"
		if m.described {
			at += n.descriptorSize(at)
		}
	}
	return nil
}

// zipGap takes members that only their local headers tell of, the rest of an
// older version of the archive or a trick, and then whatever is left.
func (w *walk) zipGap(n node, name string, from, to int64) error {
	part := node{r: n.at(from, to-from), size: to - from}
	if _, whole, err := findZipEnd(part); err != nil || whole {
		return errors.Join(err, w.remainder(n, name, from, to-from))
	}
	var head [4]byte
	for to-from >= 30 {
		if err := n.read(head[:], from); err != nil {
			return err
		}
		if string(head[:]) != zipLocal {
			break
		}
		m, err := n.zipLocalMember(zipMember{name: name, local: from, unlisted: true})
		if err != nil {
			return err
		}
		if err := w.settle(n, w.zipMember(n, m)); err != nil {
			return err
		}
		from = m.data + m.packed
	}
	return w.remainder(n, name, from, to-from)
}

// descriptorSize is the length of a data descriptor, which may have a signature
// and may have 64-bit sizes.
func (n node) descriptorSize(at int64) int64 {
	var b [24]byte
	r := n.at(at, int64(len(b)))
	got, _ := r.ReadAt(b[:], 0)
	size := int64(12)
	if strings.HasPrefix(string(b[:got]), zipSpan) {
		size += 4
	}
	for _, longer := range []int64{size, size + 8} {
		next := b[min(longer, 24):min(longer+2, 24)]
		if string(next) == "PK" {
			return longer
		}
	}
	return size
}

// distantZipEnd searches the whole of n, which begins as a zip and ends as
// something else: readers that go from front to back still open it.
func (n node) distantZipEnd() (zipDirectory, bool, error) {
	const step = 1 << 20
	buf := make([]byte, step+zipEndSize)
	for at := n.size - step; at > -step; at -= step {
		from := max(at, 0)
		part := buf[:min(step+zipEndSize, n.size-from)]
		if err := n.read(part, from); err != nil {
			return zipDirectory{}, false, err
		}
		if d, ok, err := n.lastZipEnd(part, from); ok || err != nil {
			return d, ok, err
		}
	}
	return zipDirectory{}, false, nil
}
