package dmg_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// run is a number of sectors of a partition, and how they are compressed.
type run struct {
	kind    uint32
	sectors int
	packed  []byte
}

func of(kind uint32, sectors int, packed []byte) run {
	return run{kind: kind, sectors: sectors, packed: packed}
}

// image is a disk image of one partition.
func image(runs ...run) []byte {
	be := binary.BigEndian
	table := make([]byte, 204)
	copy(table, "mish\x00\x00\x00\x01")
	be.PutUint32(table[200:], uint32(len(runs)+1))
	var data []byte
	at := 0
	for _, r := range append(runs, run{kind: 0xffffffff}) {
		entry := make([]byte, 40)
		be.PutUint32(entry, r.kind)
		be.PutUint64(entry[8:], uint64(at))
		be.PutUint64(entry[16:], uint64(r.sectors))
		be.PutUint64(entry[24:], uint64(len(data)))
		be.PutUint64(entry[32:], uint64(len(r.packed)))
		table, data, at = append(table, entry...), append(data, r.packed...), at+r.sectors
	}
	be.PutUint64(table[16:], uint64(at))
	const before = `<?xml version="1.0"?><plist><dict><key>resource-fork</key><dict><key>blkx</key><array><dict>`
	const behind = "<key>Data</key><data>\n\t%s\n</data></dict></array></dict></dict></plist>"
	list := fmt.Appendf(nil, before+behind, base64.StdEncoding.EncodeToString(table))
	trailer := make([]byte, 512)
	copy(trailer, "koly\x00\x00\x00\x04\x00\x00\x02\x00")
	be.PutUint64(trailer[32:], uint64(len(data)))
	be.PutUint64(trailer[216:], uint64(len(data)))
	be.PutUint64(trailer[224:], uint64(len(list)))
	return unpacktest.Join(data, list, trailer)
}

// padded fills up the last sector.
func padded(b []byte) []byte { return unpacktest.Join(b, make([]byte, -len(b)&511)) }

// literals is Apple Data Compression of literals, and of a match of the first of them.
func literals(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		part := b[:min(100, len(b))]
		b = b[len(part):]
		out = append(append(out, 0x80|byte(len(part)-1)), part...)
	}
	return out
}

func TestDMG(t *testing.T) {
	t.Parallel()
	text, evil := unpacktest.Pages(1024), padded(unpacktest.GzipOf(t, unpacktest.Eicar()))
	n := len(evil) / 512
	zeros := []byte{0x80, 0} // one, and then from there
	for range 7 {
		zeros = append(zeros, 0x7f, 0, 0)
	}
	zeros = append(zeros, 0x4f, 0, 0, 0x3c, 0, 0x08, 0)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "raw", Content: image(of(1, 2, text)), Want: unpacktest.Clean},
		{Name: "raw, infected", Content: image(of(1, n, evil)), Want: unpacktest.Infected},
		{
			Name:    "zlib",
			Content: image(of(0x80000005, 2, unpacktest.ZlibOf(t, text)), of(2, 9, nil)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "zlib, infected",
			Content: image(of(0, 4, nil), of(0x80000005, n, unpacktest.ZlibOf(t, evil))),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "in two runs, infected",
			Content: image(of(1, 2, text), of(0x80000005, n, unpacktest.ZlibOf(t, evil))),
			Want:    unpacktest.Infected,
		},
		{Name: "xz, infected", Content: image(of(0x80000008, n, unpacktest.XzOf(t, evil))), Want: unpacktest.Infected},
		{Name: "ADC, infected", Content: image(of(0x80000004, n, literals(evil))), Want: unpacktest.Infected},
		{Name: "ADC of zeros", Content: image(of(0x80000004, 1, zeros)), Want: unpacktest.Clean},
		{Name: "LZFSE", Content: image(of(0x80000007, 2, text)), Want: "unsupported-archive"},
		{
			Name:    "LZFSE before an infected run",
			Content: image(of(0x80000007, 2, text), of(0x80000005, n, unpacktest.ZlibOf(t, evil))),
			Want:    unpacktest.Infected,
		},
		{Name: "zlib cut", Content: image(of(0x80000005, 2, unpacktest.ZlibOf(t, text)[:200])), Want: "damaged"},
		{Name: "without its list", Content: image(of(1, 2, text))[1500:], Want: "damaged"},
	})
}

// TestHFSPlus checks that HFS+ is not refused. The engine opens it, and a search finds
// files in one piece.
func TestHFSPlus(t *testing.T) {
	t.Parallel()
	harmless := unpacktest.Gunzipped(t, "hfsplus.img.gz")
	const second = 18432 // offset of the second file
	plain, packed := bytes.Clone(harmless), bytes.Clone(harmless)
	copy(plain[second:], unpacktest.Eicar())
	copy(packed[second:], unpacktest.GzipOf(t, unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar())))
	in := func(b []byte) []byte { return image(of(0x80000005, len(b)/512, unpacktest.ZlibOf(t, b))) }
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "harmless", Content: in(harmless), Want: unpacktest.Clean},
		{Name: "infected", Content: in(plain), Want: unpacktest.Infected},
		{Name: "with an infected gzip", Content: in(packed), Want: unpacktest.Infected},
		{Name: "alone, harmless", Content: harmless, Want: unpacktest.Clean},
		{Name: "alone, with an infected gzip", Content: packed, Want: unpacktest.Infected},
		{Name: "in a partition of a GPT", Content: unpacktest.GPTOf(harmless), Want: unpacktest.Clean},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{
		Name: "zlib",
		Pack: func(t testing.TB, b []byte) []byte {
			return image(of(0x80000005, len(b)/512, unpacktest.ZlibOf(t, b)))
		},
		Head: 1 << 30, Unsearched: true, Endless: true,
	}}
}

func FuzzDMG(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		image(of(0x80000004, 1, literals(unpacktest.Pages(512)))),
		image(of(1, 2, unpacktest.Pages(1024)), of(2, 9, nil)),
	)
}
