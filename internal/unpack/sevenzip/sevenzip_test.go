package sevenzip_test

import (
	"bytes"
	"hash/crc32"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const begin = "7z\xbc\xaf\x27\x1c\x00\x04"

// headed is a 7z of packed streams and a header that is not packed.
func headed(packed, header []byte) []byte {
	start := unpacktest.LE(uint64(len(packed)), uint64(len(header)), crc32.ChecksumIEEE(header))
	return unpacktest.Join([]byte(begin), unpacktest.LE(crc32.ChecksumIEEE(start)), start, packed, header)
}

// two is a 7z of two folders with one file each, which are not compressed.
func two(method1, content1, method2, content2 []byte) []byte {
	folder := func(method []byte) []byte { return unpacktest.Join([]byte{1, byte(len(method))}, method) }
	sizes := unpacktest.Join(unpacktest.Number7z(len(content1)), unpacktest.Number7z(len(content2)))
	h := unpacktest.Join(
		[]byte{0x01, 0x04, 0x06, 0, 2, 0x09}, sizes, []byte{0},
		[]byte{0x07, 0x0b, 2, 0}, folder(method1), folder(method2), []byte{0x0c}, sizes,
		[]byte{0, 0, 0x05, 2, 0x11, 9, 0, 'a', 0, 0, 0, 'b', 0, 0, 0, 0, 0},
	)
	return headed(unpacktest.Join(content1, content2), h)
}

func TestSevenZip(t *testing.T) {
	t.Parallel()
	harmless, evil := unpacktest.Pages(3000), unpacktest.Eicar()
	packed := unpacktest.GzipOf(t, evil)
	deflate, copied, unknown := []byte{4, 1, 8}, []byte{0}, []byte{0x77, 0x66}
	aes := []byte{6, 0xf1, 7, 1}
	var samples []unpacktest.Sample
	for name, want := range map[string]string{
		"bzip2":       unpacktest.Clean,
		"ppmd":        unpacktest.Clean,
		"arm":         unpacktest.Clean,
		"arm64":       unpacktest.Clean,
		"delta":       unpacktest.Clean,
		"bcj2":        unpacktest.Clean,
		"lzma":        unpacktest.Clean,
		"lzma2":       unpacktest.Clean,
		"plainheader": unpacktest.Clean,
		"deflate64":   "unsupported-archive", "riscv": "unsupported-archive", "swap2": "unsupported-archive",
	} {
		whole := unpacktest.Fixture(t, name+".7z")
		samples = append(samples,
			unpacktest.Sample{Name: name, Content: whole, Want: want},
			unpacktest.Sample{Name: name + " cut", Content: whole[:len(whole)/2], Want: "damaged"})
		if want == unpacktest.Clean {
			samples = append(
				samples,
				unpacktest.Sample{
					Name:    name + " with a bit flipped",
					Content: unpacktest.Flipped(whole, 100),
					Want:    "damaged",
				},
			)
		}
	}
	empty := unpacktest.Join([]byte(begin), unpacktest.LE(crc32.ChecksumIEEE(make([]byte, 20))), make([]byte, 20))
	unpacktest.Try(t, formats.All(), append(samples, []unpacktest.Sample{
		{Name: "password", Content: unpacktest.Fixture(t, "password.7z"), Want: "encrypted"},
		{Name: "password and hidden names", Content: unpacktest.Fixture(t, "password-names.7z"), Want: "encrypted"},
		{
			Name:    "deflate",
			Content: unpacktest.SevenOf(deflate, unpacktest.Deflated(t, harmless), harmless),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "deflate infected",
			Content: unpacktest.SevenOf(deflate, unpacktest.Deflated(t, evil), evil),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "zstd infected",
			Content: unpacktest.SevenOf([]byte{4, 0xf7, 0x11, 1}, unpacktest.ZstdOf(t, evil), evil),
			Want:    unpacktest.Infected,
		},
		{Name: "stored gzip", Content: unpacktest.SevenOf(copied, packed, packed), Want: unpacktest.Infected},
		{
			Name:    "unknown method",
			Content: unpacktest.SevenOf(unknown, harmless[:500], harmless),
			Want:    "unsupported-archive",
		},
		{
			Name:    "unknown method before an infected member",
			Content: two(unknown, harmless, copied, packed),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "unknown method behind an infected member",
			Content: two(copied, packed, unknown, harmless),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "unknown method before a harmless member",
			Content: two(unknown, harmless, copied, harmless),
			Want:    "unsupported-archive",
		},
		{
			Name:    "encrypted member before an infected one",
			Content: two(aes, harmless, copied, packed),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "encrypted member before a harmless one",
			Content: two(aes, harmless, copied, harmless),
			Want:    "encrypted",
		},
		{
			Name:    "method without its properties before an infected member",
			Content: two([]byte{0x21}, harmless, copied, packed),
			Want:    unpacktest.Infected,
		},
		{Name: "empty", Content: empty, Want: unpacktest.Clean},
		{Name: "empty and a gzip", Content: unpacktest.Join(empty, packed), Want: unpacktest.Infected},
		{
			Name:    "and a gzip",
			Content: unpacktest.Join(unpacktest.Fixture(t, "lzma.7z"), packed),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.Fixture(t, "bzip2.7z")),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.SevenOf(deflate, unpacktest.Deflated(t, evil), evil)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "behind a program, cut",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.Fixture(t, "lzma.7z")[:300]),
			Want:    "damaged",
		},
	}...))
}

