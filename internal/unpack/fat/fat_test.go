package fat_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// packed is a gzip of three kilobytes. Only its first cluster is recognised in the
// clusters of a volume.
func packed(t testing.TB, last []byte) []byte {
	t.Helper()
	var text []byte
	for i := range 900 {
		text = fmt.Appendf(text, "%x\n", uint32(i+1)*2654435761)
	}
	return unpacktest.GzipOf(t, unpacktest.Join(text, last))
}

func TestFAT(t *testing.T) {
	t.Parallel()
	evil, harmless := packed(t, unpacktest.Eicar()), packed(t, nil)
	if len(evil) < 3*cluster {
		t.Fatalf("content of %d bytes, want more than three clusters", len(evil))
	}
	var samples []unpacktest.Sample
	add := func(want, name string, d *disk) {
		samples = append(samples, unpacktest.Sample{
			Name: fmt.Sprintf("FAT%d, %s", d.kind, name), Content: d.bytes(), Want: want,
		})
	}
	for _, kind := range []int{12, 16, 32} {
		start := backwards(evil)[0]
		with := func(change func(d *disk)) *disk {
			d := scattered(kind, evil)
			change(d)
			return d
		}
		add(unpacktest.Clean, "harmless", scattered(kind, harmless))
		add(unpacktest.Infected, "in pieces", scattered(kind, evil))
		add(unpacktest.Infected, "by the second copy of the table", with(func(d *disk) {
			d.other = map[int]uint32{start: d.chains[start]}
			d.chains[start] = endMark
			d.in(file(start, len(evil)))
		}))
		add("damaged", "chain that ends early", with(func(d *disk) { d.chains[start-2] = endMark; d.copies = 1 }))
		if kind == 16 { // volumes of 4 MiB, which differ from the others only in the table
			continue
		}
		add(unpacktest.Infected, "in a folder of a folder", with(func(d *disk) {
			d.chain(entries(entry(".", 0x10, 30, 0), entry("..", 0x10, 0, 0), folder(33)), 30)
			d.chain(entries(make([]byte, cluster), file(start, len(evil))), 33, 31)
			copy(d.content[33], bytes.Repeat(file(0, 0), cluster/32))
			d.in(folder(30))
		}))
		add(unpacktest.Infected, "with a long name", with(func(d *disk) {
			d.in(longName(0x41, "evil"), file(start, len(evil)))
		}))
		add(unpacktest.Infected, "hidden, and of the system", with(func(d *disk) {
			d.in(entry("A       TXT", 0x06, start, len(evil)))
		}))
		add(unpacktest.Infected, "behind the folder's end", with(func(d *disk) {
			d.in(file(0, 0), make([]byte, 32), file(start, len(evil)))
		}))
		add(unpacktest.Clean, "something else behind the folder's end", with(func(d *disk) {
			d.in(file(0, 0), make([]byte, 32), bytes.Repeat([]byte("\x01 any "), 30))
		}))
		add(unpacktest.Clean, "deleted", with(func(d *disk) {
			d.in(entry("\xe5       TXT", 0x20, start, len(evil)))
		}))
		add("damaged", "chain that leads to a free cluster", with(func(d *disk) { d.chains[start-2] = 0; d.copies = 1 }))
		add("damaged", "chain that leads to itself", with(func(d *disk) { d.chains[start-2] = uint32(start - 2) }))
		add("damaged", "chain that leads in a circle", with(func(d *disk) { d.chains[start-4] = uint32(start - 2) }))
		add("damaged", "cluster that is not there", with(func(d *disk) { d.in(file(d.clusters+2, 9)) }))
		add("damaged", "file in no cluster", with(func(d *disk) { d.in(file(0, 9)) }))
		add("damaged", "folder that leads in a circle", with(func(d *disk) {
			d.chain(bytes.Repeat(file(0, 0), 2*cluster/32), 30, 31)
			d.chains[31] = 30
			d.in(folder(30))
		}))
		add(unpacktest.Clean, "folders in one another", with(func(d *disk) {
			d.chain(entries(folder(31)), 30)
			d.chain(entries(folder(30)), 31)
			d.in(folder(30), folder(31))
		}))
		add(unpacktest.Infected, "damaged file before an infected one", with(func(d *disk) {
			d.in(file(0, 9), file(40, 9), folder(99), file(start, len(evil)))
		}))
		add(unpacktest.Infected, "without jump and mark", with(func(d *disk) {
			d.boot = map[int][]byte{0: {0, 0, 0}, 510: {0, 0}}
		}))
	}
	short := scattered(12, evil)
	short.boot = map[int][]byte{19: unpacktest.LE(uint16(8))}
	labelled := scattered(16, evil)
	labelled.clusters, labelled.boot = 100, map[int][]byte{54: []byte("FAT16   ")}
	whole := scattered(12, harmless).bytes()
	second := scattered(32, evil)
	second.other = map[int]uint32{backwards(evil)[0]: endMark}
	second.chains, second.other = map[int]uint32{}, second.chains
	second.other[second.rootCluster()] = endMark
	second.boot = map[int][]byte{40: {0x81}}
	samples = append(samples, []unpacktest.Sample{
		{Name: "cut", Content: whole[:len(whole)-cluster], Want: "damaged"},
		{Name: "sizes that contradict each other", Content: short.bytes(), Want: "damaged"},
		{Name: "FAT16 by its label alone", Content: labelled.bytes(), Want: unpacktest.Infected},
		{Name: "FAT32 whose second table is the active one", Content: second.bytes(), Want: unpacktest.Infected},
		{Name: "boot sector alone", Content: whole[:sector], Want: unpacktest.Clean},
		{Name: "mkfs.fat, FAT12", Content: unpacktest.Gunzipped(t, "fat12.img.gz"), Want: unpacktest.Clean},
		{Name: "mkfs.fat, FAT16", Content: unpacktest.Gunzipped(t, "fat16.img.gz"), Want: unpacktest.Clean},
	}...)
	unpacktest.Try(t, formats.All(), samples)
}

