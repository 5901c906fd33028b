package chm

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

// file is a file that the directory lists.
type file struct {
	name       string
	section    uint64 // 0 is stored, 1 is compressed
	from, size int64  // in bytes of its section
}

// directory is the list of files.
type directory struct {
	files  []file
	stored int64 // offset of the first section
}

// Sizes and offsets in bytes.
const (
	listingSize = 0x54    // of the header of the directory
	pageHeader  = 0x14    // of the header of a page
	minPage     = 32      // more than the header of a page
	maxPage     = 1 << 20 // Windows' compiler makes pages of 4 KiB
)

// readDirectory reads the directory as far as it can be read. The error is a Refusal.
func readDirectory(v *unpack.Visitor, c unpack.Content) (d directory, err error) {
	le := binary.LittleEndian
	var header [0x60]byte
	if err := c.Fill(header[:], 0); err != nil {
		return d, err
	}
	at, size := int64(le.Uint64(header[0x48:])), int64(le.Uint64(header[0x50:]))
	d.stored = int64(le.Uint64(header[0x58:]))
	if le.Uint32(header[4:]) < 3 { // version 2 does not say where the first section begins
		d.stored = at + size
	}
	var listing [listingSize]byte
	if err := c.Fill(listing[:], at); err != nil {
		return d, err
	}
	pageSize := int64(le.Uint32(listing[0x10:]))
	if string(listing[:4]) != "ITSP" || pageSize < minPage || pageSize > maxPage || size < 0 || size > c.Size()-at {
		return d, unpack.Damaged("CHM without a directory")
	}
	page := make([]byte, pageSize)
	pages := 0
	end := at + size
	for at += int64(le.Uint32(listing[8:])); at+pageSize <= end; at += pageSize {
		if err := c.Fill(page, at); err != nil {
			return d, err
		}
		if string(page[:4]) != "PMGL" { // the other kind of page is an index of these
			continue
		}
		pages++
		if err := d.readPage(page, v.Limits().Members); err != nil {
			return d, err
		}
	}
	if pages == 0 {
		return d, unpack.Damaged("CHM with a directory that lists no files")
	}
	return d, nil
}

// readPage adds the files of one page.
func (d *directory) readPage(page []byte, maxFiles int) error {
	unused := int64(binary.LittleEndian.Uint32(page[4:])) // bytes at the end of the page
	end := int64(len(page)) - unused
	if end < pageHeader {
		return unpack.Damaged("CHM with a page of its directory that has %d unused bytes", unused)
	}
	for e := (entries{page[pageHeader:end]}); len(e.b) > 0; {
		f, ok := e.next()
		if !ok {
			return unpack.Damaged("CHM with a directory that cannot be read")
		}
		if f.size == 0 { // a folder, or a file without content
			continue
		}
		if len(d.files) >= maxFiles {
			d.files = nil
			return unpack.TooMany("CHM with more than %d files", maxFiles)
		}
		d.files = append(d.files, f)
	}
	return nil
}

// entries reads the entries of a page. b is what was not read.
type entries struct{ b []byte }

// next reads the entry of one file. ok is false where it cannot be read.
func (e *entries) next() (f file, ok bool) {
	length, ok := e.number()
	if !ok || length > uint64(len(e.b)) {
		return f, false
	}
	f.name, e.b = string(e.b[:length]), e.b[length:]
	const maxNumber = 1 << 62 // two of them add up without an overflow
	var from, size uint64
	for _, n := range []*uint64{&f.section, &from, &size} {
		if *n, ok = e.number(); !ok || *n >= maxNumber {
			return f, false
		}
	}
	f.from, f.size = int64(from), int64(size)
	return f, true
}

// number reads a number of which each byte has seven bits, the highest first. The
// eighth bit is set in all bytes but the last.
func (e *entries) number() (n uint64, ok bool) {
	const maxBytes = 10
	for i, b := range e.b[:min(len(e.b), maxBytes)] {
		n = n<<7 | uint64(b&0x7f)
		if b < 0x80 {
			e.b = e.b[i+1:]
			return n, true
		}
	}
	return 0, false
}
