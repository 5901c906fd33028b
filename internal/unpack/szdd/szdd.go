// Package szdd opens SZDD files, which COMPRESS.EXE of MS-DOS made of one file
// each. A file that ends too early is refused as damaged.
package szdd

import (
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/lha"
	"github.com/lazaret/lazaret/internal/unpack/stream"
)

const (
	// magic is the signature and 'A', the only compression method.
	magic = "SZDD\x88\xf0\x27\x33A"
	// headerSize is in bytes: the magic, the last letter of the name, and the
	// unpacked size in four bytes, little endian.
	headerSize = 14
)

// Format returns the SZDD format.
func Format() unpack.Format {
	return unpack.Format{
		Name:   "SZDD",
		Opens:  "the file that COMPRESS.EXE of MS-DOS compressed",
		Magics: []unpack.Magic{{Text: magic}},
		Whole:  true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			r, err := open(c.Reader(0))
			if err != nil {
				return unpack.Damaged("read header of SZDD file: %v", err)
			}
			return v.Stream("SZDD", r)
		},
		Marks: []unpack.Mark{{Text: magic, Open: stream.At("SZDD", headerSize, nil, open)}},
	}
}

// open reads the header and returns a reader of the unpacked file.
func open(r io.Reader) (io.Reader, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, bounded.Unexpected(err)
	}
	return lha.NewSZDD(r, int64(binary.LittleEndian.Uint32(header[10:]))), nil
}
