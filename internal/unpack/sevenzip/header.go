package sevenzip

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// header is the header of a 7z archive (7-Zip's DOC/7zFormat.txt), as far as it must be
// known before members are unpacked.
type header struct {
	folders []folder
	packed  span   // all packed streams
	at      int64  // offset of the header
	end     int64  // offset of the end of the archive
	plain   []byte // the unpacked header, for the library
	empty   bool   // there are no members
}

// span is bytes of the file, from an offset to another.
type span struct{ from, to int64 }

const (
	maxHeader = 16 << 20 // bytes

	start = 32 // bytes of the first header

	idEnd, idHeader, idMainStreams, idFiles          = 0x00, 0x01, 0x04, 0x05
	idPack, idUnpack, idSubStreams, idSize, idDigest = 0x06, 0x07, 0x08, 0x09, 0x0a
	idFolder, idUnpackSize, idNumStreams, idEncoded  = 0x0b, 0x0c, 0x0d, 0x17
)

// folder is a chain of coders that unpacks one stream.
type folder struct {
	coders  []coder
	streams uint64   // packed streams that it reads
	sizes   []uint64 // of unpacked bytes, of each output of each coder
	main    int      // index of the last coder's output in sizes
	files   uint64   // in the unpacked stream
	crc     bool     // the header has the CRC of the unpacked stream
}

// size is the number of unpacked bytes.
func (f folder) size() uint64 {
	if f.main < 0 || f.main >= len(f.sizes) {
		return 0
	}
	return f.sizes[f.main]
}

type coder struct {
	id, props []byte
	in, out   uint64
}

func readHeader(v *unpack.Visitor, c unpack.Content) (header, error) {
	var first [start]byte
	if err := c.Fill(first[:], 0); err != nil {
		return header{}, err
	}
	le := binary.LittleEndian
	if !begins(first[:]) {
		return header{}, unpack.Damaged("7z with a broken start")
	}
	offset, size := le.Uint64(first[12:]), le.Uint64(first[20:])
	h := header{at: start, end: start}
	if size == 0 {
		h.empty = true
		return h, nil
	}
	whole := uint64(c.Size())
	if offset > whole || size > whole || start+offset+size > whole {
		return h, unpack.Damaged("7z ends before its header: cut off, or the first part of several")
	}
	if size > maxHeader {
		return h, unpack.TooLarge("7z with a header of %d bytes", size)
	}
	h.at, h.end = int64(start+offset), int64(start+offset+size)
	raw := make([]byte, size)
	if err := c.Fill(raw, h.at); err != nil {
		return h, err
	}
	if crc32.ChecksumIEEE(raw) != le.Uint32(first[28:]) {
		return h, unpack.Damaged("7z with a broken header")
	}
	in := cursor{b: raw}
	id := in.byte()
	if id == idEncoded {
		var err error
		if raw, err = unpackHeader(c, &in); err != nil {
			return h, err
		}
		in = cursor{b: raw}
		id = in.byte()
	}
	if id != idHeader {
		return h, unpack.Unsupported("7z with an unknown header")
	}
	h.plain = raw
	return h, h.read(v, &in)
}

// begins checks the CRC of the first header.
func begins(b []byte) bool {
	return len(b) >= start && crc32.ChecksumIEEE(b[12:start]) == binary.LittleEndian.Uint32(b[8:])
}

// read reads the unpacked header.
func (h *header) read(v *unpack.Visitor, c *cursor) error {
	id := c.byte()
	if id == idMainStreams {
		var undivided int
		h.packed, h.folders, undivided = c.streams()
		if at := len(h.plain) - undivided; undivided > 0 && !c.invalid { // the library fails without the ids
			h.plain = slices.Insert(slices.Clone(h.plain), at, idSubStreams, idEnd)
		}
		id = c.byte()
	}
	if id == idFiles {
		if files := c.number(); files > uint64(v.Limits().Members) {
			return unpack.TooMany("7z with %d members", files)
		}
		for id = c.byte(); id != idEnd && !c.invalid; id = c.byte() {
			c.bytes(c.number())
		}
		id = c.byte()
	}
	if c.invalid || id != idEnd {
		return unpack.Damaged("7z with a header that cannot be read")
	}
	return nil
}

