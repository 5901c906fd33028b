package udf_test

import (
	"bytes"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const (
	sector = 512
	first  = 100 // sector of the partition
)

// disk is an image that is written descriptor by descriptor.
type disk struct{ b []byte }

// put writes a descriptor with a tag and fields at offsets to a sector.
func (d *disk) put(at int, kind uint16, fields map[int][]byte) {
	if need := (at + 1) * sector; len(d.b) < need {
		d.b = append(d.b, make([]byte, need-len(d.b))...)
	}
	b := d.b[at*sector:][:sector]
	for offset, f := range fields {
		copy(b[offset:], f)
	}
	describe(b, kind, at)
}

// describe writes a tag with its checksum.
func describe(b []byte, kind uint16, at int) {
	copy(b, unpacktest.LE(kind, uint16(2)))
	copy(b[12:], unpacktest.LE(uint32(at)))
	b[4] = 0
	var sum byte
	for _, v := range b[:16] {
		sum += v
	}
	b[4] = sum
}

// content writes bytes to blocks of the partition.
func (d *disk) content(block int, content []byte) {
	need := (first+block)*sector + (len(content)+sector-1)/sector*sector
	if len(d.b) < need {
		d.b = append(d.b, make([]byte, need-len(d.b))...)
	}
	copy(d.b[(first+block)*sector:], content)
}

func long(size, block, part int) []byte {
	return unpacktest.LE(uint32(size), uint32(block), uint16(part), uint32(0), uint16(0))
}

func short(size, block int) []byte { return unpacktest.LE(uint32(size), uint32(block)) }

// layout is how an image is made.
type layout struct {
	shift    int    // blocks from the partition's first to the file system's first
	maps     []byte // of partitions
	extents  byte   // type of the file's allocation descriptors
	list     func(d *disk, content []byte) []byte
	extended bool
	streams  bool // the content is a named stream of an empty file
	changes  byte // bits that are changed in the entry of the folder
}

// folder is the entry of a folder.
func folder(name string, block, part int, flags byte) []byte {
	b := make([]byte, (38+len(name)+3)&^3)
	b[18], b[19] = flags, byte(len(name))
	copy(b[20:], long(sector, block, part))
	copy(b[38:], name)
	describe(b, 257, 0)
	return b
}

// descriptor is the descriptor of a file.
func descriptor(kind, how byte, size int, extended bool, list, streams []byte) (uint16, map[int][]byte) {
	fields := map[int][]byte{20: unpacktest.LE(uint16(4)), 27: {kind}, 34: {how}, 56: unpacktest.LE(uint64(size))}
	if extended {
		fields[152] = streams
		fields[212], fields[216] = unpacktest.LE(uint32(len(list))), list
		return 266, fields
	}
	fields[172], fields[176] = unpacktest.LE(uint32(len(list))), list
	return 261, fields
}

// image is a UDF image of one file.
func (l layout) image(content []byte) []byte {
	d := &disk{}
	if l.maps == nil {
		l.maps = []byte{1, 6, 1, 0, 0, 0}
	}
	part := 0
	if l.shift > 0 {
		part = 1
	}
	blocks := 400 + len(content)/sector
	d.put(70, 5, map[int][]byte{22: unpacktest.LE(uint16(0)), 188: unpacktest.LE(uint32(first), uint32(blocks))})
	d.put(71, 6, map[int][]byte{
		212: unpacktest.LE(uint32(sector)),
		248: long(sector, 0, part),
		264: unpacktest.LE(uint32(len(l.maps)), uint32(1+part)),
		440: l.maps,
	})
	d.put(72, 8, nil)
	d.put(256, 2, map[int][]byte{16: unpacktest.LE(uint32(3*sector), uint32(70))})
	copy(d.b[64*sector:], "\x00BEA01\x01")
	copy(d.b[68*sector:], "\x00NSR02\x01")
	at := first + l.shift
	d.put(at, 256, map[int][]byte{400: long(sector, 1, part)})
	entry := folder("\x08a", 2, part, l.changes)
	kind, fields := descriptor(4, 3, len(entry), false, entry, nil)
	d.put(at+1, kind, fields)
	list := l.list(d, content)
	size := len(content)
	if l.streams {
		stream := folder("\x08s", 4, part, 0)
		kind, fields = descriptor(13, 3, len(stream), false, stream, nil)
		d.put(at+3, kind, fields)
		kind, fields = descriptor(5, l.extents, size, false, list, nil)
		d.put(at+4, kind, fields)
		kind, fields = descriptor(5, 3, 0, true, nil, long(sector, 3, part))
	} else {
		kind, fields = descriptor(5, l.extents, size, l.extended, list, long(0, 0, 0))
	}
	d.put(at+2, kind, fields)
	d.content(blocks-1, make([]byte, sector))
	return d.b
}

func inOne(d *disk, content []byte) []byte {
	d.content(200, content)
	return short(len(content), 200)
}

func inTwo(d *disk, content []byte) []byte {
	d.content(200, content[sector:])
	d.content(180, content[:sector])
	return unpacktest.Join(long(sector, 180, 0), long(len(content)-sector, 200, 0))
}

// continued is a list of extents that goes on in another descriptor.
func continued(d *disk, content []byte) []byte {
	d.content(200, content[sector:])
	d.content(180, content[:sector])
	d.put(first+190, 258, map[int][]byte{20: unpacktest.LE(uint32(8)), 24: short(len(content)-sector, 200)})
	return unpacktest.Join(short(sector, 180), short(3<<30|sector, 190))
}

// mapped is an image whose file system is in a metadata partition.
func mapped() layout {
	m := make([]byte, 64)
	copy(m, "\x02\x40")
	copy(m[5:], "*UDF Metadata Partition")
	copy(m[36:], unpacktest.LE(uint16(1), uint16(0), uint32(10), uint32(11)))
	list := func(d *disk, content []byte) []byte {
		list := unpacktest.Join(short(sector, 50), short(31*sector, 51))
		kind, fields := descriptor(250, 0, 32*sector, false, list, nil)
		d.put(first+10, kind, fields)
		d.content(200, content)
		return long(len(content), 200, 0)
	}
	return layout{shift: 50, maps: unpacktest.Join([]byte{1, 6, 1, 0, 0, 0}, m), extents: 1, list: list}
}

func sparable(used bool) layout {
	m := make([]byte, 64)
	copy(m, "\x02\x40")
	copy(m[5:], "*UDF Sparable Partition")
	copy(m[36:], unpacktest.LE(uint16(1), uint16(0), uint16(32), byte(1), byte(0), uint32(sector), uint32(90)))
	return layout{maps: m, list: func(d *disk, content []byte) []byte {
		original := uint32(0xffffffff)
		if used {
			original = 7
		}
		d.put(90, 0, map[int][]byte{48: unpacktest.LE(uint16(1)), 56: unpacktest.LE(original, uint32(500))})
		return inOne(d, content)
	}}
}

func TestUDF(t *testing.T) {
	t.Parallel()
	packed := unpacktest.GzipOf(t, unpacktest.Join(unpacktest.Pages(3000), unpacktest.Eicar()))
	small := unpacktest.GzipOf(t, unpacktest.Eicar())
	inline := layout{extents: 3, list: func(_ *disk, content []byte) []byte { return content }}
	plain := layout{list: inOne}
	hole := layout{list: func(d *disk, content []byte) []byte {
		return unpacktest.Join(short(1<<30|sector, 0), inOne(d, content[sector:]))
	}}
	bridge := unpacktest.Gunzipped(t, "bridge.iso.gz")
	alone := bytes.ReplaceAll(bridge, []byte("CD001"), []byte("xxxxx"))
	damaged := bytes.Clone(plain.image(packed))
	copy(damaged[(first+2)*sector:], make([]byte, 16))
	other := bytes.Clone(plain.image(packed))
	copy(other[70*sector:], make([]byte, 3*sector))
	virtual := sparable(false)
	virtual.maps = bytes.Replace(virtual.maps, []byte("*UDF Sparable"), []byte("*UDF Virtual "), 1)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "inline", Content: inline.image(small), Want: unpacktest.Infected},
		{Name: "in one extent", Content: plain.image(packed), Want: unpacktest.Infected},
		{Name: "in one extent, harmless", Content: plain.image(unpacktest.Pages(3000)), Want: unpacktest.Clean},
		{
			Name:    "in two extents that go backwards",
			Content: layout{extents: 1, list: inTwo}.image(packed),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "in extents that are continued",
			Content: layout{list: continued}.image(packed),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "extended descriptor",
			Content: layout{extents: 1, list: inTwo, extended: true}.image(packed),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "named stream",
			Content: layout{extents: 1, list: inTwo, streams: true}.image(packed),
			Want:    unpacktest.Infected,
		},
		{Name: "metadata partition", Content: mapped().image(packed), Want: unpacktest.Infected},
		{Name: "metadata partition, harmless", Content: mapped().image(unpacktest.Pages(3000)), Want: unpacktest.Clean},
		{Name: "sparable partition", Content: sparable(false).image(packed), Want: unpacktest.Infected},
		{
			Name:    "sparable partition with spare sectors in use",
			Content: sparable(true).image(unpacktest.Pages(3000)),
			Want:    "unsupported-archive",
		},
		{Name: "virtual partition", Content: virtual.image(unpacktest.Pages(3000)), Want: "unsupported-archive"},
		{Name: "file whose descriptor is gone", Content: damaged, Want: unpacktest.Infected},
		{Name: "volume whose descriptors are gone", Content: other, Want: unpacktest.Infected},
		{Name: "cut", Content: plain.image(unpacktest.Pages(90000))[:250*sector], Want: "unsupported-archive"},
		{
			Name:    "with a hole in front",
			Content: hole.image(unpacktest.Join(make([]byte, sector), packed)),
			Want:    unpacktest.Infected,
		},
		{Name: "genisoimage", Content: bridge, Want: unpacktest.Clean},
		{Name: "genisoimage, without ISO 9660", Content: alone, Want: unpacktest.Clean},
		{Name: "mkudffs", Content: unpacktest.Gunzipped(t, "hd.img.gz"), Want: unpacktest.Clean},
		{
			Name:    "and a gzip",
			Content: unpacktest.Join(plain.image(unpacktest.Pages(3000)), small),
			Want:    unpacktest.Infected,
		},
	})
}

