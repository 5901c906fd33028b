package coverage

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"testing"
	"unicode/utf16"
)

// oleStream is one stream of a compound file.
type oleStream struct {
	name    string
	content []byte // of 4096 bytes and more, so that it stands in sectors of its own
}

// oleOf writes a compound file of version 3 after MS-CFB: the header, one FAT
// sector, the directory, the streams.
func oleOf(streams ...oleStream) []byte {
	const sector, free, last = 512, 0xffffffff, 0xfffffffe
	fat := []uint32{0xfffffffd} // the FAT itself
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
	sectors := func(n int) int { return (n + sector - 1) / sector }
	entry := func(name string, kind byte, right, child, start uint32, size int) []byte {
		b := make([]byte, 64)
		u := utf16.Encode([]rune(name))
		copy(b, le(u))
		b = append(b, le(uint16(2*len(u)+2), kind, byte(1), uint32(free), right, child)...)
		return append(b, append(make([]byte, 36), le(start, uint64(size))...)...)
	}
	dirAt := chain(sectors(128 * (len(streams) + 1)))
	dir := entry("Root Entry", 5, free, 1, last, 0)
	var data bytes.Buffer
	for i, s := range streams {
		right := uint32(free)
		if i < len(streams)-1 {
			right = uint32(i + 2)
		}
		dir = append(dir, entry(s.name, 2, right, free, chain(sectors(len(s.content))), len(s.content))...)
		data.Write(s.content)
		data.Write(make([]byte, sectors(len(s.content))*sector-len(s.content)))
	}
	dir = append(dir, make([]byte, sectors(len(dir))*sector-len(dir))...)
	for len(fat) < sector/4 {
		fat = append(fat, free)
	}
	head := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 16)...)
	head = append(head, le(uint16(0x3e), uint16(3), uint16(0xfffe), uint16(9), uint16(6), make([]byte, 6), uint32(0),
		uint32(1), dirAt, uint32(0), uint32(4096), uint32(last), uint32(0), uint32(last), uint32(0), uint32(0))...)
	for len(head) < sector {
		head = append(head, 0xff)
	}
	return join(head, le(fat), dir, data.Bytes())
}

// with is a stream that begins in a certain way.
func with(head ...any) []byte { return append(le(head...), pages(5000)...) }

func TestOffice(t *testing.T) {
	t.Parallel()
	doc := oleOf(oleStream{"WordDocument", with(uint16(0xa5ec), uint16(0xc1), uint32(0), uint16(0), uint16(0x0200))}, oleStream{"1Table", pages(5000)})
	bof := []any{uint16(0x809), uint16(8), uint64(0)}
	try(t, []sample{
		{name: "doc", content: doc, want: "covered"},
		{name: "doc infected", content: oleOf(oleStream{"Contents", with(eicarText())}), clamd: infected, want: "covered"},
		{name: "doc encrypted", content: oleOf(oleStream{"WordDocument", with(uint16(0xa5ec), uint16(0xc1), uint32(0), uint16(0), uint16(0x0300))}), want: "encrypted"},
		{name: "xls", content: oleOf(oleStream{"Workbook", with(append(bof, uint16(0x42), uint16(2), uint16(1200), uint16(0), uint16(0))...)}), want: "covered"},
		{name: "xls encrypted", content: oleOf(oleStream{"Workbook", with(append(bof, uint16(0x2f), uint16(6), uint16(1))...)}), want: "encrypted"},
		{name: "ppt encrypted", content: oleOf(oleStream{"Current User", with(uint64(0), uint32(20), uint32(0xf3d1c4df))}), want: "encrypted"},
		{name: "docx encrypted", content: oleOf(oleStream{"EncryptionInfo", with(uint32(0x40004))}, oleStream{"EncryptedPackage", pages(9000)}), want: "encrypted"},
		{name: "cut in a stream", content: doc[:len(doc)-4000], want: "damaged"},
		{name: "cut in the directory", content: doc[:1100], want: "damaged"},
		{name: "header alone", content: doc[:300], want: "damaged"},
		{name: "with a zip64", content: oleOf(oleStream{"Package", join(wide64(t), pages(5000))}), want: infected},
	})
}

// pdfOf is a PDF of one stream.
func pdfOf(content []byte) []byte {
	return join([]byte("%PDF-1.4\n1 0 obj\n<< /Length 5000 >>\nstream\n"), content,
		[]byte("\nendstream\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R >>\nstartxref\n5070\n%%EOF\n"))
}

