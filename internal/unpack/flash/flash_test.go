package flash_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func zlibFilm(t testing.TB, content []byte) []byte {
	return unpacktest.Join([]byte("CWS\x06"), unpacktest.LE(uint32(8+len(content))), unpacktest.ZlibOf(t, content))
}

func lzmaFilm(t testing.TB, content []byte) []byte {
	packed := unpacktest.LzmaOf(t, content)
	stream := packed[13:]
	sizes := unpacktest.LE(uint32(8+len(content)), uint32(len(stream)))
	return unpacktest.Join([]byte("ZWS\x0d"), sizes, packed[:5], stream)
}

func TestFilms(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	for name, film := range map[string]func(testing.TB, []byte) []byte{"zlib": zlibFilm, "lzma": lzmaFilm} {
		samples = append(samples, unpacktest.Pair(name, func(b []byte) []byte { return film(t, b) })...)
		samples = append(samples, unpacktest.Pair(name+", within text", func(b []byte) []byte {
			return unpacktest.Join(unpacktest.Pages(5000), film(t, b), unpacktest.Pages(9000))
		})...)
		samples = append(samples, unpacktest.Pair(name+", container in the film", func(b []byte) []byte {
			return film(t, unpacktest.Join(make([]byte, 100), unpacktest.ZstdOf(t, b)))
		})...)
		// The film that is shown has a header of its own.
		content := unpacktest.Pages(700)
		uncompressed := unpacktest.Join([]byte("FWS"), film(t, content)[3:8], content)
		samples = append(samples, unpacktest.Sample{
			Name: name + ", uncompressed", Want: unpacktest.Clean, Content: uncompressed,
		})
		c := unpack.Checker{Formats: formats.All()}
		got := unpacktest.Check(t, c, film(t, content), unpacktest.Exact(uncompressed))
		if v := unpacktest.Verdict(got); v != unpacktest.Infected {
			t.Errorf("%s: got %q, want the film shown as it was before it was compressed", name, v)
		}
	}
	samples = append(samples, unpacktest.Sample{
		Name: "text with the signature", Want: unpacktest.Clean,
		Content: unpacktest.Join([]byte("CWS and more"), unpacktest.Pages(99)),
	})
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzFlash(f *testing.F) {
	unpacktest.Fuzz(f, formats.All(), nil, zlibFilm(f, unpacktest.Pages(300)), lzmaFilm(f, unpacktest.Pages(300)))
}
