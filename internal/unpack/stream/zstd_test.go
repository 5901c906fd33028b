package stream_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestSkippableFrames checks that skippable frames may stand before other frames.
func TestSkippableFrames(t *testing.T) {
	t.Parallel()
	frame := func(content []byte) []byte {
		return unpacktest.Join([]byte("\x5e\x2a\x4d\x18"), unpacktest.LE(uint32(len(content))), content)
	}
	skipped := unpacktest.Join(frame(nil), frame(unpacktest.Pages(300)))
	samples := unpacktest.Pair("zstd", func(b []byte) []byte {
		return unpacktest.Join(skipped, unpacktest.ZstdOf(t, b), skipped)
	})
	samples = append(samples, unpacktest.Pair("lz4", func(b []byte) []byte {
		return unpacktest.Join(skipped, unpacktest.Lz4Of(t, b))
	})...)
	samples = append(samples, unpacktest.Pair("a container in one", func(b []byte) []byte {
		return frame(unpacktest.GzipOf(t, b))
	})...)
	packed := unpacktest.ZstdOf(t, unpacktest.Pages(5000))
	samples = append(samples,
		unpacktest.Sample{Name: "zstd, cut", Content: unpacktest.Join(skipped, packed[:300]), Want: "damaged"},
		unpacktest.Sample{Name: "cut", Content: skipped[:200], Want: "damaged"},
		unpacktest.Sample{Name: "nothing else", Content: skipped, Want: unpacktest.Clean},
		unpacktest.Sample{
			Name: "zstd 0.7", Want: "unsupported-archive",
			Content: unpacktest.Join([]byte("\x27\xb5\x2f\xfd"), packed[4:]),
		},
	)
	unpacktest.Try(t, formats.All(), samples)
}
