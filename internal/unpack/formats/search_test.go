package formats_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// fixtureOf is a file in testdata of a format's package.
func fixtureOf(t *testing.T, format, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", format, "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBehindSomethingElse checks that containers are found after other content.
func TestBehindSomethingElse(t *testing.T) {
	t.Parallel()
	evil := append(unpacktest.Pages(300), unpacktest.Eicar()...)
	packed := unpacktest.GzipOf(t, evil)
	forms := map[string][]byte{
		"gzip":                 packed,
		"xz":                   unpacktest.XzOf(t, evil),
		"zstd":                 unpacktest.ZstdOf(t, evil),
		"lz4":                  unpacktest.Lz4Of(t, evil),
		"tar":                  unpacktest.TarOf(t, packed),
		"cpio":                 unpacktest.CpioOf(packed),
		"ar":                   unpacktest.ArOf(packed),
		"zip64":                unpacktest.Wide64(t),
		"7z":                   unpacktest.SevenOf([]byte{4, 1, 8}, unpacktest.Deflated(t, evil), evil),
		"OLE":                  unpacktest.OleOf(unpacktest.OleStream{Name: "a", Content: unpacktest.Wide64(t)}),
		"CD":                   unpacktest.IsoOf(unpacktest.Wide64(t)),
		"zip64 without an end": unpacktest.Wide64(t)[:bytes.Index(unpacktest.Wide64(t), []byte("PK\x01\x02"))],
	}
	var samples []unpacktest.Sample
	for head, h := range unpacktest.Heads() {
		for form, content := range forms {
			// The text after it is longer than the comment of a zip can be.
			samples = append(samples, unpacktest.Sample{
				Name: form + " behind " + head, Content: unpacktest.Join(h, content),
				Want: unpacktest.Infected,
			},
				unpacktest.Sample{Name: form + " in the middle of " + head, Content: unpacktest.Join(h, content,
					unpacktest.Pages(70<<10)), Want: unpacktest.Infected})
		}
	}
	unpacktest.Try(t, formats.All(), samples)
}

// TestSearchTakesNoGuess checks that bytes which only look like a container are no
// reason to refuse a file.
func TestSearchTakesNoGuess(t *testing.T) {
	t.Parallel()
	text := unpacktest.Pages(3000)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{
			Name: "magics of streams in a program",
			Content: unpacktest.Join(unpacktest.ELF(), []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 "+
				"\x28\xb5\x2f\xfd\x04\x22\x4d\x18 BZh91AY&SY \xfd7zXZ\x00"), text),
			Want: unpacktest.Clean,
		},
		{
			Name: "magics of containers in a program",
			Content: unpacktest.Join(unpacktest.ELF(), []byte("ustar\x00 070701 !<arch>\n "+
				"7z\xbc\xaf\x27\x1c Rar!\x1a\x07\x00 PK\x03\x04 hsqs MSWIM\x00\x00\x00 "+
				"MSCF\x00\x00\x00\x00 \x60\xea -lh5- \xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 CD001"), text),
			Want: unpacktest.Clean,
		},
		{
			Name:    "a CD's mark in a program",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.Pages(40<<10), []byte("\x01CD001\x01"), text),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "a cut gzip in a program",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.GzipOf(t, text)[:500]),
			Want:    unpacktest.Clean,
		},
		{Name: "a cut tar in text", Content: unpacktest.Join(text, unpacktest.TarOf(t, text)[:2000]), Want: unpacktest.Clean},
		{
			Name:    "text that speaks of begin 644",
			Content: []byte("then\nbegin 644 is what it says\nand =ybegin line= too\n\\objdata\n"),
			Want:    unpacktest.Clean,
		},
		{
			Name: "whole and harmless",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.GzipOf(t, text), unpacktest.TarOf(t, text),
				unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: text, Method: 8, Wide: true})),
			Want: unpacktest.Clean,
		},
		{
			Name:    "an encrypted 7z behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), fixtureOf(t, "sevenzip", "password.7z")),
			Want:    "encrypted",
		},
		{
			Name:    "a WIM behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), fixtureOf(t, "closed", "d.wim")),
			Want:    "unsupported-archive",
		},
		{
			Name:    "squashfs behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.SquashHead()),
			Want:    "unsupported-archive",
		},
	})
}
