package unpacktest

import (
	"encoding/binary"
	"strings"
)

// ELF is a program that has only a header.
func ELF() []byte {
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	binary.LittleEndian.PutUint16(b[16:], 2)  // executable
	binary.LittleEndian.PutUint16(b[18:], 62) // x86-64
	return b
}

// PNG is the smallest picture.
func PNG() []byte {
	return []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 50) + "IEND\xaeB`\x82")
}

// Heads are harmless files of other formats. Other content may stand after them, or
// begin within them.
func Heads() map[string][]byte {
	return map[string][]byte{
		"JPEG": Join(
			[]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00\x43\x00"),
			make([]byte, 64),
			[]byte("\xff\xd9"),
		),
		"GIF": []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff," +
			"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"),
		"PDF":     PdfOf(nil),
		"HTML":    []byte("<!DOCTYPE html><html><body>hello</body></html>\n"),
		"ELF":     ELF(),
		"text":    Pages(300),
		"zeros":   make([]byte, 512),
		"2.4 MB":  Pages(2400 << 10),
		"a break": []byte("\n"),
	}
}
