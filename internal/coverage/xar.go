package coverage

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
)

// xarData is where a file's content stands and how it is packed.
type xarData struct {
	Packed   int64 `xml:"length"`
	Offset   int64 `xml:"offset"`
	Encoding struct {
		Style string `xml:"style,attr"`
	} `xml:"encoding"`
}

// maxXARTable is a table of contents of some 100,000 files.
const maxXARTable = 64 << 20

// maxXARDepth is far beyond any folder tree's: the decoder holds every open element.
const maxXARDepth = 1000

// walkXAR unpacks the files of a XAR, such as an installer of macOS, after the
// table of contents that it begins with, which is XML in zlib. The engine
// unpacks them as well, bzip2 and xz apart.
func walkXAR(w *walk, n node) error {
	var h [28]byte
	if err := n.read(h[:], 0); err != nil {
		return err
	}
	be := binary.BigEndian
	start, size := int64(be.Uint16(h[4:])), be.Uint64(h[8:])
	if size > uint64(n.size) {
		return damaged("XAR without all of its table of contents")
	}
	heap := start + int64(size)
	z, err := zlib.NewReader(bufio.NewReader(n.at(start, int64(size))))
	if err != nil {
		return damaged("XAR: %v", err)
	}
	table := &io.LimitedReader{R: z, N: maxXARTable}
	d := xml.NewDecoder(table)
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if table.N <= 0 {
			return tooWide("XAR with a table of contents of more than %d bytes", maxXARTable)
		}
		if err != nil {
			return damaged("XAR: %v", err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth > maxXARDepth { // the decoder holds every open element
			return tooWide("XAR with %d elements in one another", depth)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "data" && e.Name.Local != "ea" {
			continue
		}
		var data xarData
		if err := d.DecodeElement(&data, &e); err != nil {
			return damaged("XAR: %v", err)
		}
		depth-- // with its end
		if err := w.settle(n, w.xarFile(n, heap, data)); err != nil {
			return err
		}
	}
}

func (w *walk) xarFile(n node, heap int64, data xarData) error {
	if data.Packed == 0 {
		return nil
	}
	if data.Offset < 0 || data.Packed < 0 || data.Offset > n.size-heap || data.Packed > n.size-heap-data.Offset {
		return damaged("XAR with a file that ends after its end")
	}
	raw := bufio.NewReader(n.at(heap+data.Offset, data.Packed))
	head, _ := raw.Peek(6)
	var in io.Reader
	var err error
	seen := !n.hidden
	switch data.Encoding.Style {
	case "application/x-gzip":
		in, err = zlib.NewReader(raw)
	case "application/x-bzip2":
		in, seen = bzip2.NewReader(raw), false
	case "application/x-xz", "application/x-lzma":
		if !bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")) {
			var header [13]byte
			if _, err := io.ReadFull(raw, header[:]); err != nil {
				return damaged("XAR with lzma without its header")
			}
			in, err = newLZMA(header, raw)
			break
		}
		in, err = newXZ(raw)
		seen = false
	case "", "application/octet-stream":
		in = raw
	default:
		return unsupported("XAR with %s", clip(data.Encoding.Style, 64))
	}
	if err != nil {
		return unreadable(unexpected(err))
	}
	return w.stream(n, "file", in, seen)
}
