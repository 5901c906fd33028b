// Package cpio opens cpio archives in all formats: new ASCII, old ASCII, and binary in
// both byte orders.
package cpio

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Format is the cpio archive.
func Format() unpack.Format {
	plain := unpack.Format{
		Name:  "cpio",
		Opens: "members in newc, crc, odc and both binary forms; one that was cut off is refused",
		Match: func(c unpack.Content, _ []byte) bool {
			_, ok := readHeader(c, 0)
			return ok
		},
		Whole: true,
		Walk:  walk,
	}
	f := plain
	for _, text := range []string{"070701", "070702", "070707"} { // the binary magic is too short
		f.Marks = append(f.Marks, unpack.Mark{
			Text: text,
			Open: func(v *unpack.Visitor, at int64) (int64, error) {
				if _, ok := readHeader(v.Content(), at); !ok {
					return 0, nil
				}
				return v.Embedded(plain, at)
			},
		})
	}
	return f
}

// header is the header of a member.
type header struct {
	name       string
	data, size int64 // offset and size of the content
	next       int64 // offset of the next header
}

// readHeader reads the header at an offset, and reports whether there is one.
func readHeader(c unpack.Content, at int64) (h header, ok bool) {
	b := c.Peek(at, 110)
	if len(b) < 26 {
		return h, false
	}
	var name, size, align int64
	switch magic := string(b[:6]); {
	case magic == "070701" || magic == "070702":
		if len(b) < 110 {
			return h, false
		}
		name, size, ok = numbers(b[94:102], b[54:62], 16)
		h.data, align = at+110, 4
	case magic == "070707":
		if len(b) < 76 {
			return h, false
		}
		name, size, ok = numbers(b[59:65], b[65:76], 8)
		h.data, align = at+76, 1
	case magic[:2] == "\xc7\x71":
		name, size, ok = words(b, binary.LittleEndian)
		h.data, align = at+26, 2
	case magic[:2] == "\x71\xc7":
		name, size, ok = words(b, binary.BigEndian)
		h.data, align = at+26, 2
	}
	if !ok || name <= 0 || size < 0 {
		return h, false
	}
	text, _, _ := bytes.Cut(c.Peek(h.data, int(min(name, 4<<10))), []byte{0})
	h.name, h.size = string(text), size
	padded := func(v int64) int64 { return (v + align - 1) / align * align }
	// Padding is counted from the beginning of the archive, whose offset is even.
	if align == 2 {
		h.data += padded(name)
		h.next = h.data + padded(size)
		return h, int64(len(text))+1 == name
	}
	h.data = padded(h.data + name)
	h.next = padded(h.data + size)
	return h, true
}

func numbers(name, size []byte, base int) (int64, int64, bool) {
	n, err1 := strconv.ParseInt(string(name), base, 64)
	s, err2 := strconv.ParseInt(string(size), base, 64)
	return n, s, err1 == nil && err2 == nil
}

// words reads a binary header of 13 words. In a pair of words, the higher one is first.
func words(b []byte, order binary.ByteOrder) (name, size int64, ok bool) {
	kind := order.Uint16(b[6:]) >> 12
	size = int64(order.Uint16(b[22:]))<<16 | int64(order.Uint16(b[24:]))
	// The file types in use: folder, device, file, link and others. The trailer is a
	// file.
	ok = kind == 0 || kind == 1 || kind == 2 || kind == 4 || kind == 6 || kind == 8 || kind == 10 || kind == 12
	return int64(order.Uint16(b[20:])), size, ok
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	for at := int64(0); ; {
		v.Sound(at)
		h, ok := readHeader(c, at)
		switch {
		case c.Size()-at < 26:
			return unpack.Damaged("cpio without its end")
		case !ok:
			return unpack.Damaged("cpio with a broken header at byte %d", at)
		case h.name == "TRAILER!!!":
			if err := v.Gap("trailer", h.data, h.size); err != nil {
				return err
			}
			v.EndPadded(min(h.next, c.Size())) // Linux unpacks another initramfs after it
			return nil
		}
		if h.size > 0 {
			if err := v.Region(h.name, min(h.data, c.Size()), max(0, min(h.size, c.Size()-h.data))); err != nil {
				return err
			}
		}
		if at = h.next; h.data+h.size > c.Size() {
			return unpack.Damaged("cpio cut off in member %s", unpack.Clip(h.name, 64))
		}
	}
}
