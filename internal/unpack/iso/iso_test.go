package iso_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const sector = 2048

// record is the record of a file or a folder.
type record struct {
	at, size         int // in sectors, in bytes
	otherAt          int // in the other byte order, if not 0
	attributes       byte
	unit, gap, flags byte
	name             string
}

func both(v uint32) []byte {
	return []byte{
		byte(v),
		byte(v >> 8),
		byte(v >> 16),
		byte(v >> 24),
		byte(v >> 24),
		byte(v >> 16),
		byte(v >> 8),
		byte(v),
	}
}

func (r record) bytes() []byte {
	at := both(uint32(r.at))
	if r.otherAt != 0 {
		copy(at[4:], both(uint32(r.otherAt))[4:])
	}
	b := unpacktest.Join([]byte{0, r.attributes}, at, both(uint32(r.size)), make([]byte, 7),
		[]byte{r.flags, r.unit, r.gap, 1, 0, 0, 1, byte(len(r.name))}, []byte(r.name))
	b = append(b, make([]byte, len(b)&1)...)
	b[0] = byte(len(b))
	return b
}

// with is an image of 64 sectors with these records in its root folder, and with
// content at sectors.
func with(records []record, content map[int][]byte) []byte {
	b := make([]byte, 64*sector)
	d := b[16*sector:]
	copy(d, "\x01CD001\x01")
	copy(d[80:], both(64))
	copy(d[128:], "\x00\x08\x08\x00")
	copy(d[156:], record{at: 18, size: sector, flags: 2, name: "\x00"}.bytes())
	copy(b[17*sector:], "\xffCD001\x01")
	folder := unpacktest.Join(
		record{at: 18, size: sector, flags: 2, name: "\x00"}.bytes(),
		record{at: 18, size: sector, flags: 2, name: "\x01"}.bytes(),
	)
	for _, r := range records {
		folder = unpacktest.Join(folder, r.bytes())
	}
	copy(b[18*sector:], folder)
	for at, c := range content {
		copy(b[at*sector:], c)
	}
	return b
}

func TestImages(t *testing.T) {
	t.Parallel()
	packed, text := unpacktest.GzipOf(t, unpacktest.Eicar()), unpacktest.Pages(500)
	evil, harmless := unpacktest.IsoOf(packed), unpacktest.IsoOf(unpacktest.GzipOf(t, text))
	mbr := unpacktest.Join(
		make([]byte, 446),
		[]byte{0x80, 0, 1, 0, 0x17, 0, 0, 0},
		unpacktest.LE(uint32(0), uint32(100)),
		make([]byte, 48),
		[]byte{0x55, 0xaa},
	)
	html := []byte("<html><body>hello</body></html>")
	rr := unpacktest.Gunzipped(t, "rr.iso.gz")
	one := func(r record, at int, content []byte) []byte { return with([]record{r}, map[int][]byte{at: content}) }
	file := record{at: 20, size: len(packed), name: "A.;1"}
	attributes, other, interleaved, associated := file, file, file, file
	attributes.attributes, other.at, other.otherAt, associated.flags = 1, 40, 20, 4
	table := with(nil, map[int][]byte{
		30: unpacktest.Join([]byte{1, 0}, unpacktest.LE(uint32(31), uint16(1)), []byte("D\x00")),
		31: unpacktest.Join(record{at: 31, size: sector, flags: 2, name: "\x00"}.bytes(), file.bytes()), 20: packed,
	})
	copy(table[16*sector+132:], both(10))
	copy(table[16*sector+140:], unpacktest.LE(uint32(30)))
	long := unpacktest.GzipOf(t, unpacktest.Join(unpacktest.Pages(30000), unpacktest.Eicar()))
	interleaved.size, interleaved.unit, interleaved.gap = len(long), 1, 1
	split := func(at, n, step int) map[int][]byte {
		parts := map[int][]byte{}
		for i := 0; i*n < len(long); i++ {
			parts[at+i*step] = long[i*n : min(len(long), i*n+n)]
		}
		return parts
	}
	zisofs := unpacktest.ZisofsOf(t, packed)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "harmless", Content: harmless, Want: unpacktest.Clean},
		{Name: "infected", Content: evil, Want: unpacktest.Infected},
		{Name: "with an MBR", Content: unpacktest.Over(mbr, evil), Want: unpacktest.Infected},
		{Name: "with HTML, harmless", Content: unpacktest.Over(html, harmless), Want: unpacktest.Clean},
		{Name: "with HTML", Content: unpacktest.Over(html, evil), Want: unpacktest.Infected},
		{Name: "with a tar", Content: unpacktest.Over(unpacktest.TarOf(t, text), evil), Want: unpacktest.Infected},
		{
			Name:    "with an infected tar in front",
			Content: unpacktest.Over(unpacktest.TarOf(t, packed), harmless),
			Want:    unpacktest.Infected,
		},
		{Name: "with an ID3", Content: unpacktest.Over([]byte("ID3\x03"), evil), Want: unpacktest.Infected},
		{Name: "behind a tar", Content: unpacktest.Join(unpacktest.TarOf(t, text), evil), Want: unpacktest.Infected},
		{Name: "and a gzip", Content: unpacktest.Join(harmless, packed), Want: unpacktest.Infected},
		{Name: "of raw sectors", Content: unpacktest.RawCDOf(evil), Want: unpacktest.Infected},
		{Name: "of raw sectors, harmless", Content: unpacktest.RawCDOf(harmless), Want: unpacktest.Clean},
		{Name: "of raw sectors with subchannels", Content: rawOf(evil, 2448, 16), Want: unpacktest.Infected},
		{Name: "of sectors of mode 2 without marks", Content: rawOf(evil, 2336, 8), Want: unpacktest.Infected},
		{Name: "announced", Content: unpacktest.IsoHead(20), Want: unpacktest.Clean},
		{Name: "cut", Content: unpacktest.IsoHead(2000), Want: "damaged"},
		{Name: "genisoimage", Content: rr, Want: unpacktest.Clean},
		{Name: "genisoimage, cut", Content: rr[:len(rr)-sector], Want: "damaged"},
		{Name: "xorriso, bootable", Content: unpacktest.Gunzipped(t, "boot.iso.gz"), Want: unpacktest.Clean},
		{Name: "one file", Content: one(file, 20, packed), Want: unpacktest.Infected},
		{Name: "associated file", Content: one(associated, 20, packed), Want: unpacktest.Infected},
		{Name: "behind attributes", Content: one(attributes, 21, packed), Want: unpacktest.Infected},
		{Name: "attributes that are not skipped", Content: one(attributes, 20, packed), Want: unpacktest.Infected},
		{Name: "place in the other order of bytes", Content: one(other, 20, packed), Want: unpacktest.Infected},
		{Name: "interleaved", Content: with([]record{interleaved}, split(20, sector, 2)), Want: unpacktest.Infected},
		{
			Name:    "interleaved, and in one piece",
			Content: with([]record{interleaved}, split(20, sector, 1)),
			Want:    unpacktest.Infected,
		},
		{Name: "in two parts", Content: with([]record{
			{at: 20, size: sector, flags: 0x80, name: "A"}, {at: 40, size: len(long) - sector, name: "A"},
		}, map[int][]byte{20: long[:sector], 40: long[sector:]}), Want: unpacktest.Infected},
		{Name: "in a folder of the path table", Content: table, Want: unpacktest.Infected},
		{Name: "in no folder", Content: with(nil, map[int][]byte{33: packed}), Want: unpacktest.Infected},
		{Name: "boot image", Content: bootable(packed), Want: unpacktest.Infected},
		{
			Name:    "file that ends after the end",
			Content: one(record{at: 20, size: 1 << 20, name: "A"}, 20, text),
			Want:    "damaged",
		},
		{Name: "zisofs", Content: unpacktest.IsoOf(zisofs), Want: unpacktest.Infected},
		{Name: "High Sierra", Content: sierra(packed), Want: unpacktest.Infected},
	})
}

