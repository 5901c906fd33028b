// Package lha opens archives of LHA and LArc, and has their decoders, which other
// formats use too.
package lha

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Format is the archives of LHA and LArc (jca02266's lha, header.doc.md).
func Format() unpack.Format {
	plain := unpack.Format{
		Name: "LHA",
		Opens: "files of `-lh0-`, `-lh4-` to `-lh7-`, `-lz4-`, `-lz5-`, `-lzs-`; other methods and damage are " +
			"refused",
		Magics: []unpack.Magic{{At: 2, Text: "-lh"}, {At: 2, Text: "-lz"}, {At: 2, Text: "-pm"}},
		Match: func(c unpack.Content, _ []byte) bool {
			_, ok := readHeader(c, 0)
			return ok
		},
		Whole: true,
		Walk:  walk,
	}
	f := plain
	for _, m := range plain.Magics {
		f.Marks = append(f.Marks, unpack.Mark{
			Text: m.Text, Before: 2,
			Open: func(v *unpack.Visitor, at int64) (int64, error) {
				if h, ok := readHeader(v.Content(), at); !ok || !h.verified {
					return 0, nil
				}
				return v.Embedded(plain, at)
			},
		})
	}
	return f
}

// header is the header of one member, of level 0 to 3.
type header struct {
	method       string
	packed, size int64
	data         int64 // offset of the content
	sum          uint32
	hasSum       bool // sum is the CRC-16 of the content
	verified     bool // the checksum of the header is right
}

// readHeader reads the header at an offset, and reports whether there is one.
func readHeader(c unpack.Content, at int64) (header, bool) {
	le := binary.LittleEndian
	b := c.Peek(at, 257)
	if len(b) < 24 || b[2] != '-' || b[6] != '-' || b[20] > 3 || b[3] != 'l' && b[3] != 'p' {
		return header{}, false
	}
	h := header{method: string(b[2:7]), packed: int64(le.Uint32(b[7:])), size: int64(le.Uint32(b[11:]))}
	ok := false
	if level := b[20]; level < 2 {
		ok = h.readOld(c, at, b)
	} else {
		ok = h.readNew(c, at, b)
	}
	return h, ok && h.packed >= 0 && h.data <= c.Size()
}

// readOld reads the fields of level 0 and 1.
func (h *header) readOld(c unpack.Content, at int64, b []byte) bool {
	end, name := 2+int(b[0]), 22+int(b[21])
	if end > len(b) || name > end || b[0] < 20 {
		return false
	}
	var sum byte
	for _, v := range b[2:end] {
		sum += v
	}
	if sum != b[1] {
		return false
	}
	h.verified, h.data = true, at+int64(end)
	if name+2 <= end {
		h.sum, h.hasSum = uint32(binary.LittleEndian.Uint16(b[name:])), true
	}
	if b[20] == 1 {
		more := extensions(c, h.data, b[:end])
		h.data, h.packed = h.data+more, h.packed-more
	}
	return true
}

// readNew reads the fields of level 2 and 3.
func (h *header) readNew(c unpack.Content, at int64, b []byte) bool {
	le := binary.LittleEndian
	size := int64(le.Uint16(b))
	if level := b[20]; level == 2 && size < 26 {
		return false
	} else if level == 3 {
		if len(b) < 32 || size != 4 || le.Uint32(b[24:]) < 32 { // the first field is the size of a word
			return false
		}
		size = int64(le.Uint32(b[24:]))
	}
	h.data = at + size
	h.sum, h.hasSum = uint32(le.Uint16(b[21:])), true
	h.verified = headerSum(c.Peek(at, int(min(size, 64<<10))), int(b[20]))
	return true
}

// extensions is the size in bytes of the extended headers of level 1. The base header
// ends with the size of the first, and each of them with the size of the next.
func extensions(c unpack.Content, at int64, base []byte) (size int64) {
	next := base[len(base)-2:]
	for size < 64<<10 {
		n := int64(binary.LittleEndian.Uint16(next))
		if next = c.Peek(at+size+n-2, 2); n < 3 || len(next) < 2 {
			break
		}
		size += n
	}
	return size
}

// headerSum checks the CRC-16 of a header of level 2 or 3. It is in the extended header
// of type 0, and was computed with zeros in its place.
func headerSum(b []byte, level int) bool {
	b = bytes.Clone(b)
	at, wide := 24, 2
	if level == 3 {
		at, wide = 28, 4
	}
	for range 64 {
		if at+wide+3 > len(b) {
			return false
		}
		next := int(binary.LittleEndian.Uint16(b[at:]))
		kind := at + wide
		if next < 3 {
			return false
		}
		if b[kind] == 0 {
			want := binary.LittleEndian.Uint16(b[kind+1:])
			b[kind+1], b[kind+2] = 0, 0
			var sum crc16
			_, _ = sum.Write(b) // a hash has no errors
			return sum.v == want
		}
		at += next
	}
	return false
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	for at := int64(0); ; {
		h, ok := readHeader(c, at)
		if !ok {
			if b := c.Peek(at, 1); len(b) == 1 && b[0] == 0 {
				v.End(at + 1)
				return nil
			}
			v.End(at)
			return unpack.Damaged("LHA without a header at byte %d", at)
		}
		if err := v.Refuse(stream(v, c, h)); err != nil {
			return err
		}
		if at = h.data + h.packed; at > c.Size() {
			return unpack.Damaged("LHA with a file that ends after the end of the archive")
		}
	}
}

func stream(v *unpack.Visitor, c unpack.Content, h header) error {
	r, err := open(c.Section(h.data, h.packed), h)
	if err != nil || r == nil {
		return err
	}
	content := bounded.Whole(r, h.size)
	if h.hasSum {
		content.Sum(&crc16{}, h.sum)
	}
	return v.Stream("file", content)
}

// open decodes a member. It returns nil for a folder.
func open(r io.Reader, h header) (io.Reader, error) {
	switch h.method {
	case "-lhd-":
		return nil, nil
	case "-lh0-", "-lz4-", "-pm0-":
		return r, nil
	case "-lh4-":
		return NewDecoder(r, 12, h.size), nil
	case "-lh5-":
		return NewDecoder(r, 13, h.size), nil
	case "-lh6-":
		return NewDecoder(r, 15, h.size), nil
	case "-lh7-":
		return NewDecoder(r, 16, h.size), nil
	case "-lzs-":
		return newLZS(r, h.size), nil
	case "-lz5-":
		return newLZ5(r, h.size), nil
	}
	return nil, unpack.Unsupported("LHA with method %s", h.method)
}
