// Package font opens fonts of web pages: WOFF, of which each table is compressed with
// zlib, and WOFF 2, whose tables are compressed together with Brotli. It also shows
// the metadata and the private data of a font. What is damaged is refused.
package font

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"math/bits"
	"slices"

	"github.com/andybalholm/brotli"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Formats returns WOFF and WOFF 2, as the W3C's recommendations "WOFF File Format
// 1.0" and "WOFF File Format 2.0" have them.
func Formats() []unpack.Format {
	return []unpack.Format{
		{
			Name:   "WOFF",
			Opens:  "the tables, as one font; metadata and private data",
			Magics: []unpack.Magic{{Text: "wOFF"}},
			Walk:   walk,
		},
		{
			Name:   "WOFF 2",
			Opens:  "the tables, behind one another as Brotli unpacks them; metadata and private data",
			Magics: []unpack.Magic{{Text: "wOF2"}},
			Walk:   walk2,
		},
	}
}

// Sizes in bytes.
const (
	headerSize  = 44 // of WOFF's header
	headerSize2 = 48 // of WOFF 2's header
	entrySize   = 20 // of a table in the directory of WOFF
)

// table is an entry in the directory of WOFF (WOFF, 5).
type table struct {
	tag        []byte
	from       int64 // offset of the compressed table
	compressed int64 // bytes
	size       uint32
	checksum   uint32
}

// walk shows a WOFF font.
func walk(v *unpack.Visitor, c unpack.Content) error {
	var header [headerSize]byte
	if err := c.Fill(header[:], 0); err != nil {
		return err
	}
	be := binary.BigEndian
	tables := make([]table, be.Uint16(header[12:]))
	directory := make([]byte, len(tables)*entrySize)
	if err := c.Fill(directory, headerSize); err != nil {
		return err
	}
	for i := range tables {
		e := directory[i*entrySize:]
		tables[i] = table{
			tag: e[:4], from: int64(be.Uint32(e[4:])), compressed: int64(be.Uint32(e[8:])),
			size: be.Uint32(e[12:]), checksum: be.Uint32(e[16:]),
		}
		if tables[i].from+tables[i].compressed > c.Size() {
			return unpack.Damaged("WOFF font with a table that ends after the end of the file")
		}
	}
	if err := v.Stream("font", fontOf(c, header[4:8], tables)); err != nil {
		return err
	}
	unzlib := func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
	return extras(v, header[24:], unzlib)
}

// fontOf returns the OpenType font that was made into WOFF: a directory in the order
// of tags, and then the tables in the order of the file.
func fontOf(c unpack.Content, flavor []byte, tables []table) io.Reader {
	be := binary.BigEndian
	out := bytes.Clone(flavor)
	// numTables, searchRange, entrySelector and rangeShift (OpenType, "Table Directory").
	power := max(1, bits.Len(uint(len(tables)))) - 1
	for _, n := range []int{len(tables), 16 << power, power, 16*len(tables) - 16<<power} {
		out = be.AppendUint16(out, uint16(n))
	}
	ordered := slices.Clone(tables)
	slices.SortStableFunc(ordered, func(a, b table) int { return int(a.from - b.from) })
	at := make(map[int64]uint32, len(tables)) // offsets in the font, by offsets in the file
	end := uint32(12 + 16*len(tables))
	parts := make([]io.Reader, 1, 1+len(tables))
	for _, t := range ordered {
		at[t.from] = end
		padding := -t.size & 3
		end += t.size + padding
		parts = append(parts, &tableReader{Content: c, table: t}, bytes.NewReader(make([]byte, padding)))
	}
	for _, t := range tables {
		out = append(out, t.tag...)
		for _, n := range []uint32{t.checksum, at[t.from], t.size} {
			out = be.AppendUint32(out, n)
		}
	}
	parts[0] = bytes.NewReader(out)
	return io.MultiReader(parts...)
}

// tableReader reads one table. It makes the decoder with the first read, so that one
// decoder exists at a time.
type tableReader struct {
	unpack.Content
	table table
	r     io.Reader // nil before the first read
}

func (t *tableReader) Read(p []byte) (int, error) {
	if t.r == nil {
		t.r = t.Section(t.table.from, t.table.compressed)
		if t.table.compressed != int64(t.table.size) { // equal sizes say that it is not compressed
			z, err := zlib.NewReader(t.r)
			if err != nil {
				return 0, unpack.Damaged("unpack table %q of WOFF font: %v", t.table.tag, err)
			}
			t.r = z
		}
	}
	return t.r.Read(p)
}

// extras shows metadata, which decode unpacks, and private data, which is not
// compressed. Their offsets and sizes are at the end of the header.
func extras(v *unpack.Visitor, header []byte, decode func(io.Reader) (io.Reader, error)) error {
	be := binary.BigEndian
	if from, size := int64(be.Uint32(header)), int64(be.Uint32(header[4:])); size > 0 {
		r, err := decode(v.Content().Section(from, size))
		if err != nil {
			err = v.Refuse(unpack.Damaged("unpack metadata of font: %v", err))
		} else {
			err = v.Stream("metadata", r)
		}
		if err != nil {
			return err
		}
	}
	if from, size := int64(be.Uint32(header[12:])), int64(be.Uint32(header[16:])); size > 0 {
		return v.Region("private data", from, size)
	}
	return nil
}

// walk2 shows a WOFF 2 font. Tables of outlines are transformed before they are
// compressed; they are shown as they are then.
func walk2(v *unpack.Visitor, c unpack.Content) error {
	var header [headerSize2]byte
	if err := c.Fill(header[:], 0); err != nil {
		return err
	}
	be := binary.BigEndian
	r := c.Reader(headerSize2)
	d := directory2{in: r}
	for range be.Uint16(header[12:]) {
		d.skipTable()
	}
	if string(header[4:8]) == "ttcf" {
		d.skipCollection()
	}
	if d.err != nil {
		return unpack.Damaged("read directory of WOFF 2 font: %v", d.err)
	}
	compressed := io.LimitReader(r, int64(be.Uint32(header[20:])))
	if err := v.Stream("tables", brotli.NewReader(compressed)); err != nil {
		return err
	}
	unbrotli := func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }
	return extras(v, header[28:], unbrotli)
}
