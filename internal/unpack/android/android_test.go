package android_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func TestAndroid(t *testing.T) {
	t.Parallel()
	text := unpacktest.Pages(3000)
	backup := unpacktest.AndroidOf(t, "none", unpacktest.TarOf(t, text))
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "harmless", Content: backup, Want: unpacktest.Clean},
		{
			Name:    "infected",
			Content: unpacktest.AndroidOf(t, "none", unpacktest.TarOf(t, unpacktest.Eicar())),
			Want:    unpacktest.Infected,
		},
		{
			Name: "stored, infected",
			Content: unpacktest.Join(
				[]byte("ANDROID BACKUP\n5\n0\nnone\n"),
				unpacktest.TarOf(t, unpacktest.GzipOf(t, unpacktest.Eicar())),
			),
			Want: unpacktest.Infected,
		},
		{Name: "encrypted", Content: unpacktest.AndroidOf(t, "AES-256", text), Want: "encrypted"},
		{Name: "cut", Content: backup[:100], Want: "damaged"},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{
		Name: "backup",
		Pack: func(t testing.TB, b []byte) []byte { return unpacktest.AndroidOf(t, "none", b) },
		Head: 15, Unsearched: true,
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzAndroid(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
