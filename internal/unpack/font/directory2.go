package font

import (
	"bufio"
	"errors"
)

// directory2 reads past the directory of WOFF 2, behind which the compressed tables
// begin.
type directory2 struct {
	in  *bufio.Reader
	err error // the first error
}

// byte reads one byte, 0 after an error.
func (d *directory2) byte() int {
	if d.err != nil {
		return 0
	}
	b, err := d.in.ReadByte()
	d.err = err
	return int(b)
}

func (d *directory2) skip(bytes int) {
	for range bytes {
		d.byte()
	}
}

// skipTable reads past the entry of one table (WOFF 2, 4.1).
func (d *directory2) skipTable() {
	const (
		tagMask = 63
		noTag   = 63 // the tag follows in four bytes
		tagGlyf = 10
		tagLoca = 11
	)
	flags := d.byte()
	tag, transformation := flags&tagMask, flags>>6
	if tag == noTag {
		d.skip(4)
	}
	d.skipBase128() // the size of the table
	untransformed := 0
	if tag == tagGlyf || tag == tagLoca {
		untransformed = 3
	}
	if transformation != untransformed {
		d.skipBase128() // the size of the transformed table
	}
}

// skipCollection reads past the directory of a collection of fonts (WOFF 2, 4.2).
func (d *directory2) skipCollection() {
	const versionSize, flavorSize = 4, 4
	d.skip(versionSize)
	for range d.uint16() { // fonts
		for range d.uint16() { // tables of a font
			d.uint16()
		}
		d.skip(flavorSize)
	}
}

// skipBase128 reads past a number of one to five bytes (UIntBase128, WOFF 2, 6.1).
func (d *directory2) skipBase128() {
	for range 5 {
		if d.byte() < 0x80 {
			return
		}
	}
	if d.err == nil {
		d.err = errors.New("number of more than five bytes")
	}
}

// uint16 reads a number of one to three bytes (255UInt16, WOFF 2, 6.2).
func (d *directory2) uint16() int {
	switch b := d.byte(); b {
	case 253:
		high := d.byte()
		return high<<8 | d.byte()
	case 254:
		return 2*253 + d.byte()
	case 255:
		return 253 + d.byte()
	default:
		return b
	}
}
