// Package rpm opens RPM packages (rpm.org, "RPM V4 Package format"): a lead, two
// headers, and a compressed payload.
package rpm

import (
	"bytes"
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

const magic = "\xed\xab\xee\xdb"

// Format is the RPM package.
func Format() unpack.Format {
	plain := unpack.Format{
		Name:   "RPM",
		Opens:  "the payload",
		Magics: []unpack.Magic{{Text: magic}}, Whole: true, Walk: walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: magic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if string(v.Content().Peek(at+lead, len(headerMagic))) != headerMagic {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return f
}

const (
	lead        = 96 // bytes
	headerMagic = "\x8e\xad\xe8\x01"
)

func walk(v *unpack.Visitor, c unpack.Content) error {
	at := int64(lead)
	for _, pad := range []int64{8, 1} { // the header with the signature is padded to 8 bytes
		var h [16]byte
		if err := c.Fill(h[:], at); err != nil {
			return err
		}
		if !bytes.HasPrefix(h[:], []byte(headerMagic)) {
			return unpack.Damaged("RPM with a broken header at byte %d", at)
		}
		entries, size := binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
		at += 16 + 16*int64(entries) + int64(size)
		at = (at + pad - 1) / pad * pad
	}
	if at >= c.Size() {
		return unpack.Damaged("RPM without its payload")
	}
	if err := v.Search("header", lead, at); err != nil {
		return err
	}
	return v.Region("payload", at, c.Size()-at)
}
