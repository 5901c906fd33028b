package szdd_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func TestSZDD(t *testing.T) {
	t.Parallel()
	text, packed := unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "harmless", Content: unpacktest.SzddOf(text), Want: unpacktest.Clean},
		{Name: "infected", Content: unpacktest.SzddOf(packed), Want: unpacktest.Infected},
		{
			Name:    "behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.SzddOf(packed)),
			Want:    unpacktest.Infected,
		},
		{Name: "cut", Content: unpacktest.SzddOf(text)[:500], Want: "damaged"},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "SZDD", Pack: func(_ testing.TB, b []byte) []byte { return unpacktest.SzddOf(b) }, Head: 14},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzSZDD(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
