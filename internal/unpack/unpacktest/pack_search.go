package unpacktest

import (
	"fmt"
	"strings"
)

// SquashHead is the superblock of a squashfs.
func SquashHead() []byte {
	return Join(
		[]byte("hsqs"),
		LE(uint32(3), uint32(0), uint32(1<<17), uint32(1), uint16(1), uint16(17), uint16(0), uint16(1), uint16(4), uint16(0)),
		make([]byte, 64),
	)
}

// IsoOf is a CD image with one file.
func IsoOf(content []byte) []byte {
	const sector = 2048
	both16 := func(v uint16) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 8), byte(v)} }
	both32 := func(v uint32) []byte {
		return []byte{
			byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 24), byte(v >> 16), byte(v >> 8),
			byte(v),
		}
	}
	entry := func(at, size uint32, flags byte, name string) []byte {
		b := Join(
			[]byte{0, 0},
			both32(at),
			both32(size),
			make([]byte, 7),
			[]byte{flags, 0, 0},
			both16(1),
			[]byte{byte(len(name))},
			[]byte(name),
		)
		if len(b)%2 == 1 {
			b = append(b, 0)
		}
		b[0] = byte(len(b))
		return b
	}
	sectors := uint32(20 + (len(content)+sector-1)/sector)
	out := make([]byte, sectors*sector)
	v := out[16*sector:]
	copy(v, "\x01CD001\x01")
	copy(v[8:], strings.Repeat(" ", 64))
	copy(v[80:], both32(sectors))
	copy(v[120:], both16(1))
	copy(v[124:], both16(1))
	copy(v[128:], both16(sector))
	copy(v[156:], entry(18, sector, 2, "\x00"))
	v[881] = 1
	copy(out[17*sector:], "\xffCD001\x01")
	copy(
		out[18*sector:],
		Join(entry(18, sector, 2, "\x00"), entry(18, sector, 2, "\x01"), entry(20, uint32(len(content)), 0, "EVIL.BIN;1")),
	)
	copy(out[20*sector:], content)
	return out
}

// RawCDOf is a CD image of raw sectors.
func RawCDOf(image []byte) []byte {
	var out []byte
	for len(image) > 0 {
		out = append(out, "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x02\x00\x01"...)
		out = append(append(out, image[:2048]...), make([]byte, 288)...)
		image = image[2048:]
	}
	return out
}

// UuOf is content in uuencode.
func UuOf(content []byte) []byte {
	out := []byte("begin 644 a\n")
	for len(content) > 0 {
		line := content[:min(45, len(content))]
		content = content[len(line):]
		out = append(out, byte(len(line))+' ')
		for len(line) > 0 {
			var three [3]byte
			line = line[copy(three[:], line):]
			v := uint(three[0])<<16 | uint(three[1])<<8 | uint(three[2])
			for shift := 18; shift >= 0; shift -= 6 {
				out = append(out, byte(v>>shift&63)+' ')
			}
		}
		out = append(out, '\n')
	}
	return append(out, "`\nend\n"...)
}

// YencOf is content in yEnc.
func YencOf(content []byte) []byte {
	out := fmt.Appendf(nil, "=ybegin line=128 size=%d name=a\r\n", len(content))
	for _, b := range content {
		if b += 42; b == 0 || b == '\n' || b == '\r' || b == '=' {
			out, b = append(out, '='), b+64
		}
		out = append(out, b)
	}
	return fmt.Appendf(out, "\r\n=yend size=%d\r\n", len(content))
}
