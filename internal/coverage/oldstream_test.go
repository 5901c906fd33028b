package coverage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/ulikunitz/xz/lzma"
)

// lzipOf is one member of lzip.
func lzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.WriterConfig{Properties: &lzma.Properties{LC: 3, PB: 2}, DictCap: 1 << 16, EOSMarker: true}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	stream := written(t, &b, w, content)[13:]
	return join([]byte("LZIP\x01\x10"), stream, le(crc32.ChecksumIEEE(content), uint64(len(content)), uint64(6+len(stream)+20)))
}

func snappyOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, s2.NewWriter(&b, s2.WriterSnappyCompat()), content)
}

// zOf is compress's file of the last 250 bytes, which need codes of nine bits only.
func zOf(content []byte) []byte {
	content = content[max(0, len(content)-250):]
	out := make([]byte, len(content)*9/8+2)
	for i, c := range content {
		out[i*9/8] |= c << (i * 9 % 8)
		out[i*9/8+1] |= byte(uint16(c) << (i * 9 % 8) >> 8)
	}
	return join([]byte("\x1f\x9d\x90"), out)
}

// szddOf is SZDD of literals.
func szddOf(content []byte) []byte {
	out := join([]byte("SZDD\x88\xf0\x27\x33Ax"), le(uint32(len(content))))
	for ; len(content) > 0; content = content[min(8, len(content)):] {
		out = append(append(out, 0xff), content[:min(8, len(content))]...)
	}
	return out
}

// zisofsOf has one block of content and one of zeros.
func zisofsOf(t testing.TB, content []byte) []byte {
	t.Helper()
	packed := zlibOf(t, content)
	end := uint32(28 + len(packed))
	return join([]byte(zisofsMagic), le(uint32(1<<15+len(content))), []byte{4, 15, 0, 0}, le(uint32(28), uint32(28), end), packed)
}

// gitOf is a pack of a blob, a difference to it, and another blob.
func gitOf(t testing.TB, content []byte) []byte {
	t.Helper()
	blob := func(head []byte, content []byte) []byte { return join(head, zlibOf(t, content)) }
	return join([]byte("PACK"), binary.BigEndian.AppendUint32(nil, 2), binary.BigEndian.AppendUint32(nil, 3), blob([]byte{0xb4, 2}, pages(36)),
		blob(join([]byte{0x74}, make([]byte, 20)), pages(4)), blob([]byte{0xbf, 0x10}, content), make([]byte, 20))
}

func androidOf(t testing.TB, kind string, content []byte) []byte {
	t.Helper()
	return join(fmt.Appendf(nil, "ANDROID BACKUP\n5\n1\n%s\n", kind), zlibOf(t, content))
}

// TestOldStreams: what is rarer than gzip, by itself and behind something else.
func TestOldStreams(t *testing.T) {
	t.Parallel()
	text, evil, short := pages(3000), eicarText(), pages(200)
	script := []byte("#!/bin/sh\nexit\n")
	var samples []sample
	for _, f := range []struct {
		name string
		pack func([]byte) []byte
	}{
		{"lzip", func(b []byte) []byte { return lzipOf(t, b) }},
		{"lzip of two members", func(b []byte) []byte { return join(lzipOf(t, text), lzipOf(t, b)) }},
		{"snappy", func(b []byte) []byte { return snappyOf(t, b) }},
		{"compress", zOf},
		{"SZDD", func(b []byte) []byte { return szddOf(zstdOf(t, b)) }},
		{"zisofs", func(b []byte) []byte { return zisofsOf(t, b) }},
		{"git pack", func(b []byte) []byte { return gitOf(t, b) }},
	} {
		samples = append(samples,
			sample{name: f.name, content: f.pack(short), want: "covered"},
			sample{name: f.name + ", infected", content: f.pack(evil), want: infected},
			sample{name: f.name + " behind a script", content: join(script, f.pack(short)), want: "covered"},
			sample{name: f.name + " behind a script, infected", content: join(script, f.pack(evil)), want: infected},
			sample{name: f.name + " behind a picture, infected", content: join(png, f.pack(evil), text), want: infected},
			sample{name: f.name + " in an object, infected", content: fmt.Appendf(nil, "{\\rtf1{\\object{\\*\\objdata %x}}}", join(make([]byte, 30), f.pack(evil))), want: infected},
		)
	}
	lz := lzipOf(t, text)
	lzo := fixture(t, "other", "harmless.txt.lzo")
	kwaj := join([]byte("KWAJ\x88\xf0\x27\xd1"), le(uint16(3), uint16(14), uint16(0)), text)
	lrz := join([]byte("LRZI\x00\x06"), le(uint64(3000)), make([]byte, 10), text)
	zpaq := join([]byte("7kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ\x01\x01"), text)
	window := zlibOf(t, evil)
	window[0], window[1] = 0x18, 0x19 // of 512 bytes
	try(t, append(samples, []sample{
		{name: "lzip cut", content: lz[:len(lz)/2], want: "damaged"},
		{name: "lzip with a bit flipped", content: flipped(lz, len(lz)/2), want: "damaged"},
		{name: "lzip and a zip64", content: join(lz, wide64(t)), want: infected},
		{name: "snappy cut", content: snappyOf(t, text)[:500], want: "damaged"},
		{name: "SZDD cut", content: szddOf(text)[:500], want: "damaged"},
		{name: "zisofs cut", content: zisofsOf(t, text)[:500], want: "damaged"},
		{name: "lzop behind a script", content: join(script, lzo), want: "unsupported-archive"},
		{name: "KWAJ behind a program", content: join(elf(), kwaj), want: "unsupported-archive"},
		{name: "lrzip behind a script", content: join(script, lrz), want: "unsupported-archive"},
		{name: "zpaq behind a script", content: join(script, zpaq), want: "unsupported-archive"},
		{name: "git bundle", content: join([]byte("# v2 git bundle\n"), gitOf(t, evil)), want: infected},
		{name: "zlib with a small window", content: window, want: infected},
		{name: "Mercurial bundle", content: join([]byte("HG10GZ"), zlibOf(t, evil)), want: infected},
		{name: "Android backup", content: androidOf(t, "none", tarOf(t, text)), want: "covered"},
		{name: "Android backup, infected", content: androidOf(t, "none", tarOf(t, evil)), want: infected},
		{name: "Android backup, encrypted", content: androidOf(t, "AES-256", text), want: "encrypted"},
		{name: "a program that knows the marks", content: join(elf(), []byte("LZIP\x01\x00LZIP\x01\x89LZO\x00\r\n\x1a\n\x00\x007kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ\x00LRZI\x00\x00"+
			"KWAJ\x88\xf0\x27\xd1\x00SZDD\x88\xf0\x27\x33\x00**ACE**\x00SIT!\x00PACK\x00\x00\x00\x00QFI\xfb\x00"), text), want: "covered"},
	}...))
}

// FuzzOldStreams: lzip, snappy, SZDD, compress, zisofs, packs.
func FuzzOldStreams(f *testing.F) {
	text := pages(300)
	seed(f, lzipOf(f, text), snappyOf(f, text), zOf(text[:200]), szddOf(text), zisofsOf(f, text), gitOf(f, text), androidOf(f, "none", text),
		join([]byte("HG10GZ"), zlibOf(f, text)), join([]byte("x"), fixture(f, "other", "harmless.txt.lzo")))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
		walked(t, content, walkGit)
		walked(t, append([]byte("x"), content...), func(w *walk, n node) error { return w.look(n) })
	})
}