// TestAnnouncedCounts checks that a small header that announces billions of items costs
// no memory for them.
func TestAnnouncedCounts(t *testing.T) {
	t.Parallel()
	huge := []byte{0xf0, 0xff, 0xff, 0xff, 0x7f}
	for name, h := range map[string][]byte{
		"files":   unpacktest.Join([]byte{1, 5}, huge, []byte{0, 0}),
		"folders": unpacktest.Join([]byte{1, 4, 7, 0x0b}, huge, []byte{0}),
		"streams": unpacktest.Join([]byte{1, 4, 6, 0}, huge, []byte{0x0a, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := unpacktest.Bounded(t, formats.All(), headed(nil, h))
			if v := unpacktest.Verdict(got); v != "damaged" && v != "limit-files" {
				t.Errorf("got %+v, want a refusal", got)
			}
		})
	}
	if !bytes.Equal(unpacktest.Number7z(1), []byte{0xf0, 1, 0, 0, 0}) {
		t.Error("Number7z is not 7z's")
	}
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name: "stored",
			Pack: func(_ testing.TB, b []byte) []byte { return unpacktest.SevenOf([]byte{0}, b, b) },
			Head: 6,
		},
		{
			Name: "deflate",
			Pack: func(t testing.TB, b []byte) []byte {
				return unpacktest.SevenOf([]byte{4, 1, 8}, unpacktest.Deflated(t, b), b)
			},
			Head: 6,
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// Fuzz7z corrects checksums, so that the fuzzer gets beyond them.
func Fuzz7z(f *testing.F) {
	text := unpacktest.Pages(300)
	f.Add(unpacktest.SevenOf([]byte{0x77}, text, text))
	f.Add(unpacktest.SevenOf([]byte{4, 0xf7, 0x11, 1}, unpacktest.ZstdOf(f, text), text))
	f.Add(two([]byte{0}, text, []byte{0x77}, text))
	f.Add(unpacktest.Join(unpacktest.SevenOf([]byte{0}, text, text), unpacktest.GzipOf(f, text)))
	seeds := []string{"lzma", "lzma2", "plainheader", "ppmd", "bcj2", "delta", "password", "password-names"}
	for _, name := range seeds {
		f.Add(unpacktest.Fixture(f, name+".7z"))
	}
	for _, c := range containers() {
		f.Add(c.Pack(f, text))
	}
	f.Fuzz(func(t *testing.T, content []byte) { unpacktest.Bounded(t, formats.All(), unpacktest.Sum7z(content)) })
}
