package rtf

import (
	"bytes"
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

// fields reads the fields of a header, little endian.
type fields struct {
	c  unpack.Content
	at int64
	ok bool // every field so far could be read
}

// number reads a number of up to four bytes, 0 where it is cut off.
func (f *fields) number(size int) uint32 {
	b := make([]byte, 4)
	if f.c.Fill(b[:size], f.at) != nil {
		f.ok = false
	}
	f.at += int64(size)
	return binary.LittleEndian.Uint32(b)
}

// maxText is how many bytes a text in a header may have. Windows' paths have at most
// 32,767 characters.
const maxText = 64 << 10

// skipCounted skips a text with its length in front of it, and returns the length.
func (f *fields) skipCounted() (size uint32) {
	size = f.number(4)
	if size > maxText || f.at+int64(size) > f.c.Size() {
		f.ok = false
		return 0
	}
	if size > 0 {
		text := f.c.Peek(f.at, int(size))
		f.ok = f.ok && bytes.HasSuffix(text, []byte{0})
	}
	f.at += int64(size)
	return size
}

// skipTerminated skips a text that ends with a zero.
func (f *fields) skipTerminated() {
	n := bytes.IndexByte(f.c.Peek(f.at, maxText), 0)
	f.ok = f.ok && n >= 0
	f.at += int64(n) + 1
}

// oleFormat returns the format of an embedded object of OLE 1 (MS-OLEDS, 2.2.4 and
// 2.2.5), whose data is a file of the program that made the object.
func oleFormat() unpack.Format {
	return unpack.Format{
		Name:  "OLE 1 object",
		Opens: "the data of an embedded object",
		Match: func(c unpack.Content, head []byte) bool {
			if len(head) < 8 || binary.LittleEndian.Uint32(head[4:]) != embedded {
				return false
			}
			_, _, ok := nativeData(c)
			return ok
		},
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			at, size, _ := nativeData(c)
			return v.Region("data", at, min(size, c.Size()-at))
		},
	}
}

const (
	// embedded is the FormatID of an object that is not linked.
	embedded = 2
	// oleVersion is the OLEVersion that the standard asks for. Word does not look at it.
	oleVersion = 0x501
)

// nativeData returns where the data of an object is. ok is false where c is not an
// object.
func nativeData(c unpack.Content) (at, size int64, ok bool) {
	f := fields{c: c, ok: true}
	version := f.number(4)
	format := f.number(4)
	class := f.skipCounted()
	f.skipCounted() // the topic
	f.skipCounted() // the item
	size = int64(f.number(4))
	ok = f.ok && format == embedded && (class > 0 || version == oleVersion) && f.at < c.Size() && size > 0
	return f.at, size, ok
}

// packageFormat returns the format in which Windows' packager writes a file that is
// put into a document. In compound files the length of all is in front of it.
func packageFormat() unpack.Format {
	return unpack.Format{
		Name:  "packaged file",
		Opens: "the file",
		Match: func(c unpack.Content, head []byte) bool {
			_, _, ok := packagedFile(c, head)
			return ok
		},
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			at, size, _ := packagedFile(c, c.Peek(0, 8))
			return v.Region("file", at, size)
		},
	}
}

// packagedFile returns where the file in a package is. ok is false where c is not a
// package.
func packagedFile(c unpack.Content, head []byte) (at, size int64, ok bool) {
	const lengthSize = 4
	for _, from := range []int64{lengthSize, 0} {
		if len(head) < 8 || head[from] != 2 || head[from+1] != 0 {
			continue
		}
		f := fields{c: c, at: from + 2, ok: true}
		f.skipTerminated() // the label
		f.skipTerminated() // the path
		f.number(4)
		path := f
		f.skipCounted() // the path of a temporary file
		if !f.ok {      // its length is wrong, or does not count the zero at its end
			f = path
			f.number(4)
			f.skipTerminated()
		}
		size = int64(f.number(4))
		if f.ok && size > 0 && size <= c.Size()-f.at {
			return f.at, size, true
		}
	}
	return 0, 0, false
}
