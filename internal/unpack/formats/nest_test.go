package formats_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// packer puts content into a container.
type packer struct {
	name string
	pack func(t testing.TB, content []byte) []byte
}

func packers() []packer {
	plain := func(f func([]byte) []byte) func(testing.TB, []byte) []byte {
		return func(_ testing.TB, b []byte) []byte { return f(b) }
	}
	zipped := func(z unpacktest.Zipped) func(testing.TB, []byte) []byte {
		return func(t testing.TB, b []byte) []byte {
			z.Name, z.Content = "a", b
			return unpacktest.ZipOf(t, z)
		}
	}
	return []packer{
		{"gzip", unpacktest.GzipOf},
		{"xz", unpacktest.XzOf},
		{"zstd", unpacktest.ZstdOf},
		{"lz4", unpacktest.Lz4Of},
		{"lzma", unpacktest.LzmaOf},
		{"lzip", unpacktest.LzipOf},
		{"zip", func(t testing.TB, b []byte) []byte { return unpacktest.GoZip(t, "a", b) }},
		{"zip, stored", zipped(unpacktest.Zipped{})},
		{"zip with zip64 sizes", zipped(unpacktest.Zipped{Method: 8, Wide: true, Listed64: true})},
		{"7z", plain(func(b []byte) []byte { return unpacktest.SevenOf([]byte{0}, b, b) })},
		{"tar", func(t testing.TB, b []byte) []byte { return unpacktest.TarOf(t, b) }},
		{"cpio", plain(unpacktest.CpioOf)},
		{"ar", plain(func(b []byte) []byte { return unpacktest.ArOf(b) })},
		{"mail", plain(unpacktest.MailOf)},
		{"CD image", plain(unpacktest.IsoOf)},
		{"uuencode", plain(unpacktest.UuOf)},
	}
}

// TestEveryPair checks that content is scanned byte for byte in any container within
// any other.
func TestEveryPair(t *testing.T) {
	t.Parallel()
	payload := append(unpacktest.Pages(700), unpacktest.Eicar()...)
	c := unpack.Checker{Formats: formats.All()}
	for _, outer := range packers() {
		t.Run(outer.name, func(t *testing.T) {
			t.Parallel()
			for _, inner := range packers() {
				content := outer.pack(t, inner.pack(t, payload))
				if got := unpacktest.Check(t, c, content, unpacktest.Exact(payload)); got.Outcome != unpack.Found {
					t.Errorf("%s in %s: got %+v, want its content scanned", inner.name, outer.name, got)
				}
			}
		})
	}
}

// FuzzNest checks that EICAR is found, or the file refused, wherever EICAR stands.
func FuzzNest(f *testing.F) {
	for i := range packers() {
		f.Add([]byte{byte(i)}, byte(0), []byte("appended"))
		f.Add([]byte{byte(i), byte(i + 3), byte(i + 7)}, byte(i), []byte(nil))
	}
	before := [][]byte{
		nil, unpacktest.ELF(), unpacktest.PNG(), []byte("#!/bin/sh\nexit\n"), unpacktest.Pages(100), unpacktest.PdfOf(nil),
	}
	f.Fuzz(func(t *testing.T, nest []byte, prefix byte, after []byte) {
		if len(nest) == 0 || len(nest) > 6 || len(after) > 1<<10 {
			return
		}
		content, names := unpacktest.Eicar(), []string{}
		for _, kind := range nest {
			p := packers()[int(kind)%len(packers())]
			content, names = p.pack(t, content), append(names, p.name)
		}
		content = unpacktest.Join(before[int(prefix)%len(before)], content, after)
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, content, unpacktest.Marker)
		if got.Outcome == unpack.Clean {
			t.Errorf("clean with EICAR in %v, prefix %d, suffix %q", names, prefix, after)
		}
	})
}

// FuzzCheck checks any bytes with all formats.
func FuzzCheck(f *testing.F) {
	var containers []unpacktest.Container
	for _, p := range packers() {
		containers = append(containers, unpacktest.Container{Name: p.name, Pack: p.pack})
	}
	unpacktest.Fuzz(f, formats.All(), containers, unpacktest.Pages(300))
}
