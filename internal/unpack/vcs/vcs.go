// Package vcs opens files in which version control stores many files, and which are
// in uploads of whole working folders: packs of git (gitformat-pack), and bundles of
// Mercurial that are compressed with zlib. What is damaged is refused.
package vcs

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const (
	packMagic    = "PACK\x00\x00\x00"
	bundle1Magic = "HG10GZ"
	bundle2Magic = "HG20"
)

// Formats returns the formats of git packs and Mercurial bundles.
func Formats() []unpack.Format {
	return []unpack.Format{
		{
			Name:   "git pack",
			Opens:  "all objects, shown together as one file; an object stored as a difference is shown as the difference",
			Magics: []unpack.Magic{{Text: packMagic}},
			Match:  func(_ unpack.Content, head []byte) bool { return isPack(head) },
			Walk: func(v *unpack.Visitor, c unpack.Content) error {
				return v.Stream("objects", newObjects(c, 0))
			},
			Marks: []unpack.Mark{{Text: packMagic, Open: packAt}}, // a bundle of git ends with a pack
		},
		{
			Name:   "Mercurial bundle",
			Opens:  "bundles of both versions, compressed with zlib; bzip2 and zstd in them are found by search",
			Magics: []unpack.Magic{{Text: bundle1Magic}, {Text: bundle2Magic}},
			Match: func(c unpack.Content, _ []byte) bool {
				return compressedAt(c) > 0
			},
			Whole: true,
			Walk: func(v *unpack.Visitor, c unpack.Content) error {
				z, err := zlib.NewReader(c.Reader(compressedAt(c)))
				if err != nil {
					return unpack.Damaged("unpack Mercurial bundle: %v", bounded.Unexpected(err))
				}
				return v.Stream("bundle", z)
			},
		},
	}
}

// compressedAt returns the offset of the zlib stream in a bundle of Mercurial, or 0 where
// it has none. In the second version, parameters precede the stream, with their length,
// big endian (Mercurial, bundle2.py).
func compressedAt(c unpack.Content) int64 {
	const lengthSize, maxParameters = 4, 4 << 10
	parametersAt := int64(len(bundle2Magic) + lengthSize)
	head := c.Peek(0, int(parametersAt))
	switch {
	case bytes.HasPrefix(head, []byte(bundle1Magic)):
		return int64(len(bundle1Magic))
	case len(head) < int(parametersAt):
		return 0
	}
	length := int64(binary.BigEndian.Uint32(head[len(bundle2Magic):]))
	parameters := c.Peek(parametersAt, int(min(length, maxParameters)))
	if !bytes.Contains(parameters, []byte("Compression=GZ")) {
		return 0
	}
	return parametersAt + length
}

// packHeader is in bytes: the magic and the version, and the number of objects, big
// endian.
const packHeader = 12

// Types of objects in a pack; 0 and 5 are not used.
const (
	typeInvalid     = 0
	typeReserved    = 5
	typeOffsetDelta = 6 // a difference to the object at an offset
	typeNameDelta   = 7 // a difference to the object with a name
)

// isPack checks the version, the number of objects and the type of the first object.
func isPack(b []byte) bool {
	if len(b) <= packHeader {
		return false
	}
	kind := typeOf(b[packHeader])
	return (b[7] == 2 || b[7] == 3) && binary.BigEndian.Uint32(b[8:]) > 0 && kind != typeInvalid && kind != typeReserved
}

// typeOf returns the type in the first byte of an object.
func typeOf(first byte) byte { return first >> 4 & 7 }

// packAt shows the pack that may begin at an offset of other content.
func packAt(v *unpack.Visitor, at int64) (int64, error) {
	if !isPack(v.Content().Peek(at, packHeader+1)) {
		return 0, nil
	}
	_, err := v.TryStream("objects", newObjects(v.Content(), at))
	return 0, err
}

// objects reads the objects of a pack behind one another, as one file, because a
// pack may have more objects than the limits allow members.
type objects struct {
	in   *bufio.Reader
	left uint32 // objects that were not begun
	z    io.ReadCloser
	open bool // z is within an object
}

// newObjects reads the pack at an offset, of which isPack has checked the header.
func newObjects(c unpack.Content, at int64) *objects {
	count := binary.BigEndian.Uint32(c.Peek(at, packHeader)[8:])
	return &objects{in: bufio.NewReaderSize(c.Section(at+packHeader, c.Size()), 32<<10), left: count}
}

func (o *objects) Read(p []byte) (int, error) {
	for !o.open {
		if o.left == 0 {
			return 0, io.EOF
		}
		o.left--
		if err := o.begin(); err != nil {
			return 0, bounded.Unexpected(err)
		}
	}
	n, err := o.z.Read(p)
	if bounded.Ended(err) {
		o.open, err = false, nil
	}
	return n, err
}

// begin reads what precedes the compressed data of an object: its type and size, and
// the object to which it is a difference.
func (o *objects) begin() error {
	first, err := o.in.ReadByte()
	if err != nil {
		return err
	}
	if err := o.skipNumber(first); err != nil { // the rest of the size
		return err
	}
	switch typeOf(first) {
	case typeOffsetDelta:
		err = o.skipNumber(0x80)
	case typeNameDelta:
		_, err = o.in.Discard(o.nameSize())
	}
	if err != nil {
		return err
	}
	if o.z == nil {
		o.z, err = zlib.NewReader(o.in)
	} else {
		err = o.z.(zlib.Resetter).Reset(o.in, nil)
	}
	o.open = err == nil
	return err
}

// skipNumber skips the bytes of a number, of which each but the last has its highest
// bit set. last is the byte before them.
func (o *objects) skipNumber(last byte) (err error) {
	for err == nil && last&0x80 != 0 {
		last, err = o.in.ReadByte()
	}
	return err
}

// nameSize returns how many bytes the name of an object has that comes next: a SHA-1
// or a SHA-256. A pack does not say which. Behind the name zlib begins.
func (o *objects) nameSize() int {
	const sha1, sha256, zlibHeader = 20, 32, 2
	next, _ := o.in.Peek(sha256 + zlibHeader)
	if len(next) == sha256+zlibHeader && !isZlib(next[sha1:]) && isZlib(next[sha256:]) {
		return sha256
	}
	return sha1
}

// isZlib reports whether two bytes are the header of a zlib stream (RFC 1950, 2.2).
func isZlib(b []byte) bool { return b[0]&0x0f == 8 && binary.BigEndian.Uint16(b)%31 == 0 }