// TestContent checks that a file in pieces, in a folder of a folder, is scanned byte
// for byte in volumes by other programs.
func TestContent(t *testing.T) {
	t.Parallel()
	var want []byte
	for i := range 1000 {
		want = fmt.Appendf(want, "%d harmless line\n", i+1)
	}
	for _, name := range []string{"fat12.img", "fat16.img", "efi.iso", "appended.iso"} {
		image := unpacktest.Gunzipped(t, name+".gz")
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, image, unpacktest.Exact(want))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want the file scanned byte for byte", name, got)
		}
	}
}

// TestNames checks that a refusal has the long name of the file.
func TestNames(t *testing.T) {
	t.Parallel()
	sealed := []byte("Salted__12345678")
	d := newDisk(12)
	d.chain(sealed, 20)
	d.chain(entries(longName(0x42, "xt"), longName(1, "a long name.t"), file(20, len(sealed))), 30)
	d.in(folder(30))
	got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, d.bytes(), unpacktest.FindsNothing)
	if want := "B/a long name.txt: openssl enc"; got.Detail != want {
		t.Errorf("got %+v, want the detail %q", got, want)
	}
}

// TestDisks checks that FAT in partitions is opened, and refused beside other file
// systems.
func TestDisks(t *testing.T) {
	t.Parallel()
	evil := scattered(12, packed(t, unpacktest.Eicar())).bytes()
	harmless := scattered(12, packed(t, nil)).bytes()
	both := func(first, second []byte) []byte {
		b := unpacktest.MBROf(0x0c, unpacktest.Join(first, second))
		copy(b[462:], unpacktest.Join(
			[]byte{0, 0, 0, 0, 0x83, 0, 0, 0}, unpacktest.LE(uint32(8+len(first)/512), uint32(len(second)/512)),
		))
		return b
	}
	logical := func(b []byte) []byte { return unpacktest.MBROf(0x0f, unpacktest.ChainedOf(b)) }
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "MBR", Content: unpacktest.MBROf(0x0c, harmless), Want: unpacktest.Clean},
		{Name: "MBR, infected", Content: unpacktest.MBROf(0x0c, evil), Want: unpacktest.Infected},
		{Name: "MBR, cut", Content: unpacktest.MBROf(0x0c, harmless[:len(harmless)-sector]), Want: "damaged"},
		{Name: "logical", Content: logical(harmless), Want: unpacktest.Clean},
		{Name: "logical, infected", Content: logical(evil), Want: unpacktest.Infected},
		{Name: "GPT", Content: unpacktest.GPTOf(harmless), Want: unpacktest.Clean},
		{Name: "GPT, infected", Content: unpacktest.GPTOf(evil), Want: unpacktest.Infected},
		{Name: "two", Content: both(harmless, harmless), Want: unpacktest.Clean},
		{Name: "two, the second infected", Content: both(harmless, evil), Want: unpacktest.Infected},
		{Name: "beside ext", Content: both(harmless, unpacktest.ExtOf()), Want: "unsupported-archive"},
		{Name: "infected, beside ext", Content: both(evil, unpacktest.ExtOf()), Want: unpacktest.Infected},
	})
}

