package rar

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

// block is one block of an archive (RARLAB's technote.txt for version 4, "RAR 5.0
// archive format" for version 5).
type block struct {
	version int    // 4 or 5
	header  []byte // without its checksum and, in version 5, its size
	kind    byte
	data    int64 // offset of its data
	size    int64 // of its data
	name    string
}

// Types of blocks.
const (
	main4, oldService4, service4, end4 = 0x73, 0x77, 0x7a, 0x7b
	main5, service5, encrypted5, end5  = 1, 3, 4, 5
)

// maxBlocks is far more than an archive of unpack.Limits.Members files has.
const maxBlocks = 1 << 20

// services takes the content of blocks other than files, and finds the end of the
// archive.
func services(v *unpack.Visitor, c unpack.Content) error {
	at := int64(len(magic4))
	if string(c.Peek(0, len(magic5))) == magic5 {
		at = int64(len(magic5))
	}
	for range maxBlocks {
		b, ok := readBlock(c, at)
		if !ok {
			break
		}
		at = b.data + b.size
		if b.encrypted() { // all blocks from here on are encrypted
			v.End(c.Size())
			return nil
		}
		if err := b.service(v, c); err != nil {
			return err
		}
		if b.version == 4 && b.kind == end4 || b.version == 5 && b.kind == end5 {
			break
		}
	}
	v.End(at)
	return nil
}

// readBlock reads the block at an offset, and reports whether its checksum is right.
func readBlock(c unpack.Content, at int64) (block, bool) {
	if string(c.Peek(0, len(magic5))) == magic5 {
		return readBlock5(c, at)
	}
	return readBlock4(c, at)
}

func readBlock4(c unpack.Content, at int64) (block, bool) {
	le := binary.LittleEndian
	h := c.Peek(at, 7)
	if len(h) < 7 || le.Uint16(h[5:]) < 7 {
		return block{}, false
	}
	h = c.Peek(at, int(le.Uint16(h[5:])))
	if len(h) < int(le.Uint16(h[5:])) {
		return block{}, false
	}
	b := block{version: 4, header: h[2:], kind: h[2], data: at + int64(len(h))}
	// Other blocks may include a comment with a checksum of its own.
	summed := b.kind == main4 || b.kind == service4
	if summed && uint16(crc32.ChecksumIEEE(h[2:])) != le.Uint16(h) {
		return block{}, false
	}
	if flags := le.Uint16(h[3:]); flags&0x8000 != 0 || b.kind == service4 || b.kind == 0x74 {
		if len(h) < 11 {
			return block{}, false
		}
		b.size = int64(le.Uint32(h[7:]))
		if flags&0x100 != 0 && (b.kind == service4 || b.kind == 0x74) && len(h) >= 40 {
			b.size |= int64(le.Uint32(h[32:])&0x7fff) << 32
		}
	}
	if b.kind == service4 && len(h) >= 32 {
		from := 32
		if le.Uint16(h[3:])&0x100 != 0 {
			from += 8
		}
		b.name = string(h[min(from, len(h)):min(from+int(le.Uint16(h[26:])), len(h))])
	}
	return b, true
}

func readBlock5(c unpack.Content, at int64) (block, bool) {
	h := c.Peek(at, 4+3)
	if len(h) < 7 {
		return block{}, false
	}
	size, n := binary.Uvarint(h[4:])
	if n <= 0 || size == 0 || size > 2<<20 {
		return block{}, false
	}
	header := c.Peek(at+4+int64(n), int(size))
	sum := crc32.Update(crc32.ChecksumIEEE(h[4:4+n]), crc32.IEEETable, header)
	if uint64(len(header)) < size || sum != binary.LittleEndian.Uint32(h) {
		return block{}, false
	}
	b := block{version: 5, header: header, kind: header[0], data: at + 4 + int64(n) + int64(size)}
	f := fields{b: header}
	f.number()
	flags := f.number()
	if flags&1 != 0 { // an extra area
		f.number()
	}
	if flags&2 != 0 {
		b.size = int64(f.number() & (1<<48 - 1))
	}
	if b.kind == service5 {
		own := f.number()
		f.number() // its size
		f.number() // attributes
		if own&2 != 0 {
			f.skip(4)
		}
		if own&4 != 0 {
			f.skip(4)
		}
		f.number() // method
		f.number() // system
		length := f.number()
		b.name = string(f.b[:min(length, uint64(len(f.b)))])
	}
	return b, true
}

// fields reads the numbers of a header, which is too short if they are zeros.
type fields struct{ b []byte }

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.b)
	f.skip(max(n, 0))
	return v
}

func (f *fields) skip(n int) { f.b = f.b[min(n, len(f.b)):] }

// encrypted reports that all blocks after this one are encrypted.
func (b block) encrypted() bool {
	return b.version == 4 && b.kind == main4 && b.header[1]&0x80 != 0 || b.version == 5 && b.kind == encrypted5
}

// service takes the content of a user's data that is not a file: an NTFS stream or a
// comment.
func (b block) service(v *unpack.Visitor, c unpack.Content) error {
	switch {
	case b.version == 4 && b.kind == oldService4 && b.size > 0:
		return v.Refuse(unpack.Unsupported("RAR with a service block of version 2"))
	case b.size == 0 || b.version == 4 && b.kind != service4 || b.version == 5 && b.kind != service5:
		return nil
	case b.name != "STM" && b.name != "CMT":
		return v.Gap(b.name, b.data, b.size)
	}
	return v.Refuse(files(v, b.file(c)))
}

// file is an archive whose only file is the content of a service block, which has the
// fields of a file.
func (b block) file(c unpack.Content) *bufio.Reader {
	h := bytes.Clone(b.header)
	le := binary.LittleEndian
	var begin, header, end []byte
	if b.version == 4 {
		h[0] = 0x74
		main := append([]byte{main4, 0, 0, 13, 0}, make([]byte, 6)...)
		begin = append(le.AppendUint16([]byte(magic4), uint16(crc32.ChecksumIEEE(main))), main...)
		header = append(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(h))), h...)
		last := []byte{end4, 0, 0x40, 7, 0}
		end = append(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(last))), last...)
	} else {
		h[0] = 2
		sized := func(h []byte) []byte {
			h = append(binary.AppendUvarint(nil, uint64(len(h))), h...)
			return append(le.AppendUint32(nil, crc32.ChecksumIEEE(h)), h...)
		}
		begin = append([]byte(magic5), sized([]byte{main5, 0, 0})...)
		header, end = sized(h), sized([]byte{end5, 0, 0})
	}
	return bufio.NewReader(io.MultiReader(
		bytes.NewReader(append(begin, header...)), c.Section(b.data, b.size), bytes.NewReader(end)))
}
