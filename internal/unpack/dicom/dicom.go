// Package dicom opens DICOM files, in which hospitals keep pictures, reports and
// PDFs, where their data set is compressed as a whole with deflate (DICOM PS3.5,
// A.5). Other DICOM files are not compressed and are searched as they are. A data
// set that cannot be unpacked to its end is refused as damaged.
package dicom

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/flate"

	"github.com/lazaret/lazaret/internal/unpack"
)

// The file begins with a preamble of any 128 bytes, the magic, and the header: data
// elements of group 0002, of which the first has the header's length (PS3.10, 7.1).
const (
	magicAt  = 128
	headerAt = magicAt + 4
	// elementsAt is where the elements behind the length begin.
	elementsAt = headerAt + 12
	// maxHeader is how many bytes of the header are read. Its elements are short names
	// and numbers, but for one with private data.
	maxHeader = 1 << 20
	// deflated is the transfer syntax of a compressed data set (PS3.6, A).
	deflated = "1.2.840.10008.1.2.1.99"
)

// Format returns the format of compressed DICOM files.
func Format() unpack.Format {
	return unpack.Format{
		Name:   "DICOM",
		Opens:  "data sets compressed with deflate",
		Magics: []unpack.Magic{{At: magicAt, Text: "DICM\x02\x00\x00\x00UL\x04\x00"}},
		Beside: true, // the preamble may be the header of another format
		Match: func(c unpack.Content, _ []byte) bool {
			header := c.Peek(elementsAt, int(dataByElements(c)-elementsAt))
			return bytes.Contains(header, []byte(deflated))
		},
		Walk: walk,
	}
}

// walk shows the data set. Some readers believe the length of the header, and others
// read elements up to the first of another group.
func walk(v *unpack.Visitor, c unpack.Content) error {
	var length [4]byte
	if err := c.Fill(length[:], elementsAt-int64(len(length))); err != nil {
		return err
	}
	byLength := elementsAt + int64(binary.LittleEndian.Uint32(length[:]))
	if err := v.Stream("data", flate.NewReader(c.Reader(byLength))); err != nil {
		return err
	}
	byElements := dataByElements(c)
	if byElements == byLength {
		return nil
	}
	return v.Guess(func() error { return v.Stream("data", flate.NewReader(c.Reader(byElements))) })
}

// dataByElements returns the offset behind the elements of the header. They have
// explicit value representations and are little endian (PS3.5, 7.1.2).
func dataByElements(c unpack.Content) int64 {
	at := int64(elementsAt)
	for at < maxHeader {
		element := c.Peek(at, 12)
		if len(element) < 8 || binary.LittleEndian.Uint16(element) != 2 {
			break
		}
		size := 8 + int64(binary.LittleEndian.Uint16(element[6:]))
		switch string(element[4:6]) {
		case "OB", "OW", "OF", "SQ", "UT", "UN": // a length of four bytes behind two that are not used
			if len(element) < 12 {
				return at
			}
			size = 12 + int64(binary.LittleEndian.Uint32(element[8:]))
		}
		at += size
	}
	return min(at, maxHeader)
}