// TestBootableCD checks a CD that boots with EFI: it has a FAT volume, as a file or as
// a partition after its own files.
func TestBootableCD(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	for _, name := range []string{"efi.iso", "appended.iso"} {
		harmless := unpacktest.Gunzipped(t, name+".gz")
		volume := scattered(12, packed(t, unpacktest.Eicar())).bytes()
		at := bytes.Index(harmless, []byte("mkfs.fat")) - 3
		if at < 0 || len(volume) > 64<<10 {
			t.Fatalf("%s: no volume at %d, or one of %d bytes is too large", name, at, len(volume))
		}
		infected := bytes.Clone(harmless)
		copy(infected[at:], volume)
		samples = append(samples, []unpacktest.Sample{
			{Name: name, Content: harmless, Want: unpacktest.Clean},
			{Name: name + ", infected", Content: infected, Want: unpacktest.Infected},
			{Name: name + ", infected, of raw sectors", Content: unpacktest.RawCDOf(infected), Want: unpacktest.Infected},
		}...)
	}
	unpacktest.Try(t, formats.All(), samples)
}

// TestOverlaps checks that many files that all take the whole volume are refused.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	d := newDisk(12)
	d.clusters = 400
	var all []int
	var files [][]byte
	for n := range d.clusters {
		all = append(all, n+2)
		if n < 32 {
			files = append(files, file(n+2, (d.clusters-n)*cluster))
		}
	}
	d.chain(unpacktest.Pages(d.clusters*cluster), all...)
	d.in(files...)
	got, _ := unpacktest.Bounded(t, formats.All(), d.bytes())
	if unpacktest.Verdict(got) != "limit-files" {
		t.Errorf("got %+v, want limit-files", got)
	}
}

func containers() []unpacktest.Container {
	var all []unpacktest.Container
	for _, kind := range []int{12, 32} {
		all = append(all, unpacktest.Container{
			Name: fmt.Sprintf("FAT%d", kind), Unsearched: true,
			Pack: func(_ testing.TB, b []byte) []byte {
				if len(b) > 1<<20 && kind == 12 {
					return scattered(16, b).bytes()
				}
				return scattered(kind, b).bytes()
			},
			Head: 4096,
		})
	}
	return all
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzFAT(f *testing.F) {
	loop := scattered(12, unpacktest.Pages(5000))
	loop.chains[4] = 6
	loop.in(folder(8), file(8, 5000), make([]byte, 32), folder(4))
	unpacktest.Fuzz(
		f, formats.All(), containers(),
		loop.bytes(), unpacktest.MBROf(0x0c, scattered(12, unpacktest.Pages(300)).bytes()),
	)
}
