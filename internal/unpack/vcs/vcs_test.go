package vcs_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// deltaPack returns a pack with a difference to an object whose name has so many
// bytes, and then an object with content.
func deltaPack(t testing.TB, nameSize int, content []byte) []byte {
	const typeBlob, typeNameDelta = 0x30, 0x70
	name := make([]byte, nameSize)
	for i := range name {
		name[i] = 0xff
	}
	return unpacktest.Join([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x02"),
		[]byte{typeNameDelta | 5}, name, unpacktest.ZlibOf(t, []byte("delta")),
		[]byte{typeBlob | 0x8f, byte(len(content) >> 4)}, unpacktest.ZlibOf(t, content))
}

// bundle2 returns a bundle of Mercurial's second version whose parts are compressed.
func bundle2(compressed []byte) []byte {
	return unpacktest.Join([]byte("HG20\x00\x00\x00\x0eCompression=GZ"), compressed)
}

func TestPacks(t *testing.T) {
	t.Parallel()
	text := unpacktest.Pages(200)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "git pack", Content: unpacktest.GitOf(t, text), Want: unpacktest.Clean},
		{Name: "git pack, infected", Content: unpacktest.GitOf(t, unpacktest.Eicar()), Want: unpacktest.Infected},
		{
			Name:    "git bundle",
			Content: unpacktest.Join([]byte("# v2 git bundle\n"), unpacktest.GitOf(t, unpacktest.Eicar())),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "git pack behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.GitOf(t, unpacktest.Eicar())),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "magic in a program",
			Content: unpacktest.Join(unpacktest.ELF(), []byte("PACK\x00\x00\x00\x00\x00\x00"), text),
			Want:    unpacktest.Clean,
		},
		{Name: "git pack, cut", Content: unpacktest.GitOf(t, unpacktest.Pages(900))[:60], Want: "damaged"},
		{Name: "name in SHA-1", Content: deltaPack(t, 20, unpacktest.Eicar()), Want: unpacktest.Infected},
		{Name: "name in SHA-256", Content: deltaPack(t, 32, unpacktest.Eicar()), Want: unpacktest.Infected},
		{Name: "name in SHA-256, harmless", Content: deltaPack(t, 32, text), Want: unpacktest.Clean},
		{
			Name:    "Mercurial bundle",
			Content: unpacktest.Join([]byte("HG10GZ"), unpacktest.ZlibOf(t, unpacktest.Eicar())),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "Mercurial bundle of version 2",
			Content: bundle2(unpacktest.ZlibOf(t, unpacktest.Eicar())),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "Mercurial bundle of version 2, harmless",
			Content: bundle2(unpacktest.ZlibOf(t, text)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "Mercurial bundle of version 2, cut",
			Content: bundle2(unpacktest.ZlibOf(t, text))[:80],
			Want:    "damaged",
		},
		{
			Name:    "Mercurial bundle of version 2, not compressed",
			Content: unpacktest.Join([]byte("HG20\x00\x00\x00\x00"), unpacktest.Eicar()),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "Mercurial bundle, harmless",
			Content: unpacktest.Join([]byte("HG10GZ"), unpacktest.ZlibOf(t, text)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "Mercurial bundle, cut",
			Content: unpacktest.Join([]byte("HG10GZ"), unpacktest.ZlibOf(t, text))[:60],
			Want:    "damaged",
		},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{
		Name: "Mercurial bundle",
		Pack: func(t testing.TB, b []byte) []byte { return unpacktest.Join([]byte("HG10GZ"), unpacktest.ZlibOf(t, b)) },
		Head: 6, Unsearched: true,
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzPacks(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