// pdfStreamOf has an attachment with these filters.
func pdfStreamOf(filters string, content []byte) []byte {
	head := fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj\n<</Type/EmbeddedFile/Filter%s/Length %d>>\nstream\r\n", filters, len(content))
	return join(head, content, []byte("\nendstream\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R >>\nstartxref\n5070\n%%EOF\n"))
}

func zlibOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, zlib.NewWriter(&b), content)
}

// TestStreamsInside: what the engine unpacks may hold what it cannot.
func TestStreamsInside(t *testing.T) {
	t.Parallel()
	evil, harmless := wide64(t), zipOf(t, zipped{name: "a", content: pages(500), method: 8, wide: true})
	ascii := func(b []byte) []byte {
		out := make([]byte, ascii85.MaxEncodedLen(len(b)))
		return append(out[:ascii85.Encode(out, b)], "~>"...)
	}
	flash := func(b []byte) []byte { return join([]byte("CWS\x06"), le(uint32(8+len(b))), zlibOf(t, b)) }
	try(t, []sample{
		{name: "attachment", content: pdfStreamOf("/FlateDecode", zlibOf(t, evil)), want: infected},
		{name: "attachment, harmless", content: pdfStreamOf("/FlateDecode", zlibOf(t, harmless)), want: "covered"},
		{name: "attachment, twice", content: pdfStreamOf("[/FlateDecode /FlateDecode]", zlibOf(t, zlibOf(t, evil))), want: infected},
		{name: "attachment in hexadecimal", content: pdfStreamOf("/ASCIIHexDecode", []byte(hex.EncodeToString(evil)+">")), want: infected},
		{name: "attachment in ASCII85", content: pdfStreamOf("[/ASCII85Decode/FlateDecode]", ascii(zlibOf(t, evil))), want: infected},
		{name: "attachment as it is", content: pdfOf(evil), want: infected},
		{name: "attachment that is damaged", content: pdfStreamOf("/FlateDecode", zlibOf(t, gzipOf(t, pages(500))[:90])), want: "damaged"},
		{name: "picture", content: bytes.Replace(pdfStreamOf("/DCTDecode", evil[:20]), []byte("/EmbeddedFile"), []byte("/XObject"), 1), want: "covered"},
		{name: "attachment that is a picture", content: pdfStreamOf("/DCTDecode", evil[:20]), want: "unsupported-archive"},
		{name: "attachment of a PDF behind something", content: join(pages(500), pdfStreamOf("/FlateDecode", zlibOf(t, evil))), want: infected},
		{name: "text that speaks of PDFs", content: join(pages(500), []byte("they begin with %PDF-1.4 and have a stream\n")), want: "covered"},
		{name: "zlib", content: zlibOf(t, append(pages(500), eicarText()...)), want: infected},
		{name: "zlib, harmless", content: zlibOf(t, pages(500)), want: "covered"},
		{name: "begins like zlib", content: join([]byte("x\x9c"), pages(500)), want: "covered"},
		{name: "Flash", content: flash(join(make([]byte, 100), evil)), want: infected},
		{name: "Flash, harmless", content: flash(pages(500)), want: "covered"},
	})
}

func TestPDF(t *testing.T) {
	t.Parallel()
	whole := pdfOf(pages(5000))
	try(t, []sample{
		{name: "pdf", content: whole, want: "covered"},
		{name: "pdf cut", content: whole[:4000], want: "damaged"},
		{name: "pdf and a line more", content: join(whole, []byte("\n\n\x00")), want: "covered"},
		{name: "linearized, cut after its first end", content: join([]byte("%PDF-1.5\n1 0 obj\n<< /Linearized 1 /L 90000 /O 3 >>\nendobj\nstartxref\n0\n%%EOF\n"), pages(500)), want: "damaged"},
		{name: "pdf and a zip64", content: join(whole, wide64(t)), want: infected},
	})
}

// TestZipAtTheEndOfOffice: Excel keeps a theme, which is a zip, in a workbook's
// stream, and that stream may be the last.
func TestZipAtTheEndOfOffice(t *testing.T) {
	t.Parallel()
	theme := zipOf(t, zipped{name: "theme.xml", content: pages(9000), method: 8})
	try(t, []sample{
		{name: "theme", content: oleOf(oleStream{"Workbook", join(pages(5000), theme)}), want: "covered"},
		{name: "appended zip64", content: join(oleOf(oleStream{"Workbook", pages(5000)}), wide64(t)), want: infected},
	})
}
