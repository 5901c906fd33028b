// Package onenote opens the files that are embedded in sections of OneNote
// (MS-ONESTORE). A click on an embedded file runs it, which attackers use. Each file
// is stored as it is, at any offset, behind a GUID and its length. A file that ends
// after the end of its section is shown as far as it goes, and refused as damaged.
package onenote

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	// fileGUID is {BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC}, with which an embedded file
	// begins (FileDataStoreObject, MS-ONESTORE 2.6.13).
	fileGUID = "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"
	// headerSize is in bytes: the GUID, the length in eight bytes, and twelve bytes
	// that are not used.
	headerSize = 36
	// sectionGUID is {7B5C52E4-D88C-4DA7-AEB1-5378D02996D3}, with which a section
	// begins (MS-ONESTORE 2.3.1).
	sectionGUID = "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"
)

// Format returns the format of embedded files. They are found by search, in a
// section and in anything else that contains one.
func Format() unpack.Format {
	return unpack.Format{
		Name:  "file in OneNote",
		Opens: "embedded files",
		Marks: []unpack.Mark{{Text: fileGUID, Start: true, Open: open}},
	}
}

// open shows the file whose GUID is at an offset, and returns where the file ends.
func open(v *unpack.Visitor, at int64) (int64, error) {
	c := v.Content()
	header := c.Peek(at, headerSize)
	if len(header) < headerSize {
		return 0, nil
	}
	from, size := at+headerSize, binary.LittleEndian.Uint64(header[len(fileGUID):])
	left := c.Size() - from
	if size <= uint64(left) {
		return from + int64(size), v.Region("file", from, int64(size))
	}
	if string(c.Peek(0, len(sectionGUID))) != sectionGUID { // a program may have the GUID as a constant
		return 0, nil
	}
	if err := v.Refuse(unpack.Damaged("file of %d bytes in OneNote section with %d bytes left", size, left)); err != nil {
		return 0, err
	}
	return c.Size(), v.Region("file", from, left)
}
