package font_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// woffOf returns a WOFF font of two tables, of which the second is content.
func woffOf(t testing.TB, content, metadata, private []byte) []byte {
	be := binary.BigEndian
	const head, entry = 44, 20
	body := []byte{}
	directory := []byte{}
	add := func(tag string, b []byte) {
		packed := unpacktest.ZlibOf(t, b)
		if len(packed) >= len(b) {
			packed = b
		}
		directory = append(directory, tag...)
		for _, n := range []int{head + 2*entry + len(body), len(packed), len(b), 0} {
			directory = be.AppendUint32(directory, uint32(n))
		}
		body = append(body, unpacktest.Pad4(packed)...)
	}
	add("cmap", []byte("too short to compress"))
	add("glyf", content)
	packed := unpacktest.ZlibOf(t, metadata)
	at := head + 2*entry + len(body)
	out := []byte("wOFF\x00\x01\x00\x00")
	out = be.AppendUint32(out, uint32(at+len(packed)+len(private)))
	out = append(out, 0, 2, 0, 0)
	for _, n := range []int{0, 0, at, len(packed), len(metadata), at + len(packed), len(private)} {
		out = be.AppendUint32(out, uint32(n))
	}
	return unpacktest.Join(out, directory, body, packed, private)
}

// woff2Of returns a WOFF 2 font of one table.
func woff2Of(t testing.TB, content []byte) []byte {
	var packed bytes.Buffer
	w := brotli.NewWriter(&packed)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	be := binary.BigEndian
	out := append([]byte("wOF2\x00\x01\x00\x00\x00\x00\x00\x00"), 0, 1, 0, 0, 0, 0, 0, 0)
	out = append(be.AppendUint32(out, uint32(packed.Len())), make([]byte, 24)...)
	out = append(out, 0x3f, 'n', 'o', 'n', 'e', 0x84, 0x00)
	return append(out, packed.Bytes()...)
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{Name: "WOFF 2", Pack: woff2Of, Head: 55, Unsearched: true}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func TestFonts(t *testing.T) {
	t.Parallel()
	text := unpacktest.Pages(700)
	samples := unpacktest.Pair("table", func(b []byte) []byte { return woffOf(t, b, text, text) })
	samples = append(samples, unpacktest.Pair("metadata", func(b []byte) []byte {
		return woffOf(t, text, b, text)
	})...)
	samples = append(samples, unpacktest.Pair("private data", func(b []byte) []byte {
		return woffOf(t, text, text, b)
	})...)
	samples = append(samples, unpacktest.Pair("container in private data", func(b []byte) []byte {
		return woffOf(t, text, text, unpacktest.ZstdOf(t, b))
	})...)
	samples = append(samples, unpacktest.Pair("WOFF 2", func(b []byte) []byte { return woff2Of(t, b) })...)
	samples = append(samples,
		unpacktest.Sample{Name: "cut", Content: woffOf(t, text, text, text)[:300], Want: "damaged"},
		unpacktest.Sample{Name: "WOFF 2, cut", Content: woff2Of(t, unpacktest.Pages(5000))[:300], Want: "damaged"},
	)
	unpacktest.Try(t, formats.All(), samples)
}

// TestReal checks fonts that fontTools has written. testdata/README.md says how.
func TestReal(t *testing.T) {
	t.Parallel()
	plain := unpacktest.Fixture(t, "t.ttf")
	for _, s := range []struct {
		name string
		want []byte
	}{
		{"t.woff", plain},
		{"t.woff", []byte("private data")},
		{"t.woff", unpacktest.Fixture(t, "metadata.xml")},
		{"t.woff2", []byte("private data")},
		{"t.woff2", unpacktest.Fixture(t, "metadata.xml")},
		{"t.woff2", unpacktest.Fixture(t, "tables")},
	} {
		font := unpacktest.Fixture(t, s.name)
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, font, unpacktest.Exact(s.want))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want content of %d bytes shown byte for byte", s.name, got, len(s.want))
		}
	}
}

func FuzzFont(f *testing.F) {
	text := unpacktest.Pages(300)
	unpacktest.Fuzz(f, formats.All(), containers(), woffOf(f, text, text, text))
}
