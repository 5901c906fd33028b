package rpm_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func TestRPM(t *testing.T) {
	t.Parallel()
	harmless := unpacktest.GzipOf(t, unpacktest.CpioOf(unpacktest.Pages(3000)))
	evil := unpacktest.CpioOf(unpacktest.Eicar())
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "harmless", Content: unpacktest.RpmOf(harmless), Want: unpacktest.Clean},
		{Name: "infected", Content: unpacktest.RpmOf(unpacktest.GzipOf(t, evil)), Want: unpacktest.Infected},
		{Name: "with zstd, infected", Content: unpacktest.RpmOf(unpacktest.ZstdOf(t, evil)), Want: unpacktest.Infected},
		{Name: "without payload", Content: unpacktest.RpmOf(nil), Want: "damaged"},
		{Name: "cut", Content: unpacktest.RpmOf(harmless)[:200], Want: "damaged"},
		{
			Name:    "behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.RpmOf(unpacktest.GzipOf(t, evil))),
			Want:    unpacktest.Infected,
		},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{
		Name: "RPM", Pack: func(t testing.TB, b []byte) []byte {
			return unpacktest.RpmOf(unpacktest.GzipOf(t, unpacktest.CpioOf(b)))
		}, Head: 4,
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzRPM(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
