package coverage

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"github.com/lazaret/lazaret/internal/eicar"
)

// zipped is one member of a zip that is put together by hand.
type zipped struct {
	name    string
	content []byte
	method  uint16
	packed  []byte // of methods other than stored and deflated
	wide    bool   // zip64 sizes in the local header
	streams bool   // sizes and CRC in a descriptor
	// What the local header says instead.
	localMethod *uint16
	local64     bool // zip64 sizes in the central directory too
}

// zipOf writes a zip as APPNOTE.TXT says, with what Go's own writer cannot do.
func zipOf(t testing.TB, members ...zipped) []byte {
	t.Helper()
	var out, dir bytes.Buffer
	for _, m := range members {
		sum, packed := crc32.ChecksumIEEE(m.content), m.packed
		switch {
		case m.method == 0:
			packed = m.content
		case m.method == 8 && packed == nil:
			packed = deflated(t, m.content)
		}
		offset, flags := uint32(out.Len()), uint16(0)
		psize, size := uint32(len(packed)), uint32(len(m.content))
		lp, ls, lc := psize, size, sum
		var extra, dirExtra []byte
		if m.wide {
			lp, ls = 1<<32-1, 1<<32-1
			extra = le(uint16(1), uint16(16), uint64(size), uint64(psize))
		}
		if m.local64 {
			dirExtra = extra
		}
		if m.streams {
			flags, lc = 8, 0
			if !m.wide {
				lp, ls = 0, 0
			}
		}
		method := m.method
		if m.localMethod != nil {
			method = *m.localMethod
		}
		out.WriteString(zipLocal)
		out.Write(le(uint16(45), flags, method, uint32(0), lc, lp, ls, uint16(len(m.name)), uint16(len(extra))))
		out.WriteString(m.name)
		out.Write(extra)
		out.Write(packed)
		if m.streams {
			out.WriteString(zipSpan)
			out.Write(le(sum))
			if m.wide {
				out.Write(le(uint64(psize), uint64(size)))
			} else {
				out.Write(le(psize, size))
			}
		}
		if m.local64 {
			psize, size = 1<<32-1, 1<<32-1
		}
		dir.WriteString(zipEntry)
		dir.Write(le(uint16(45), uint16(45), flags, m.method, uint32(0), sum, psize, size,
			uint16(len(m.name)), uint16(len(dirExtra)), uint16(0), uint16(0), uint16(0), uint32(0), offset))
		dir.WriteString(m.name)
		dir.Write(dirExtra)
	}
	start := uint32(out.Len())
	out.Write(dir.Bytes())
	out.WriteString(zipEnd)
	out.Write(le(uint32(0), uint16(len(members)), uint16(len(members)), uint32(dir.Len()), start, uint16(0)))
	return out.Bytes()
}

func le(values ...any) []byte {
	var out []byte
	for _, v := range values {
		out, _ = binary.Append(out, binary.LittleEndian, v)
	}
	return out
}

