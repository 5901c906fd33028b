package coverage

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/job"
)

// header7z is what a 7z says of itself, as far as it must be known before its
// members may be opened. The format is 7-Zip's DOC/7zFormat.txt.
type header7z struct {
	empty   bool
	strange []byte // a method that the library does not have
	window  int64  // bytes that unpacking takes at a time
	end     int64  // of the archive in the file
}

const (
	maxHeader7z = 16 << 20

	end7z, header7zID, mainStreams7z, files7z        = 0x00, 0x01, 0x04, 0x05
	pack7z, unpack7z, subStreams7z, size7z, digest7z = 0x06, 0x07, 0x08, 0x09, 0x0a
	folder7z, unpackSize7z, numStreams7z, encoded7z  = 0x0b, 0x0c, 0x0d, 0x17
)

// folder is a run of coders that unpacks one stream.
type folder struct {
	coders  []coder
	streams uint64 // that it consumes, packed
	sizes   []uint64
	crc     bool
}

type coder struct {
	id, props []byte
	in, out   uint64
}

func read7zHeader(w *walk, n node) (header7z, error) {
	var start [32]byte
	if err := n.read(start[:], 0); err != nil {
		return header7z{}, err
	}
	le := binary.LittleEndian
	if crc32.ChecksumIEEE(start[12:]) != le.Uint32(start[8:]) {
		return header7z{}, damaged("7z with a broken start")
	}
	offset, size := le.Uint64(start[12:]), le.Uint64(start[20:])
	h := header7z{end: 32}
	if size == 0 {
		h.empty = true
		return h, nil
	}
	if offset > uint64(n.size) || size > uint64(n.size) || 32+offset+size > uint64(n.size) {
		return h, damaged("7z ends before its header: cut off, or the first part of several")
	}
	if size > maxHeader7z {
		return h, tooWide("7z with a header of %d bytes", size)
	}
	h.end = int64(32 + offset + size)
	raw := make([]byte, size)
	if err := n.read(raw, int64(32+offset)); err != nil {
		return h, err
	}
	if crc32.ChecksumIEEE(raw) != le.Uint32(start[28:]) {
		return h, damaged("7z with a broken header")
	}
	c := cursor7z{b: raw}
	id := c.byte()
	if id == encoded7z {
		unpacked, err := n.unpack7zHeader(&c)
		if err != nil {
			return h, err
		}
		c = cursor7z{b: unpacked}
		id = c.byte()
	}
	if id != header7zID {
		return h, unsupported("7z with an unknown header")
	}
	return h, h.read(w, &c)
}

// read takes in the plain header.
func (h *header7z) read(w *walk, c *cursor7z) error {
	id := c.byte()
	if id == mainStreams7z {
		_, folders := c.streams()
		for _, f := range folders {
			var window uint64
			for _, coder := range f.coders {
				if !coders7z[string(coder.id)] {
					h.strange = coder.id
				}
				window += coder.window()
			}
			h.window = max(h.window, int64(min(window, 1<<40)))
		}
		id = c.byte()
	}
	if id == files7z {
		if files := c.number(); files > uint64(w.limits.Members) {
			return exceeded(job.LimitFiles, "7z with %d members", files)
		}
		for id = c.byte(); id != end7z && !c.bad; id = c.byte() {
			c.bytes(c.number())
		}
		id = c.byte()
	}
	if c.bad || id != end7z {
		return damaged("7z with a header that cannot be read")
	}
	if h.window > maxWindow {
		return tooWide("7z with a dictionary of %d bytes", h.window)
	}
	return nil
}

// unpack7zHeader unpacks a header that is packed itself, by LZMA always.
func (n node) unpack7zHeader(c *cursor7z) ([]byte, error) {
	at, folders := c.streams()
	if c.bad || len(folders) != 1 || len(folders[0].coders) == 0 || len(folders[0].sizes) == 0 {
		return nil, damaged("7z with a packed header that cannot be read")
	}
	f := folders[0]
	if slices.ContainsFunc(f.coders, func(c coder) bool { return bytes.Equal(c.id, aes7z) }) {
		return nil, encrypted("7z with hidden names")
	}
	first := f.coders[0]
	if len(f.coders) != 1 || !bytes.Equal(first.id, lzma7z) || len(first.props) != 5 {
		return nil, unsupported("7z with a header packed by method %x", first.id)
	}
	if f.sizes[0] > maxHeader7z {
		return nil, tooWide("7z with a header of %d bytes", f.sizes[0])
	}
	var head [13]byte
	copy(head[:], first.props)
	binary.LittleEndian.PutUint64(head[5:], f.sizes[0])
	r, err := newLZMA(head, bufio.NewReader(n.at(32+at, n.size)))
	if err != nil {
		return nil, unreadable(err)
	}
	out := make([]byte, f.sizes[0])
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, damaged("7z with a packed header that cannot be unpacked: %v", err)
	}
	return out, nil
}

var (
	lzma7z  = []byte{3, 1, 1}
	lzma27z = []byte{0x21}
	ppmd7z  = []byte{3, 4, 1}
	aes7z   = []byte{6, 0xf1, 7, 1}
)

// window is the memory that a coder asks for.
func (c coder) window() uint64 {
	switch {
	case len(c.props) == 5 && (bytes.Equal(c.id, lzma7z) || bytes.Equal(c.id, ppmd7z)):
		return uint64(binary.LittleEndian.Uint32(c.props[1:]))
	case len(c.props) == 1 && bytes.Equal(c.id, lzma27z):
		p := min(c.props[0], 40)
		return uint64(2|p&1) << (p/2 + 11)
	}
	return 1 << 20
}
