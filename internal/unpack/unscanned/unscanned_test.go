package unscanned_test

import (
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
	"github.com/lazaret/lazaret/internal/unpack/unscanned"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// TestKinds checks that a signature is found in kinds of files that clamd does not
// scan.
func TestKinds(t *testing.T) {
	t.Parallel()
	evil := unpacktest.Join(unpacktest.Pages(100), unpacktest.Eicar())
	var samples []unpacktest.Sample
	for _, m := range unscanned.Format().Magics {
		with := func(content []byte) []byte { return unpacktest.Join([]byte(m.Text), content) }
		samples = append(samples,
			unpacktest.Sample{Name: fmt.Sprintf("%q", m.Text), Content: with(evil), Want: unpacktest.Infected},
			unpacktest.Sample{
				Name: fmt.Sprintf("%q, harmless", m.Text), Content: with(unpacktest.Pages(1000)),
				Want: unpacktest.Clean,
			},
			unpacktest.Sample{
				Name: fmt.Sprintf("%q and a zip", m.Text), Content: with(unpacktest.Wide64(t)),
				Want: unpacktest.Infected,
			},
		)
	}
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzUnscanned(f *testing.F) {
	seeds := [][]byte{}
	for _, m := range unscanned.Format().Magics {
		seeds = append(
			seeds,
			[]byte(m.Text),
			unpacktest.Join([]byte(m.Text), unpacktest.GzipOf(f, unpacktest.Pages(300))),
		)
	}
	unpacktest.Fuzz(f, formats.All(), nil, seeds...)
}
