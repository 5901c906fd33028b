// Package xar opens XAR archives, such as installers of macOS.
package xar

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

const (
	magic  = "xar!"
	header = 28 // bytes

	// maxTable is the size in bytes of a table of contents of some 100,000 files.
	maxTable = 64 << 20
	// maxDepth is the most elements in one another, far more than folders have: the
	// decoder keeps all open elements in memory.
	maxDepth = 1000
)

// Format is the XAR archive: a table of contents, which is XML in zlib, and the content
// of files, each compressed alone.
func Format() unpack.Format {
	plain := unpack.Format{
		Name:   "XAR",
		Opens:  "files stored or in zlib, bzip2, xz, lzma; others and damage are refused",
		Magics: []unpack.Magic{{Text: magic}},
		Match:  func(_ unpack.Content, head []byte) bool { return begins(head) },
		Walk:   walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: magic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if !begins(v.Content().Peek(at, header)) {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return f
}

// begins checks the size of the header and the version.
func begins(h []byte) bool {
	return len(h) >= header && h[4] == 0 && h[5] >= header && h[6] == 0 && h[7] <= 1
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	var h [header]byte
	if err := c.Fill(h[:], 0); err != nil {
		return err
	}
	be := binary.BigEndian
	start, size := int64(be.Uint16(h[4:])), be.Uint64(h[8:])
	if size > uint64(c.Size()) {
		return unpack.Damaged("XAR without all of its table of contents")
	}
	heap := start + int64(size)
	z, err := zlib.NewReader(bufio.NewReader(c.Section(start, int64(size))))
	if err != nil {
		return unpack.Damaged("XAR: %v", err)
	}
	if err := v.Stream("table of contents", z); err != nil {
		return err
	}
	if z, err = zlib.NewReader(bufio.NewReader(c.Section(start, int64(size)))); err != nil {
		return unpack.Damaged("XAR: %v", err)
	}
	return files(v, heap, z)
}

// files takes the files in a table of contents. Their offsets are counted from heap.
func files(v *unpack.Visitor, heap int64, table io.Reader) error {
	limited := &io.LimitedReader{R: table, N: maxTable}
	d := xml.NewDecoder(limited)
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for depth := 0; ; {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case limited.N <= 0:
			return unpack.TooLarge("XAR with a table of contents of more than %d bytes", maxTable)
		case err != nil:
			return unpack.Damaged("XAR: %v", err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth {
			return unpack.TooLarge("XAR with %d elements in one another", depth)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "data" && e.Name.Local != "ea" {
			continue
		}
		var f file
		if err := d.DecodeElement(&f, &e); err != nil {
			return unpack.Damaged("XAR: %v", err)
		}
		depth-- // DecodeElement has read the end of the element
		if err := v.Refuse(f.stream(v, heap)); err != nil {
			return err
		}
	}
}

// file is the place of a file's content, and how it is compressed.
type file struct {
	Packed   int64 `xml:"length"`
	Offset   int64 `xml:"offset"`
	Encoding struct {
		Style string `xml:"style,attr"`
	} `xml:"encoding"`
}

func (f file) stream(v *unpack.Visitor, heap int64) error {
	c := v.Content()
	if f.Packed == 0 {
		return nil
	}
	if f.Offset < 0 || f.Packed < 0 || f.Offset > c.Size()-heap || f.Packed > c.Size()-heap-f.Offset {
		return unpack.Damaged("XAR with a file that ends after the end of the archive")
	}
	in, err := f.open(bufio.NewReader(c.Section(heap+f.Offset, f.Packed)))
	if unpack.IsRefusal(err) {
		return err
	}
	if err != nil {
		return unpack.Damaged("XAR: %v", bounded.Unexpected(err))
	}
	return v.Stream("file", in)
}

func (f file) open(raw *bufio.Reader) (io.Reader, error) {
	switch f.Encoding.Style {
	case "application/x-gzip":
		return zlib.NewReader(raw)
	case "application/x-bzip2":
		return decode.Bzip2(raw)
	case "application/x-xz", "application/x-lzma":
		if head, _ := raw.Peek(6); bytes.Equal(head, []byte("\xfd7zXZ\x00")) {
			return decode.XZ(raw)
		}
		return decode.LZMAFile(raw)
	case "", "application/octet-stream":
		return raw, nil
	}
	return nil, unpack.Unsupported("XAR with %s", unpack.Clip(f.Encoding.Style, 64))
}