// TestBridge checks an image with ISO 9660 and UDF, which is clean only if the file is
// harmless in both.
func TestBridge(t *testing.T) {
	t.Parallel()
	harmless := unpacktest.Gunzipped(t, "bridge.iso.gz")
	at := bytes.Index(harmless, []byte("1 harmless line"))
	if at < 2 {
		t.Fatal("harmless.txt is not in the image")
	}
	at = at / 2048 * 2048
	infected := bytes.Clone(harmless)
	copy(infected[at:at+3000], unpacktest.GzipOf(t, unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar())))
	samples := []unpacktest.Sample{
		{Name: "harmless", Content: harmless, Want: unpacktest.Clean},
		{Name: "infected", Content: infected, Want: unpacktest.Infected},
		{
			Name:    "infected, without UDF",
			Content: bytes.ReplaceAll(infected, []byte("NSR0"), []byte("xxxx")),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "infected, without ISO 9660",
			Content: bytes.ReplaceAll(infected, []byte("CD001"), []byte("xxxxx")),
			Want:    unpacktest.Infected,
		},
		{Name: "infected, of raw sectors", Content: unpacktest.RawCDOf(infected), Want: unpacktest.Infected},
	}
	unpacktest.Try(t, formats.All(), samples)
}

// TestContent checks that files of an image by another program are scanned byte for
// byte.
func TestContent(t *testing.T) {
	t.Parallel()
	alone := bytes.ReplaceAll(unpacktest.Gunzipped(t, "bridge.iso.gz"), []byte("CD001"), []byte("xxxxx"))
	at := bytes.Index(alone, []byte("1 harmless line"))
	if at < 2 {
		t.Fatal("harmless.txt is not in the image")
	}
	at = at / 2048 * 2048
	got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, alone, unpacktest.Exact(alone[at:at+3000]))
	if got.Outcome != unpack.Found {
		t.Errorf("got %+v, want harmless.txt scanned", got)
	}
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "UDF", Pack: func(_ testing.TB, b []byte) []byte {
			return layout{list: inOne}.image(b)
		}, Head: 35 << 10, Unsearched: true, Endless: true},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzUDF(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		mapped().image(unpacktest.Pages(300)),
		sparable(true).image(unpacktest.Pages(300)),
		layout{list: continued}.image(unpacktest.Pages(3000)),
		layout{extents: 1, list: inTwo, streams: true}.image(unpacktest.Pages(3000)))
}
