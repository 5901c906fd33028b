package coverage

import (
	"bytes"
	"testing"
)

// containers are what FuzzCut and FuzzNest pack with. Whatever the payload is,
// each of them has an end that says so.
var containers = []struct {
	name string
	pack func(testing.TB, []byte) []byte
	head int // bytes that are needed to recognise it
}{
	{"gzip", gzipOf, 2},
	{"xz", xzOf, 6},
	{"zstd", zstdOf, 4},
	{"lz4", lz4Of, 4},
	{"lzma", lzmaOf, 18},
	{"zip", func(t testing.TB, b []byte) []byte { return goZip(t, "a", b) }, 4},
	{"zip stored", func(t testing.TB, b []byte) []byte { return zipOf(t, zipped{name: "a", content: b}) }, 4},
	{"zip64", func(t testing.TB, b []byte) []byte {
		return zipOf(t, zipped{name: "a", content: b, method: 8, wide: true, local64: true})
	}, 4},
	{"zip with zstd", func(t testing.TB, b []byte) []byte {
		return zipOf(t, zipped{name: "a", content: b, method: 93, packed: zstdOf(t, b)})
	}, 4},
	{"zip with lzma", func(t testing.TB, b []byte) []byte {
		return zipOf(t, zipped{name: "a", content: b, method: 14, packed: zipLZMAOf(t, b)})
	}, 4},
	{"7z", func(t testing.TB, b []byte) []byte { return sevenOf([]byte{0}, b, b) }, 6},
	{"7z with deflate", func(t testing.TB, b []byte) []byte { return sevenOf([]byte{4, 1, 8}, deflated(t, b), b) }, 6},
	{"tar", func(t testing.TB, b []byte) []byte { return tarOf(t, b) }, tarBlock},
	{"cpio", func(_ testing.TB, b []byte) []byte { return cpioOf(b) }, 6},
}

// FuzzCut: of a container that was cut off anywhere, nothing is covered.
func FuzzCut(f *testing.F) {
	for i := range containers {
		f.Add(byte(i), pages(300), uint16(17*i))
		f.Add(byte(i), zipOf(f, zipped{name: "x", content: pages(40), method: 8}), uint16(3))
	}
	f.Fuzz(func(t *testing.T, kind byte, payload []byte, less uint16) {
		c := containers[int(kind)%len(containers)]
		if len(payload) == 0 || bytes.Contains(payload, []byte(zipEnd)) && bytes.Contains([]byte(c.name), []byte("zip")) {
			return // a stored zip has an end of its own, and is then seen up to there
		}
		whole := c.pack(t, payload)
		end := len(bytes.TrimRight(whole, "\x00")) // tar and cpio end with more zeros than they need
		cut := min(end-1, len(whole)-1-int(less))
		if cut < c.head {
			return
		}
		w := walked(t, whole[:cut], func(w *walk, n node) error { return w.look(n) })
		if w.refused == nil {
			t.Fatalf("covered the first %d bytes of %d of %s", cut, len(whole), c.name)
		}
	})
}

// FuzzNest: wherever EICAR stands, clamd alone finds it, or coverage does, or
// the file is refused. This is asked of the engine that is installed.
func FuzzNest(f *testing.F) {
	for i := range containers {
		f.Add([]byte{byte(i)}, byte(0), []byte("appended"))
		f.Add([]byte{byte(i), byte(i + 3), byte(i + 7)}, byte(i), []byte(nil))
	}
	before := [][]byte{nil, elf(), png, []byte("#!/bin/sh\nexit\n"), pages(100), pdfOf(nil)}
	f.Fuzz(func(t *testing.T, nest []byte, prefix byte, after []byte) {
		if len(nest) == 0 || len(nest) > 6 || len(after) > 1<<10 {
			return
		}
		content := eicarText()
		last := ""
		for _, kind := range nest {
			c := containers[int(kind)%len(containers)]
			content, last = c.pack(t, content), c.name
		}
		// Behind something else only a zip is still a zip to somebody.
		if len(last) >= 3 && last[:3] == "zip" {
			content = join(before[int(prefix)%len(before)], content)
		}
		content = join(content, after)
		if alone(t, content) != "OK" {
			return
		}
		if got := check(t, Checker{}, content); got == string(Covered) {
			t.Fatalf("CLEAN with EICAR in %v, prefix %d, suffix %q", nest, prefix, after)
		}
	})
}
