// Package matlab opens MAT files of level 5 (MathWorks, "MAT-File Format"), which
// MATLAB loads on a click: each variable in them may be compressed with zlib. MAT
// files of version 7.3 are HDF5 and are not opened. A variable that cannot be
// unpacked, or that ends after the end of the file, is refused as damaged.
package matlab

import (
	"compress/zlib"
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	// headerSize is in bytes. The last two bytes are "IM" in a little endian file and
	// "MI" in a big endian one.
	headerSize = 128
	// typeCompressed is the type of a compressed element (miCOMPRESSED).
	typeCompressed = 15
)

// Format returns the MAT file format.
func Format() unpack.Format {
	return unpack.Format{
		Name:   "MAT file",
		Opens:  "compressed variables of version 5",
		Magics: []unpack.Magic{{Text: "MATLAB 5.0 MAT-file"}},
		Walk:   walk,
	}
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	var order binary.ByteOrder = binary.BigEndian
	if string(c.Peek(headerSize-2, 2)) == "IM" {
		order = binary.LittleEndian
	}
	for at := int64(headerSize); at < c.Size(); {
		var tag [8]byte
		if err := c.Fill(tag[:], at); err != nil {
			return err
		}
		at += int64(len(tag))
		kind, size := order.Uint32(tag[:]), int64(order.Uint32(tag[4:]))
		if kind>>16 != 0 { // a small element, whose data is in its tag
			continue
		}
		if size > c.Size()-at {
			return unpack.Damaged("MAT file with an element that ends after the end of the file")
		}
		if kind != typeCompressed {
			at += (size + 7) &^ 7 // padded to eight bytes
			continue
		}
		if err := variable(v, c.Part(at, size)); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// variable shows one compressed variable.
func variable(v *unpack.Visitor, compressed unpack.Content) error {
	z, err := zlib.NewReader(compressed.Section(0, compressed.Size()))
	if err != nil {
		return v.Refuse(unpack.Damaged("unpack variable of MAT file: %v", err))
	}
	return v.Stream("variable", z)
}
