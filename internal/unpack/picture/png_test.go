package picture_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// pngOf returns a picture of one pixel that has one more chunk behind its header.
func pngOf(kind string, data []byte) []byte {
	chunk := func(kind string, data []byte) []byte {
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind...)
		out = append(out, data...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
	}
	return unpacktest.Join([]byte("\x89PNG\r\n\x1a\n"),
		chunk("IHDR", []byte("\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00")), chunk(kind, data),
		chunk("IDAT", []byte("\x78\x9c\x63\x00\x01\x00\x00\x05\x00\x01")), chunk("IEND", nil))
}

func containers() []unpacktest.Container {
	of := func(kind, head string) unpacktest.Container {
		return unpacktest.Container{Name: kind, Head: 8, Endless: true, Pack: func(t testing.TB, content []byte) []byte {
			return pngOf(kind, unpacktest.Join([]byte(head), unpacktest.ZlibOf(t, content)))
		}}
	}
	return []unpacktest.Container{
		of("zTXt", "Comment\x00\x00"),
		of("iCCP", "profile\x00\x00"),
		of("iTXt", "XML:com.adobe.xmp\x00\x01\x00en\x00name\x00"),
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func TestPNG(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	for _, c := range containers() {
		samples = append(samples, unpacktest.Pair(c.Name, func(b []byte) []byte { return c.Pack(t, b) })...)
	}
	samples = append(samples, unpacktest.Pair("within an icon", func(b []byte) []byte {
		icon := unpacktest.LE(uint16(0), uint16(1), uint16(1), uint32(0), uint32(0), uint32(99), uint32(22))
		return unpacktest.Join(icon, containers()[0].Pack(t, b))
	})...)
	samples = append(samples,
		clean("text that is not compressed", pngOf("iTXt", []byte("a\x00\x00\x00\x00\x00b"))),
		clean("text without a zlib stream", pngOf("zTXt", []byte("a\x00\x00bbbbbbbbb"))),
		clean("profile that is too short", pngOf("iCCP", []byte("a\x00"))),
	)
	unpacktest.Try(t, formats.All(), samples)
}

func clean(name string, content []byte) unpacktest.Sample {
	return unpacktest.Sample{Name: name, Content: content, Want: unpacktest.Clean}
}

// TestManyMagics checks that magics which lead to the same chunks do not cost the
// square of their number.
func TestManyMagics(t *testing.T) {
	t.Parallel()
	const half = 256 << 10
	var content []byte
	for len(content) < half {
		content = append(content, "\x89PNG\r\n\x1a\n"...)
		content = binary.BigEndian.AppendUint32(content, uint32(half-len(content)))
		content = append(content, "skip"...)
	}
	content = append(content, make([]byte, half)...)
	if got, spent := unpacktest.Bounded(t, formats.All(), content); got.Outcome != unpack.Clean {
		t.Errorf("got %+v after reading %d bytes, want clean", got, spent.Read)
	}
}

func FuzzPNG(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
