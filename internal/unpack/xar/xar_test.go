package xar_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const (
	gz  = "application/x-gzip"
	raw = "application/octet-stream"
)

func TestXAR(t *testing.T) {
	t.Parallel()
	text, packed := unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "zlib", Content: unpacktest.XarOf(t, gz, unpacktest.ZlibOf(t, text)), Want: unpacktest.Clean},
		{
			Name:    "zlib, infected",
			Content: unpacktest.XarOf(t, gz, unpacktest.ZlibOf(t, packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "zlib behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.XarOf(t, gz, unpacktest.ZlibOf(t, packed))),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "xz, infected",
			Content: unpacktest.XarOf(t, "application/x-xz", unpacktest.XzOf(t, packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "xz",
			Content: unpacktest.XarOf(t, "application/x-xz", unpacktest.XzOf(t, text)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "lzma, infected",
			Content: unpacktest.XarOf(t, "application/x-lzma", unpacktest.LzmaOf(t, packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "bzip2, infected",
			Content: unpacktest.XarOf(t, "application/x-bzip2", unpacktest.Bzip2Eicar(t)),
			Want:    unpacktest.Infected,
		},
		{Name: "stored", Content: unpacktest.XarOf(t, raw, text), Want: unpacktest.Clean},
		{Name: "stored, infected", Content: unpacktest.XarOf(t, raw, packed), Want: unpacktest.Infected},
		{
			Name:    "unknown method",
			Content: unpacktest.XarOf(t, "application/x-unknown", text),
			Want:    "unsupported-archive",
		},
		{Name: "zlib cut", Content: unpacktest.XarOf(t, gz, unpacktest.ZlibOf(t, text))[:800], Want: "damaged"},
		{
			Name:    "zlib with a bit flipped",
			Content: unpacktest.Flipped(unpacktest.XarOf(t, gz, unpacktest.ZlibOf(t, text)), 800),
			Want:    "damaged",
		},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "stored", Pack: func(t testing.TB, b []byte) []byte { return unpacktest.XarOf(t, raw, b) }, Head: 28},
		{
			Name: "zlib",
			Pack: func(t testing.TB, b []byte) []byte { return unpacktest.XarOf(t, gz, unpacktest.ZlibOf(t, b)) },
			Head: 28,
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzXAR(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
