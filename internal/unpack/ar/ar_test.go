package ar_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func TestAr(t *testing.T) {
	t.Parallel()
	harmless, packed := unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	deb := unpacktest.ArOf(
		[]byte("2.0\n"),
		unpacktest.GzipOf(t, unpacktest.TarOf(t, harmless)),
		unpacktest.GzipOf(t, unpacktest.TarOf(t, unpacktest.Eicar())),
	)
	bsd := unpacktest.Join(unpacktest.ArOf(unpacktest.Join([]byte("name"), packed)))
	copy(bsd[8:], "#1/4            ")
	table := unpacktest.ArOf(packed)
	copy(table[8:], "//              ")
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "deb", Content: unpacktest.Fixture(t, "xz-members.deb"), Want: unpacktest.Clean},
		{Name: "deb with zstd", Content: unpacktest.Fixture(t, "zstd-members.deb"), Want: unpacktest.Clean},
		{Name: "deb infected", Content: deb, Want: unpacktest.Infected},
		{Name: "deb cut", Content: deb[:len(deb)-20], Want: unpacktest.Infected},
		{Name: "cut", Content: unpacktest.ArOf(harmless)[:1000], Want: "damaged"},
		{Name: "with a gzip", Content: unpacktest.ArOf(packed), Want: unpacktest.Infected},
		{
			Name:    "with a gzip behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.ArOf(packed)),
			Want:    unpacktest.Infected,
		},
		{Name: "name of BSD in front of a gzip", Content: bsd, Want: unpacktest.Infected},
		{Name: "table of names that is a gzip", Content: table, Want: unpacktest.Infected},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "ar", Pack: func(_ testing.TB, b []byte) []byte { return unpacktest.ArOf([]byte("2.0\n"), b) }, Head: 9},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzAr(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
