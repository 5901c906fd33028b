package unpacktest

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"testing"
	"unicode/utf16"
)

// OleStream is one stream of a compound file.
type OleStream struct {
	Name    string
	Content []byte // 4096 bytes or more, so that it is not in the mini stream
}

// OleOf is a compound file of version 3 (MS-CFB): the header, the sectors of the FAT,
// the directory, the streams.
func OleOf(streams ...OleStream) []byte {
	const sector, free, last = 512, 0xffffffff, 0xfffffffe
	sectors := func(n int) int { return (n + sector - 1) / sector }
	need := sectors(128 * (len(streams) + 1))
	for _, s := range streams {
		need += sectors(len(s.Content))
	}
	var fat []uint32
	fats := need/(sector/4-1) + 1
	for range fats {
		fat = append(fat, 0xfffffffd) // the FAT itself
	}
	chain := func(n int) uint32 {
		first := uint32(len(fat))
		for i := range n {
			next := uint32(len(fat) + 1)
			if i == n-1 {
				next = last
			}
			fat = append(fat, next)
		}
		return first
	}
	entry := func(name string, kind byte, right, child, start uint32, size int) []byte {
		b := make([]byte, 64)
		u := utf16.Encode([]rune(name))
		copy(b, LE(u))
		b = append(b, LE(uint16(2*len(u)+2), kind, byte(1), uint32(free), right, child)...)
		return append(b, append(make([]byte, 36), LE(start, uint64(size))...)...)
	}
	dirAt := chain(sectors(128 * (len(streams) + 1)))
	dir := entry("Root Entry", 5, free, 1, last, 0)
	var data bytes.Buffer
	for i, s := range streams {
		right := uint32(free)
		if i < len(streams)-1 {
			right = uint32(i + 2)
		}
		dir = append(dir, entry(s.Name, 2, right, free, chain(sectors(len(s.Content))), len(s.Content))...)
		data.Write(s.Content)
		data.Write(make([]byte, sectors(len(s.Content))*sector-len(s.Content)))
	}
	dir = append(dir, make([]byte, sectors(len(dir))*sector-len(dir))...)
	for len(fat) < fats*sector/4 {
		fat = append(fat, free)
	}
	head := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 16)...)
	head = append(head, LE(uint16(0x3e), uint16(3), uint16(0xfffe), uint16(9), uint16(6), make([]byte, 6), uint32(0),
		uint32(fats), dirAt, uint32(0), uint32(4096), uint32(last), uint32(0), uint32(last), uint32(0))...)
	for i := range fats {
		head = append(head, LE(uint32(i))...)
	}
	for len(head) < sector {
		head = append(head, 0xff)
	}
	return Join(head, LE(fat), dir, data.Bytes())
}

// WithPages is text after some values (see LE).
func WithPages(head ...any) []byte { return append(LE(head...), Pages(5000)...) }

// PdfOf is a PDF of one stream.
func PdfOf(content []byte) []byte {
	return Join([]byte("%PDF-1.4\n1 0 obj\n<< /Length 5000 >>\nstream\n"), content,
		[]byte("\nendstream\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R >>\nstartxref\n5070\n%%EOF\n"))
}

// PdfStreamOf is a PDF with an attachment that has these filters.
func PdfStreamOf(filters string, content []byte) []byte {
	head := fmt.Appendf(
		nil,
		"%%PDF-1.7\n1 0 obj\n<</Type/EmbeddedFile/Filter%s/Length %d>>\nstream\r\n",
		filters,
		len(content),
	)
	return Join(
		head,
		content,
		[]byte("\nendstream\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R >>\nstartxref\n5070\n%%EOF\n"),
	)
}

// ZlibOf is a zlib stream.
func ZlibOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, zlib.NewWriter(&b), content)
}