// rawOf is an image of raw sectors of a size. The content begins at an offset of each.
func rawOf(image []byte, size, from int) []byte {
	var out []byte
	for ; len(image) > 0; image = image[sector:] {
		b := make([]byte, size)
		if from == 16 {
			copy(b, "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x02\x00\x01")
		}
		copy(b[from:], image[:sector])
		out = append(out, b...)
	}
	return out
}

// bootable has a boot image that is compressed, so that only its first bytes are
// recognised in the sectors.
func bootable(content []byte) []byte {
	b := with(
		nil,
		map[int][]byte{
			30: unpacktest.Join(
				[]byte{1},
				make([]byte, 31),
				[]byte{0x88, 0, 0, 0, 0, 0, 4, 0},
				unpacktest.LE(uint32(40)),
			),
			40: content,
		},
	)
	copy(b[19*sector:], b[17*sector:18*sector])
	copy(b[17*sector:], "\x00CD001\x01EL TORITO SPECIFICATION")
	copy(b[17*sector+71:], unpacktest.LE(uint32(30)))
	return b
}

// sierra is an image of High Sierra with one file.
func sierra(content []byte) []byte {
	b := make([]byte, 64*sector)
	d := b[16*sector:]
	copy(d[8:], "\x01CDROM\x01")
	copy(d[88:], both(64))
	copy(d[136:], "\x00\x08\x08\x00")
	old := func(r record) []byte {
		b := r.bytes()
		b[24], b[25] = r.flags, 0
		return b
	}
	copy(d[180:], old(record{at: 18, size: sector, flags: 2, name: "\x00"}))
	copy(
		b[18*sector:],
		unpacktest.Join(
			old(record{at: 18, size: sector, flags: 2, name: "\x00"}),
			old(record{at: 20, size: len(content), name: "A"}),
		),
	)
	copy(b[20*sector:], content)
	return b
}

// TestOverlaps checks that many files that all take the whole image are refused.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	var records []record
	for i := range 40 {
		records = append(records, record{at: i, size: 64*sector - i*sector, name: "A"})
	}
	got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, with(records, nil), unpacktest.FindsNothing)
	if unpacktest.Verdict(got) != "limit-files" {
		t.Errorf("got %+v, want limit-files", got)
	}
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "ISO 9660", Pack: func(_ testing.TB, b []byte) []byte { return unpacktest.IsoOf(b) }, Head: 34 << 10},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzISO(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		bootable(unpacktest.Pages(300)),
		sierra(unpacktest.Pages(300)),
		unpacktest.ZisofsOf(f, unpacktest.Pages(300)),
	)
}
