package activemime_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// fileOf returns a file as Office writes it, but for extra bytes in its header.
func fileOf(t testing.TB, extra int, content []byte) []byte {
	header := unpacktest.Join([]byte("ActiveMime\x00\x00\x01\xf0\x04\x00\x00\x00\xff\xff\xff\xff\x00\x00\x07\xf0"),
		unpacktest.LE(uint32(4+extra), uint32(1)), make([]byte, 14+extra), unpacktest.LE(uint32(len(content))))
	return append(header, unpacktest.ZlibOf(t, content)...)
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{
		Name: "ActiveMime", Head: 10, Unsearched: true,
		Pack: func(t testing.TB, content []byte) []byte { return fileOf(t, 0, content) },
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func TestActiveMime(t *testing.T) {
	t.Parallel()
	samples := unpacktest.Pair("as Office writes it", func(b []byte) []byte { return fileOf(t, 0, b) })
	samples = append(samples, unpacktest.Pair("long header", func(b []byte) []byte { return fileOf(t, 700, b) })...)
	samples = append(samples, unpacktest.Pair("headers of zlib in front", func(b []byte) []byte {
		content := fileOf(t, 200, b)
		copy(content[60:], "x\x9cx\x9cx\x01x\xda")
		return content
	})...)
	samples = append(samples, unpacktest.Sample{
		Name: "no zlib stream", Want: "damaged", Content: append([]byte("ActiveMime\x00\x00"), unpacktest.Pages(300)...),
	})
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzActiveMime(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