func deflated(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

// written is what w leaves in b.
func written(t testing.TB, b *bytes.Buffer, w io.WriteCloser, content []byte) []byte {
	t.Helper()
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

func lzmaOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.WriterConfig{Size: int64(len(content)), SizeInHeader: true}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

// zipLZMAOf is the content of a zip member of method 14.
func zipLZMAOf(t testing.TB, content []byte) []byte {
	alone := lzmaOf(t, content)
	return append(append(le(uint16(0x1413), uint16(5)), alone[:5]...), alone[13:]...)
}

// goZip is what Go's writer writes: deflated, with descriptors.
func goZip(t testing.TB, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// eicarText is longer than EICAR and has to be unpacked to be seen: whoever
// packs it refers from the middle of EICAR to what stands before it.
func eicarText() []byte {
	e := eicar.Bytes()
	return join(pages(500), e[20:], []byte("\n"), e)
}

func flipped(content []byte, at int) []byte {
	out := bytes.Clone(content)
	out[at] ^= 0x10
	return out
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestZip(t *testing.T) {
	t.Parallel()
	harmless, evil := pages(3000), eicarText()
	plain := zipOf(t, zipped{name: "a.txt", content: harmless, method: 8}, zipped{name: "b.txt", content: harmless})
	deflate, stored := uint16(8), uint16(0)
	bad := zipOf(t, zipped{name: "a", content: evil, method: 8})
	long := bytes.Repeat([]byte("x"), 70<<10)
	try(t, []sample{
		{name: "ordinary", content: plain, want: "covered"},
		{name: "empty", content: zipOf(t), want: "covered"},
		{name: "from a stream", content: goZip(t, "a", harmless), want: "covered"},
		{name: "infected", content: bad, clamd: infected, want: "covered"},
		{name: "zip64 header", content: zipOf(t, zipped{name: "a", content: harmless, method: 8, wide: true}), want: "covered"},
		{name: "zip64 header, infected", content: zipOf(t, zipped{name: "a", content: evil, method: 8, wide: true}), want: infected},
		{name: "zip64 everywhere, infected", content: zipOf(t, zipped{name: "a", content: evil, method: 8, wide: true, local64: true}), want: infected},
		{name: "zip64 from a stream, infected", content: zipOf(t, zipped{name: "a", content: evil, method: 8, wide: true, streams: true}), clamd: infected, want: infected},
		{name: "lzma", content: zipOf(t, zipped{name: "a", content: harmless, method: 14, packed: zipLZMAOf(t, harmless)}), want: "covered"},
		{name: "lzma, infected", content: zipOf(t, zipped{name: "a", content: evil, method: 14, packed: zipLZMAOf(t, evil)}), want: infected},
		{name: "zstd", content: zipOf(t, zipped{name: "a", content: harmless, method: 93, packed: zstdOf(t, harmless)}), want: "covered"},
		{name: "zstd, infected", content: zipOf(t, zipped{name: "a", content: evil, method: 93, packed: zstdOf(t, evil)}), want: infected},
		{name: "unknown method", content: zipOf(t, zipped{name: "a", content: harmless, method: 98, packed: []byte("PPMd, say")}), want: "unsupported-archive"},
		{name: "unknown method beside an infected zip64", content: zipOf(t,
			zipped{name: "a", content: harmless, method: 98, packed: []byte("PPMd, say")},
			zipped{name: "b", content: evil, method: 8, wide: true}), want: infected},
		{name: "two headers of one member", content: zipOf(t, zipped{name: "a", content: evil, method: 8, localMethod: &stored}), clamd: infected, want: infected},
		{name: "two headers of one stored member", content: zipOf(t, zipped{name: "a", content: harmless, localMethod: &deflate}), want: "covered"},
		{name: "then another", content: join(bad, plain), want: infected},
		{name: "harmless then another", content: join(plain, plain), want: "covered"},
		{name: "then text", content: join(plain, harmless), want: "covered"},
		{name: "infected then much text", content: join(bad, long), clamd: infected, want: "covered"},
		{name: "without its directory", content: bad[:bytes.Index(bad, []byte(zipEntry))], want: "damaged"},
		{name: "without its end", content: plain[:len(plain)-10], want: "damaged"},
		{name: "cut in half", content: plain[:len(plain)/2], want: "damaged"},
		{name: "first 100 bytes", content: plain[:100], want: "damaged"},
		{name: "bit flipped in a member", content: flipped(plain, 200), want: "damaged"},
		{name: "bit flipped in a stored member", content: flipped(plain, bytes.Index(plain, []byte("b.txt"))+300), want: "damaged"},
		{name: "split marker", content: join([]byte(zipSpan), plain), want: "unsupported-archive"},
		{name: "split marker of a zip in one piece", content: join([]byte("PK00"), plain), want: "covered"},
		{name: "split marker of a zip in one piece, zip64", content: join([]byte("PK00"), wide64(t)), want: infected},
		{name: "member cut out of the directory", content: unlisted(t, evil), want: infected},
		{name: "an empty end record in a program", content: join(png, []byte(zipEnd), make([]byte, 40)), want: "covered"},
		{name: "behind a picture", content: join(png, zipOf(t, zipped{name: "a", content: evil, method: 8, wide: true})), want: infected},
	})
}

// png is the smallest picture.
var png = []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 50) + "IEND\xaeB`\x82")

// unlisted is a zip in which nothing points to the first of two members.
func unlisted(t testing.TB, content []byte) []byte {
	one := zipOf(t, zipped{name: "hidden", content: content, method: 8})
	hidden := one[:bytes.Index(one, []byte(zipEntry))]
	rest := zipOf(t, zipped{name: "shown", content: pages(100)})
	out := join(hidden, rest)
	end := bytes.LastIndex(out, []byte(zipEnd))
	copy(out[end+16:], le(uint32(bytes.LastIndex(out, []byte(zipEntry)))))
	entry := bytes.LastIndex(out, []byte(zipEntry))
	copy(out[entry+42:], le(uint32(len(hidden))))
	return out
}
