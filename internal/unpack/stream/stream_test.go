package stream_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "gzip", Pack: unpacktest.GzipOf, Head: 2},
		{Name: "xz", Pack: unpacktest.XzOf, Head: 6},
		{Name: "zstd", Pack: unpacktest.ZstdOf, Head: 4},
		{Name: "lz4", Pack: unpacktest.Lz4Of, Head: 4},
		{Name: "lzma", Pack: unpacktest.LzmaOf, Head: 18},
		{Name: "lzip", Pack: unpacktest.LzipOf, Head: 5},
		{Name: "snappy", Pack: unpacktest.SnappyOf, Head: 14},
		{
			Name:    "compress",
			Pack:    func(_ testing.TB, b []byte) []byte { return unpacktest.ZOf(b) },
			Head:    3,
			Endless: true,
		},
		{Name: "zlib", Pack: unpacktest.ZlibOf, Head: 2, Endless: true, Unsearched: true},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzStreams(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
