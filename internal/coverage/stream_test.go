package coverage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

func gzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, gzip.NewWriter(&b), content)
}

func xzOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

func lz4Of(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, lz4.NewWriter(&b), content)
}

// tarOf is a tar of members with alternating names and contents.
func tarOf(t testing.TB, contents ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, c := range contents {
		if err := w.WriteHeader(&tar.Header{Name: string(rune('a' + i)), Mode: 0o600, Size: int64(len(c))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wide64 is an infected zip that clamd cannot open: what shows whether anything
// was unpacked by us.
func wide64(t testing.TB) []byte {
	return zipOf(t, zipped{name: "evil", content: eicarText(), method: 8, wide: true})
}

func TestStreams(t *testing.T) {
	t.Parallel()
	harmless, evil := pages(3000), eicarText()
	gz, xz := gzipOf(t, harmless), xzOf(t, harmless)
	try(t, []sample{
		{name: "text", content: harmless, want: "covered"},
		{name: "nothing", content: nil, want: "covered"},
		{name: "gzip", content: gz, want: "covered"},
		{name: "gzip of two members", content: join(gz, gzipOf(t, evil)), clamd: infected, want: "covered"},
		{name: "gzip with padding", content: join(gz, make([]byte, 700)), want: "covered"},
		{name: "gzip and a zip64", content: join(gz, wide64(t)), want: infected},
		{name: "gzip of a zip64", content: gzipOf(t, wide64(t)), want: infected},
		{name: "gzip cut", content: gz[:len(gz)/2], want: "damaged"},
		{name: "gzip without its sum", content: gz[:len(gz)-8], want: "damaged"},
		{name: "gzip header alone", content: gz[:8], want: "damaged"},
		{name: "gzip with a bit flipped", content: flipped(gz, len(gz)/2), want: "damaged"},
		{name: "xz", content: xz, want: "covered"},
		{name: "xz infected", content: xzOf(t, evil), clamd: infected, want: "covered"},
		{name: "xz of a zip64", content: xzOf(t, wide64(t)), want: infected},
		{name: "xz cut", content: xz[:len(xz)/2], want: "damaged"},
		{name: "xz without its end", content: xz[:len(xz)-4], want: "damaged"},
		{name: "xz with a bit flipped", content: flipped(xz, len(xz)/2), want: "damaged"},
		{name: "zstd", content: zstdOf(t, harmless), want: "covered"},
		{name: "zstd infected", content: zstdOf(t, evil), want: infected},
		{name: "zstd of two frames", content: join(zstdOf(t, harmless), zstdOf(t, evil)), want: infected},
		{name: "zstd cut", content: zstdOf(t, harmless)[:200], want: "damaged"},
		{name: "zstd of zstd of lz4", content: zstdOf(t, zstdOf(t, lz4Of(t, evil))), want: infected},
		{name: "lz4", content: lz4Of(t, harmless), want: "covered"},
		{name: "lz4 infected", content: lz4Of(t, evil), want: infected},
		{name: "lz4 of two frames", content: join(lz4Of(t, harmless), lz4Of(t, evil)), want: infected},
		{name: "lz4 cut", content: lz4Of(t, harmless)[:200], want: "damaged"},
		{name: "lzma", content: lzmaOf(t, harmless), want: "covered"},
		{name: "lzma infected", content: lzmaOf(t, evil), want: infected},
		{name: "lzma cut", content: lzmaOf(t, harmless)[:200], want: "damaged"},
	})
}

func TestTar(t *testing.T) {
	t.Parallel()
	harmless, evil := pages(3000), eicarText()
	plain := tarOf(t, harmless, harmless)
	try(t, []sample{
		{name: "tar", content: plain, want: "covered"},
		{name: "tar infected", content: tarOf(t, harmless, evil), clamd: infected, want: "covered"},
		{name: "tar with a zip64", content: tarOf(t, harmless, wide64(t)), want: infected},
		{name: "tar with a zstd", content: tarOf(t, zstdOf(t, harmless)), want: "covered"},
		{name: "tar cut in a member", content: plain[:5000], want: "damaged"},
		{name: "tar cut between members", content: plain[:512+3072], want: "damaged"},
		{name: "tar without its end", content: plain[:len(plain)-1024], want: "damaged"},
		{name: "tar with a broken second header", content: flipped(plain, 512+3072+3), want: "damaged"},
		{name: "tar and a zip64", content: join(plain, wide64(t)), want: infected},
		{name: "tgz", content: gzipOf(t, plain), want: "covered"},
		{name: "tgz with a zip64", content: gzipOf(t, tarOf(t, wide64(t))), want: infected},
		{name: "tgz cut", content: gzipOf(t, plain)[:len(gzipOf(t, plain))/2], want: "damaged"},
		{name: "tgz of a cut tar", content: gzipOf(t, plain[:5000]), want: "damaged"},
		{name: "tar.zst infected", content: zstdOf(t, tarOf(t, evil)), want: infected},
	})
}