// unpackHeader unpacks a packed header, for which 7-Zip always uses LZMA.
func unpackHeader(c unpack.Content, in *cursor) ([]byte, error) {
	packed, folders, _ := in.streams()
	if in.invalid || len(folders) != 1 || len(folders[0].coders) == 0 || len(folders[0].sizes) == 0 {
		return nil, unpack.Damaged("7z with a packed header that cannot be read")
	}
	f := folders[0]
	if f.encrypted() {
		return nil, unpack.Encrypted("7z with an encrypted header")
	}
	first := f.coders[0]
	if len(f.coders) != 1 || string(first.id) != methodLZMA || len(first.props) != 5 {
		return nil, unpack.Unsupported("7z with a header packed by method %x", first.id)
	}
	if f.sizes[0] > maxHeader {
		return nil, unpack.TooLarge("7z with a header of %d bytes", f.sizes[0])
	}
	var head [13]byte
	copy(head[:], first.props)
	binary.LittleEndian.PutUint64(head[5:], f.sizes[0])
	r, err := decode.LZMA(head, bufio.NewReader(c.Section(start+packed.from, c.Size())))
	if err != nil {
		return nil, unpack.Damaged("7z with a packed header: %v", err)
	}
	out := make([]byte, f.sizes[0])
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, unpack.Damaged("7z with a packed header that cannot be unpacked: %v", err)
	}
	return out, nil
}

// Methods, by their identifiers in 7-Zip's DOC/Methods.txt.
const (
	methodLZMA  = "\x03\x01\x01"
	methodLZMA2 = "\x21"
	methodPPMd  = "\x03\x04\x01"
	methodAES   = "\x06\xf1\x07\x01"
)

// supported reports whether the library has a method.
func supported(method string) bool {
	switch method {
	case methodLZMA, methodLZMA2, methodPPMd, methodAES,
		"\x00",                                 // copy
		"\x03\x03\x01\x03", "\x03\x03\x01\x1b", // BCJ, BCJ2
		"\x03", "\x0a", "\x03\x03\x02\x05", "\x03\x03\x05\x01", "\x03\x03\x08\x05", // other filters
		"\x04\x01\x08", "\x04\x02\x02", // deflate, bzip2
		"\x04\xf7\x11\x01", "\x04\xf7\x11\x02", "\x04\xf7\x11\x04": // zstd, brotli, lz4
		return true
	}
	return false
}

func (f folder) encrypted() bool {
	return slices.ContainsFunc(f.coders, func(c coder) bool { return string(c.id) == methodAES })
}

// refuse returns why a folder is not unpacked, or nil.
func (f folder) refuse() error {
	for _, c := range f.coders {
		if !supported(string(c.id)) {
			return unpack.Unsupported("7z with method %x", c.id)
		}
	}
	if f.encrypted() {
		return unpack.Encrypted("7z")
	}
	if w := f.window(); w > unpack.MaxWindow {
		return unpack.TooLarge("7z with a dictionary of %d bytes", w)
	}
	return nil
}

// window is the number of bytes of memory that unpacking takes.
func (f folder) window() int64 {
	var all uint64
	for _, c := range f.coders {
		all += c.window()
	}
	return int64(min(all, 1<<40))
}

func (c coder) window() uint64 {
	switch {
	case len(c.props) == 5 && (string(c.id) == methodLZMA || string(c.id) == methodPPMd):
		return uint64(binary.LittleEndian.Uint32(c.props[1:]))
	case len(c.props) == 1 && string(c.id) == methodLZMA2:
		p := min(c.props[0], 40)
		return uint64(2|p&1) << (p/2 + 11)
	}
	return 1 << 20
}
