// Package arj opens ARJ archives (TECHNOTE.TXT of ARJ).
package arj

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/lha"
)

const magic = "\x60\xea"

// Bits of a file's flags.
const (
	garbled = 1 << 0
	volume  = 1 << 2 // continues in another
	partial = 1 << 3 // continues from another
)

// Format is the ARJ archive.
func Format() unpack.Format {
	plain := unpack.Format{
		Name:   "ARJ",
		Opens:  "files of methods 0 to 4; encrypted ones, volumes and damage are refused",
		Magics: []unpack.Magic{{Text: magic}},
		Match:  func(c unpack.Content, _ []byte) bool { return begins(c, 0) },
		Whole:  true,
		Walk:   walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: magic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if !begins(v.Content(), at) {
				return 0, nil
			}
			return v.EmbeddedVerified(plain, at)
		},
	}}
	return f
}

// begins checks for the header of an archive, which has file type 2.
func begins(c unpack.Content, at int64) bool {
	h, _, err := readHeader(c, at)
	return err == nil && len(h) > 6 && h[6] == 2
}

// readHeader reads the header at an offset, and returns the offset after it. At the end
// of an archive is a header without bytes.
func readHeader(c unpack.Content, at int64) (h []byte, next int64, err error) {
	const most = 2600 // bytes of a header
	le := binary.LittleEndian
	var first [4]byte
	if err := c.Fill(first[:], at); err != nil {
		return nil, at, err
	}
	size := int64(le.Uint16(first[2:]))
	if string(first[:2]) != magic || size > most {
		return nil, at, unpack.Damaged("ARJ without a header at byte %d", at)
	}
	if at += 4; size == 0 {
		return nil, at, nil
	}
	h = make([]byte, size+4)
	if err := c.Fill(h, at); err != nil {
		return nil, at, err
	}
	if size < 30 || crc32.ChecksumIEEE(h[:size]) != le.Uint32(h[size:]) {
		return nil, at, unpack.Damaged("ARJ with a header of a wrong checksum at byte %d", at)
	}
	return h[:size], at + size + 4, nil
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	for at, first := int64(0), true; ; first = false {
		h, next, err := readHeader(c, at)
		if err != nil {
			v.End(at)
			return err
		}
		if at = next; h == nil {
			v.End(at)
			return nil
		}
		for { // extended headers; the last has size 0
			var size [2]byte
			if err := c.Fill(size[:], at); err != nil {
				return err
			}
			at += 2
			if size == [2]byte{} {
				break
			}
			at += int64(binary.LittleEndian.Uint16(size[:])) + 4
		}
		if first { // the header of the archive
			continue
		}
		if err := v.Refuse(file(v, c, h, at)); err != nil {
			return err
		}
		at += int64(binary.LittleEndian.Uint32(h[12:]))
	}
}

// file takes the file at an offset, with the header h.
func file(v *unpack.Visitor, c unpack.Content, h []byte, at int64) error {
	le := binary.LittleEndian
	packed, size := int64(le.Uint32(h[12:])), int64(le.Uint32(h[16:]))
	raw := c.Section(at, packed)
	switch {
	case h[4]&garbled != 0:
		return unpack.Encrypted("ARJ")
	case h[6] >= 3 && packed == 0: // a folder or a volume label
		return nil
	}
	var r io.Reader = raw
	switch h[5] {
	case 0:
	case 1, 2, 3:
		r = lha.NewDecoder(raw, 15, size)
	case 4:
		r = lha.NewFastest(raw, size)
	default:
		return unpack.Unsupported("ARJ with method %d", h[5])
	}
	if err := v.Stream("file", bounded.Whole(r, size).CRC32(le.Uint32(h[20:]))); err != nil {
		return err
	}
	switch {
	case h[4]&(volume|partial) != 0:
		return unpack.Unsupported("a part of a split ARJ archive")
	case packed > c.Size()-at:
		return unpack.Damaged("ARJ with a file that ends after the end of the archive")
	}
	return nil
}
