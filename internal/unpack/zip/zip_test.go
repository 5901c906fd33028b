package zip_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// one packs content as the only member of a zip.
func one(m unpacktest.Zipped, pack func(testing.TB, []byte) []byte) func(testing.TB, []byte) []byte {
	return func(t testing.TB, content []byte) []byte {
		m := m
		m.Name, m.Content = "a", content
		if pack != nil {
			m.Packed = pack(t, content)
		}
		return unpacktest.ZipOf(t, m)
	}
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name: "from a stream",
			Pack: func(t testing.TB, b []byte) []byte { return unpacktest.GoZip(t, "a", b) },
			Head: 4,
		},
		{Name: "stored", Pack: one(unpacktest.Zipped{}, nil), Head: 4},
		{Name: "zip64", Pack: one(unpacktest.Zipped{Method: 8, Wide: true, Listed64: true}, nil), Head: 4},
		{
			Name: "zip64 from a stream",
			Pack: one(unpacktest.Zipped{Method: 8, Wide: true, Described: true}, nil),
			Head: 4,
		},
		{Name: "zstd", Pack: one(unpacktest.Zipped{Method: 93}, unpacktest.ZstdOf), Head: 4},
		{Name: "lzma", Pack: one(unpacktest.Zipped{Method: 14}, unpacktest.ZipLZMAOf), Head: 4},
		{Name: "xz", Pack: one(unpacktest.Zipped{Method: 95}, unpacktest.XzOf), Head: 4},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// eicarText is longer than EICAR, and a packer refers from the middle of EICAR to bytes
// before it, so that EICAR is only found in the unpacked content.
func eicarText() []byte {
	e := unpacktest.Eicar()
	return unpacktest.Join(unpacktest.Pages(500), e[20:], []byte("\n"), e)
}

func TestZip(t *testing.T) {
	t.Parallel()
	harmless, evil := unpacktest.Pages(3000), eicarText()
	plain := unpacktest.ZipOf(
		t,
		unpacktest.Zipped{Name: "a.txt", Content: harmless, Method: 8},
		unpacktest.Zipped{Name: "b.txt", Content: harmless},
	)
	deflate, stored := uint16(8), uint16(0)
	bad := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: evil, Method: 8})
	ppmd := unpacktest.Zipped{Name: "a", Content: harmless, Method: 98, Packed: []byte("PPMd, say")}
	png := []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 50) + "IEND\xaeB`\x82")
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "ordinary", Content: plain, Want: unpacktest.Clean},
		{Name: "empty", Content: unpacktest.ZipOf(t), Want: unpacktest.Clean},
		{Name: "from a stream", Content: unpacktest.GoZip(t, "a", harmless), Want: unpacktest.Clean},
		{Name: "infected", Content: bad, Want: unpacktest.Infected},
		{
			Name:    "zip64 header",
			Content: unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: harmless, Method: 8, Wide: true}),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "zip64 header, infected",
			Content: unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: evil, Method: 8, Wide: true}),
			Want:    unpacktest.Infected,
		},
		{
			Name: "zip64 everywhere, infected",
			Content: unpacktest.ZipOf(
				t,
				unpacktest.Zipped{Name: "a", Content: evil, Method: 8, Wide: true, Listed64: true},
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "zip64 from a stream, infected",
			Content: unpacktest.ZipOf(
				t,
				unpacktest.Zipped{Name: "a", Content: evil, Method: 8, Wide: true, Described: true},
			),
			Want: unpacktest.Infected,
		},
		{
			Name:    "lzma",
			Content: one(unpacktest.Zipped{Method: 14}, unpacktest.ZipLZMAOf)(t, harmless),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "lzma, infected",
			Content: one(unpacktest.Zipped{Method: 14}, unpacktest.ZipLZMAOf)(t, evil),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "zstd",
			Content: one(unpacktest.Zipped{Method: 93}, unpacktest.ZstdOf)(t, harmless),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "zstd, infected",
			Content: one(unpacktest.Zipped{Method: 93}, unpacktest.ZstdOf)(t, evil),
			Want:    unpacktest.Infected,
		},
		{Name: "unknown method", Content: unpacktest.ZipOf(t, ppmd), Want: "unsupported-archive"},
		{
			Name:    "unknown method beside an infected zip64",
			Content: unpacktest.ZipOf(t, ppmd, unpacktest.Zipped{Name: "b", Content: evil, Method: 8, Wide: true}),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "two headers of one member",
			Content: unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: evil, Method: 8, LocalMethod: &stored}),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "two headers of one stored member",
			Content: unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: harmless, LocalMethod: &deflate}),
			Want:    unpacktest.Clean,
		},
		{Name: "then another", Content: unpacktest.Join(bad, plain), Want: unpacktest.Infected},
		{Name: "harmless then another", Content: unpacktest.Join(plain, plain), Want: unpacktest.Clean},
		{Name: "then text", Content: unpacktest.Join(plain, harmless), Want: unpacktest.Clean},
		{
			Name:    "infected then much text",
			Content: unpacktest.Join(bad, bytes.Repeat([]byte("x"), 70<<10)),
			Want:    unpacktest.Infected,
		},
		{Name: "without its directory", Content: plain[:bytes.Index(plain, []byte("PK\x01\x02"))], Want: "damaged"},
		{
			Name:    "without its directory, infected",
			Content: bad[:bytes.Index(bad, []byte("PK\x01\x02"))],
			Want:    unpacktest.Infected,
		},
		{Name: "without its end", Content: plain[:len(plain)-10], Want: "damaged"},
		{Name: "cut in half", Content: plain[:len(plain)/2], Want: "damaged"},
		{Name: "first 100 bytes", Content: plain[:100], Want: "damaged"},
		{Name: "bit flipped in a member", Content: unpacktest.Flipped(plain, 200), Want: "damaged"},
		{
			Name:    "bit flipped in a stored member",
			Content: unpacktest.Flipped(plain, bytes.Index(plain, []byte("b.txt"))+300), Want: "damaged",
		},
		{Name: "split marker", Content: unpacktest.Join([]byte("PK\x07\x08"), plain), Want: "unsupported-archive"},
		{
			Name:    "split marker, infected",
			Content: unpacktest.Join([]byte("PK\x07\x08"), unpacktest.Wide64(t)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "split marker of a zip in one piece",
			Content: unpacktest.Join([]byte("PK00"), plain),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "split marker of a zip in one piece, zip64",
			Content: unpacktest.Join([]byte("PK00"), unpacktest.Wide64(t)),
			Want:    unpacktest.Infected,
		},
		{Name: "member cut out of the directory", Content: unlisted(t, evil), Want: unpacktest.Infected},
		{
			Name:    "an empty end record in a program",
			Content: unpacktest.Join(png, []byte("PK\x05\x06"), make([]byte, 40)),
			Want:    unpacktest.Clean,
		},
		{
			Name: "behind a picture",
			Content: unpacktest.Join(
				png,
				unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: evil, Method: 8, Wide: true}),
			),
			Want: unpacktest.Infected,
		},
	})
}

