package arj_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// Bits of a file's header.
const (
	garbled = 1 << 0
	volume  = 1 << 2
)

func TestARJ(t *testing.T) {
	t.Parallel()
	text, packed := unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	plain := unpacktest.ArjOf(0, text)
	var samples []unpacktest.Sample
	for _, name := range []string{"d", "method1", "method2", "method3", "method4"} {
		whole := unpacktest.Fixture(t, name+".arj")
		samples = append(samples,
			unpacktest.Sample{Name: name, Content: whole, Want: unpacktest.Clean},
			unpacktest.Sample{
				Name:    name + " with a bit flipped",
				Content: unpacktest.Flipped(whole, 400),
				Want:    "damaged",
			},
			unpacktest.Sample{Name: name + " cut", Content: whole[:len(whole)/2], Want: "damaged"})
	}
	unpacktest.Try(t, formats.All(), append(samples, []unpacktest.Sample{
		{Name: "stored", Content: plain, Want: unpacktest.Clean},
		{Name: "stored, infected", Content: unpacktest.ArjOf(0, unpacktest.Eicar()), Want: unpacktest.Infected},
		{Name: "with a gzip", Content: unpacktest.ArjOf(0, packed), Want: unpacktest.Infected},
		{Name: "and a gzip", Content: unpacktest.Join(plain, packed), Want: unpacktest.Infected},
		{Name: "behind a program", Content: unpacktest.Join(unpacktest.ELF(), plain), Want: unpacktest.Clean},
		{
			Name:    "behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.ArjOf(0, packed)),
			Want:    unpacktest.Infected,
		},
		{Name: "encrypted", Content: unpacktest.ArjOf(garbled, text), Want: "encrypted"},
		{
			Name:    "encrypted behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.ArjOf(garbled, text)),
			Want:    "encrypted",
		},
		{Name: "first of several", Content: unpacktest.ArjOf(volume, text), Want: "unsupported-archive"},
		{Name: "first of several, infected", Content: unpacktest.ArjOf(volume, packed), Want: unpacktest.Infected},
		{Name: "cut", Content: plain[:2000], Want: "damaged"},
		{Name: "without its end", Content: plain[:len(plain)-4], Want: "damaged"},
		{Name: "with a bit flipped", Content: unpacktest.Flipped(plain, 1000), Want: "damaged"},
	}...))
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "stored", Pack: func(_ testing.TB, b []byte) []byte { return unpacktest.ArjOf(0, b) }, Head: 45},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzARJ(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		unpacktest.Fixture(f, "method1.arj"),
		unpacktest.Fixture(f, "method2.arj"),
		unpacktest.Fixture(f, "method4.arj"),
	)
}
