package ole_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func containers() []unpacktest.Container {
	// Streams of less than 4096 bytes are stored otherwise.
	padded := func(b []byte) []byte { return unpacktest.Join(b, make([]byte, max(0, 4096-len(b)))) }
	return []unpacktest.Container{
		{Name: "package", Pack: func(_ testing.TB, b []byte) []byte {
			return unpacktest.OleOf(unpacktest.OleStream{Name: "\x01Ole10Native", Content: padded(native(b))})
		}, Head: 8},
		{Name: "PowerPoint object", Pack: func(t testing.TB, b []byte) []byte {
			packed := unpacktest.Join(unpacktest.LE(uint32(len(b))), unpacktest.ZlibOf(t, b))
			record := unpacktest.Join(unpacktest.LE(uint16(0x10), uint16(0x1011), uint32(len(packed))), packed)
			all := unpacktest.Join(unpacktest.LE(uint16(0x0f), uint16(1000), uint32(len(record))), record)
			return unpacktest.OleOf(unpacktest.OleStream{Name: "PowerPoint Document", Content: padded(all)})
		}, Head: 8},
	}
}

// native returns the Ole10Native stream of a packaged file.
func native(content []byte) []byte {
	body := unpacktest.Join(
		unpacktest.LE(uint16(2)), []byte("a.exe\x00C:\\a.exe\x00"), unpacktest.LE(uint32(0x30000), uint32(9)),
		[]byte("C:\\t\\a.e\x00"), unpacktest.LE(uint32(len(content))), content)
	return unpacktest.Join(unpacktest.LE(uint32(len(body))), body)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzOLE(f *testing.F) {
	seeds := [][]byte{}
	for _, s := range []unpacktest.OleStream{
		word(0x0200),
		{Name: "Workbook", Content: unpacktest.WithPages(uint16(0x809), uint16(8), uint64(0), uint16(0x2f))},
		{Name: "Current User", Content: unpacktest.WithPages(uint64(0), uint32(20), uint32(0xf3d1c4df))},
		{Name: "EncryptionInfo", Content: unpacktest.Pages(4100)},
		{
			Name:    "Package",
			Content: unpacktest.Join(unpacktest.GoZip(f, "a", unpacktest.Pages(300)), unpacktest.Pages(4100)),
		},
	} {
		seeds = append(
			seeds,
			unpacktest.OleOf(s),
			unpacktest.OleOf(s, unpacktest.OleStream{Name: "1Table", Content: unpacktest.Pages(4200)}),
		)
	}
	unpacktest.Fuzz(f, formats.All(), containers(), seeds...)
}

// word returns the main stream of a Word document with flags of its header.
func word(flags uint16) unpacktest.OleStream {
	return unpacktest.OleStream{
		Name:    "WordDocument",
		Content: unpacktest.WithPages(uint16(0xa5ec), uint16(0xc1), uint32(0), uint16(0), flags),
	}
}

func TestOffice(t *testing.T) {
	t.Parallel()
	one := func(name string, content []byte) []byte {
		return unpacktest.OleOf(unpacktest.OleStream{Name: name, Content: content})
	}
	doc := unpacktest.OleOf(word(0x0200), unpacktest.OleStream{Name: "1Table", Content: unpacktest.Pages(5000)})
	sheet := []any{uint16(0x809), uint16(8), uint64(0)}
	infected := unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar())
	hwp := func(flags byte, content []byte) []byte {
		head := unpacktest.Join([]byte("HWP Document File"), make([]byte, 19), []byte{flags}, make([]byte, 4200))
		packed := unpacktest.Join(unpacktest.Deflated(t, content), make([]byte, 5000))
		return unpacktest.OleOf(unpacktest.OleStream{Name: "FileHeader", Content: head},
			unpacktest.OleStream{Name: "BIN0001.OLE", Content: packed})
	}
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "doc", Content: doc, Want: unpacktest.Clean},
		{
			Name:    "doc infected",
			Content: one("Contents", unpacktest.Join(infected, unpacktest.Pages(5000))),
			Want:    unpacktest.Infected,
		},
		{Name: "doc encrypted", Content: unpacktest.OleOf(word(0x0300)), Want: "encrypted"},
		{Name: "doc encrypted with an infected stream", Content: unpacktest.OleOf(word(0x0300), unpacktest.OleStream{
			Name: "Package", Content: unpacktest.Join(unpacktest.Wide64(t), unpacktest.Pages(5000)),
		}), Want: unpacktest.Infected},
		{
			Name: "xls",
			Content: one(
				"Workbook",
				unpacktest.WithPages(append(sheet, uint16(0x42), uint16(2), uint16(1200), uint32(0))...),
			),
			Want: unpacktest.Clean,
		},
		{
			Name:    "xls encrypted",
			Content: one("Workbook", unpacktest.WithPages(append(sheet, uint16(0x2f), uint16(6), uint16(1))...)),
			Want:    "encrypted",
		},
		{
			Name:    "ppt encrypted",
			Content: one("Current User", unpacktest.WithPages(uint64(0), uint32(20), uint32(0xf3d1c4df))),
			Want:    "encrypted",
		},
		{
			Name: "docx encrypted",
			Content: unpacktest.OleOf(
				unpacktest.OleStream{Name: "EncryptionInfo", Content: unpacktest.WithPages(uint32(0x40004))},
				unpacktest.OleStream{Name: "EncryptedPackage", Content: unpacktest.Pages(9000)},
			),
			Want: "encrypted",
		},
		{Name: "cut in a stream", Content: doc[:len(doc)-4000], Want: "damaged"},
		{Name: "cut in the directory", Content: doc[:1100], Want: "damaged"},
		{Name: "header alone", Content: doc[:300], Want: "damaged"},
		{
			Name:    "zip64 in a stream",
			Content: one("Package", unpacktest.Join(unpacktest.Wide64(t), unpacktest.Pages(5000))),
			Want:    unpacktest.Infected,
		},
		{Name: "Hangul", Content: hwp(1, unpacktest.Pages(800)), Want: unpacktest.Clean},
		{Name: "Hangul infected", Content: hwp(1, infected), Want: unpacktest.Infected},
		{Name: "Hangul encrypted", Content: hwp(3, unpacktest.Pages(800)), Want: "encrypted"},
	})
}

// TestZipAtTheEnd checks a zip at the end of a file: Excel writes a theme, which is a
// zip, into a workbook's stream, and that stream may be the last.
func TestZipAtTheEnd(t *testing.T) {
	t.Parallel()
	theme := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "theme.xml", Content: unpacktest.Pages(9000), Method: 8})
	book := func(parts ...[]byte) []byte {
		return unpacktest.OleOf(unpacktest.OleStream{Name: "Workbook", Content: unpacktest.Join(parts...)})
	}
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "theme", Content: book(unpacktest.Pages(5000), theme), Want: unpacktest.Clean},
		{
			Name:    "appended zip64",
			Content: unpacktest.Join(book(unpacktest.Pages(5000)), unpacktest.Wide64(t)),
			Want:    unpacktest.Infected,
		},
	})
}