// unlisted is a zip with two members, of which the directory lists the second.
func unlisted(t testing.TB, content []byte) []byte {
	one := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "hidden", Content: content, Method: 8})
	hidden := one[:bytes.Index(one, []byte("PK\x01\x02"))]
	rest := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "shown", Content: unpacktest.Pages(100)})
	out := unpacktest.Join(hidden, rest)
	end := bytes.LastIndex(out, []byte("PK\x05\x06"))
	copy(out[end+16:], unpacktest.LE(uint32(bytes.LastIndex(out, []byte("PK\x01\x02")))))
	entry := bytes.LastIndex(out, []byte("PK\x01\x02"))
	copy(out[entry+42:], unpacktest.LE(uint32(len(hidden))))
	return out
}

func TestZipsOfOthers(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	for name, want := range map[string]string{
		"zip64": unpacktest.Clean, "lzma": unpacktest.Clean, "xz": unpacktest.Clean, "bzip2": unpacktest.Clean,
		"deflate64": unpacktest.Clean, "deflate64-far": unpacktest.Clean, "ppmd": "unsupported-archive",
	} {
		whole := unpacktest.Fixture(t, name+".zip")
		samples = append(samples, unpacktest.Sample{Name: name, Content: whole, Want: want})
		if want == unpacktest.Clean {
			samples = append(
				samples,
				unpacktest.Sample{Name: name + " with a bit flipped", Content: unpacktest.Flipped(whole, 300), Want: "damaged"},
			)
		}
	}
	unpacktest.Try(t, formats.All(), samples)
}

func TestOpenDocument(t *testing.T) {
	t.Parallel()
	manifest := func(name, text string) []byte {
		return unpacktest.ZipOf(t, unpacktest.Zipped{
			Name:    "mimetype",
			Content: []byte("application/vnd.oasis.opendocument.text"),
		},
			unpacktest.Zipped{Name: name, Content: []byte(text), Method: 8}, unpacktest.Zipped{
				Name:    "content.xml",
				Content: unpacktest.Pages(500), Method: 8,
			})
	}
	const entry = `<manifest:manifest><manifest:file-entry full-path="content.xml">%s` +
		`</manifest:file-entry></manifest:manifest>`
	const epub = `<encryption><EncryptedData><EncryptionMethod Algorithm="http://www.%s"/></EncryptedData></encryption>`
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "plain", Content: manifest("META-INF/manifest.xml", fmt.Sprintf(entry, "")), Want: unpacktest.Clean},
		{
			Name:    "encrypted",
			Content: manifest("META-INF/manifest.xml", fmt.Sprintf(entry, "<manifest:encryption-data/>")),
			Want:    "encrypted",
		},
		{
			Name:    "EPUB with disguised fonts",
			Content: manifest("META-INF/encryption.xml", fmt.Sprintf(epub, "idpf.org/2008/embedding")),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "EPUB encrypted",
			Content: manifest("META-INF/encryption.xml", fmt.Sprintf(epub, "w3.org/2001/04/xmlenc#aes256-cbc")),
			Want:    "encrypted",
		},
	})
}

func checker() unpack.Checker { return unpack.Checker{Formats: formats.All()} }
