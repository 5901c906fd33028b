package tar_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// entry is one member of a tar.
type entry struct {
	name    string
	kind    byte // '0' if zero
	magic   string
	size    int // in the header, if sized is set
	sized   bool
	content []byte
	change  func(header []byte)
}

// archive writes a tar of entries.
func archive(entries ...entry) []byte {
	var out []byte
	for _, e := range entries {
		h := make([]byte, 512)
		copy(h, e.name)
		size := len(e.content)
		if e.sized {
			size = e.size
		}
		copy(h[100:], "0000644\x000000000\x000000000\x00")
		copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", size, 0))
		h[156] = max(e.kind, '0')
		if e.magic == "" {
			e.magic = "ustar\x0000"
		}
		copy(h[257:], e.magic)
		if e.change != nil {
			e.change(h)
		}
		unpacktest.SumTar(h)
		out = append(append(append(out, h...), e.content...), make([]byte, -len(e.content)&511)...)
	}
	return append(out, make([]byte, 1024)...)
}

// record is one record of a pax header.
func record(key, value string) string {
	body := fmt.Sprintf(" %s=%s\n", key, value)
	size := len(body)
	for {
		s := fmt.Sprintf("%d%s", size, body)
		if len(s) == size {
			return s
		}
		size = len(s)
	}
}

func extended(kind byte, records ...string) entry {
	return entry{name: "pax", kind: kind, content: []byte(strings.Join(records, ""))}
}

// hole is the number of zeros before and after the content of a sparse member.
const hole = 1000

func whole(content []byte) []byte {
	return unpacktest.Join(make([]byte, hole), content, make([]byte, hole))
}

const oldGNU = "ustar  \x00"

func gnuSparse(content []byte) []byte {
	half := len(content) / 2
	return archive(entry{name: "a", kind: 'S', magic: oldGNU, content: content, change: func(h []byte) {
		copy(h[386:], fmt.Sprintf("%011o\x00%011o\x00", hole, half))
		copy(h[410:], fmt.Sprintf("%011o\x00%011o\x00", hole+half, len(content)-half))
		copy(h[434:], fmt.Sprintf("%011o\x00%011o\x00", 2*hole+len(content), 0))
		copy(h[483:], fmt.Sprintf("%011o\x00", 2*hole+len(content)))
	}})
}

// longSparse has a second block of pieces after the header.
func longSparse(content []byte) []byte {
	const piece = 10
	more := make([]byte, 512)
	copy(more, fmt.Sprintf("%011o\x00%011o\x00", hole+4*piece, len(content)-4*piece))
	out := archive(entry{
		name: "a", kind: 'S', magic: oldGNU, content: unpacktest.Join(more, content), size: len(content), sized: true,
		change: func(h []byte) {
			for i := range 4 {
				copy(h[386+24*i:], fmt.Sprintf("%011o\x00%011o\x00", hole+i*piece, piece))
			}
			h[482] = 1
			copy(h[483:], fmt.Sprintf("%011o\x00", 2*hole+len(content)))
		},
	})
	return out
}

func starSparse(content []byte) []byte {
	return archive(entry{name: "a", kind: 'S', content: content, change: func(h []byte) {
		copy(h[356:], fmt.Sprintf("%011o %011o ", hole, len(content)))
		copy(h[452:], fmt.Sprintf("%011o ", 2*hole+len(content)))
		copy(h[508:], "tar\x00")
	}})
}

func paxSparse00(content []byte) []byte {
	return archive(
		extended('x', record("GNU.sparse.size", fmt.Sprint(2*hole+len(content))), record("GNU.sparse.numblocks", "2"),
			record("GNU.sparse.offset", fmt.Sprint(hole)), record("GNU.sparse.numbytes", "7"),
			record("GNU.sparse.offset", fmt.Sprint(hole+7)), record("GNU.sparse.numbytes", fmt.Sprint(len(content)-7))),
		entry{name: "a", content: content})
}

func paxSparse01(content []byte) []byte {
	return archive(
		extended('x', record("GNU.sparse.size", fmt.Sprint(2*hole+len(content))), record("GNU.sparse.name", "a"),
			record(
				"GNU.sparse.map",
				fmt.Sprintf("%d,7,%d,%d", hole, hole+7, len(content)-7))), entry{name: "a", content: content},
	)
}

func paxSparse10(content []byte) []byte {
	list := fmt.Appendf(nil, "2\n%d\n%d\n%d\n0\n", hole, len(content), 2*hole+len(content))
	return archive(
		extended('x', record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0"), record("GNU.sparse.name", "a"),
			record("GNU.sparse.realsize", fmt.Sprint(2*hole+len(content)))),
		entry{name: "a", content: unpacktest.Join(list, make([]byte, 512-len(list)), content)})
}

func sparseKinds() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		"GNU": gnuSparse, "GNU, long map": longSparse, "star": starSparse,
		"pax 0.0": paxSparse00, "pax 0.1": paxSparse01, "pax 1.0": paxSparse10,
	}
}

// TestSparse checks that the whole of a sparse member is scanned.
func TestSparse(t *testing.T) {
	t.Parallel()
	for name, pack := range sparseKinds() {
		content := unpacktest.Pages(3000)
		got := unpacktest.Check(
			t,
			unpack.Checker{Formats: formats.All()},
			pack(content),
			unpacktest.Exact(whole(content)),
		)
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want the whole member scanned", name, got)
		}
	}
	for _, name := range []string{"gnu", "posix-0.0", "posix-0.1", "posix-1.0"} {
		content := unpacktest.Fixture(t, "sparse-"+name+".tar")
		in := tar.NewReader(bytes.NewReader(content))
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, content, unpacktest.Exact(want))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want the whole member scanned", name, got)
		}
	}
}

// TestManySparseMaps checks that a chain of empty sparse maps is read a few times, and
// not once for each of them.
func TestManySparseMaps(t *testing.T) {
	t.Parallel()
	const blocks = 2000
	maps := make([]byte, 512*blocks)
	for at := 504; at < len(maps)-512; at += 512 {
		maps[at] = 1 // another map follows
	}
	content := archive(entry{
		name: "a", kind: 'S', magic: oldGNU, content: maps, sized: true,
		change: func(h []byte) {
			h[482] = 1
			copy(h[483:], fmt.Sprintf("%011o\x00", 0))
		},
	})
	if _, spent := unpacktest.Bounded(t, formats.All(), content); spent.Read > 16*int64(len(content)) {
		t.Errorf("got %d bytes read of a file of %d, want at most 16 times as many", spent.Read, len(content))
	}
}

// TestSkippedBlocks checks that what a tar in the middle of other content skips after a
// broken header is searched: damage in such a tar is not refused.
func TestSkippedBlocks(t *testing.T) {
	t.Parallel()
	evil := unpacktest.GoZip(t, "a", unpacktest.Join(unpacktest.Pages(700), unpacktest.Eicar()))
	first := archive(entry{name: "a", content: unpacktest.Pages(100)})
	first = first[:len(first)-1024]
	skipped := unpacktest.Join(evil, make([]byte, -len(evil)&511))
	content := unpacktest.Join(unpacktest.Pages(5000), first, skipped, make([]byte, 1024), unpacktest.Pages(100<<10))
	got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, content, unpacktest.Marker)
	if v := unpacktest.Verdict(got); v != unpacktest.Infected {
		t.Errorf("got %q (%s), want %q", v, got.Detail, unpacktest.Infected)
	}
}

// TestManyHeaders checks that headers without an end, in the middle of other content,
// are not read again from each of them.
func TestManyHeaders(t *testing.T) {
	t.Parallel()
	entries := make([]entry, 8000)
	for i := range entries {
		entries[i] = extended('x')
	}
	content := archive(entries...)
	content = unpacktest.Join(unpacktest.Pages(5000), content[:len(content)-1024])
	_, spent := unpacktest.Bounded(t, formats.All(), content)
	if most := 16 * int64(len(content)); spent.Read > most {
		t.Errorf("got %d bytes read of a file of %d, want at most %d", spent.Read, len(content), most)
	}
}

func TestSparseMembers(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	evil := unpacktest.GzipOf(t, unpacktest.Eicar())
	for name, pack := range sparseKinds() {
		samples = append(samples,
			unpacktest.Sample{
				Name:    name,
				Content: pack(unpacktest.GzipOf(t, unpacktest.Pages(3000))),
				Want:    unpacktest.Clean,
			},
			unpacktest.Sample{Name: name + ", infected", Content: pack(evil), Want: unpacktest.Infected})
	}
	over := strings.Replace(string(paxSparse01(unpacktest.Pages(3000))), "1007,2993", "1006,2993", 1)
	short := bytes.Replace(paxSparse10(unpacktest.Pages(3000)), []byte("\n1000\n3000\n"), []byte("\n1000\n3001\n"), 1)
	unpacktest.Try(t, formats.All(), append(samples,
		unpacktest.Sample{Name: "GNU's own", Content: unpacktest.Fixture(t, "sparse-gnu.tar"), Want: unpacktest.Clean},
		unpacktest.Sample{
			Name:    "GNU's own 0.0",
			Content: unpacktest.Fixture(t, "sparse-posix-0.0.tar"),
			Want:    unpacktest.Clean,
		},
		unpacktest.Sample{
			Name:    "GNU's own 0.1",
			Content: unpacktest.Fixture(t, "sparse-posix-0.1.tar"),
			Want:    unpacktest.Clean,
		},
		unpacktest.Sample{
			Name:    "GNU's own 1.0",
			Content: unpacktest.Fixture(t, "sparse-posix-1.0.tar"),
			Want:    unpacktest.Clean,
		},
		unpacktest.Sample{Name: "pieces that overlap", Content: []byte(over), Want: "damaged"},
		unpacktest.Sample{Name: "pieces beyond what is stored", Content: short, Want: "damaged"},
		unpacktest.Sample{
			Name: "holes of Sun's tar",
			Content: archive(
				extended('x', record("SUN.holesdata", " 0 512 1024")),
				entry{name: "a", content: unpacktest.Pages(512)},
			),
			Want: "unsupported-archive",
		},
	))
}

func TestTar(t *testing.T) {
	t.Parallel()
	harmless, evil := unpacktest.Pages(3000), unpacktest.Eicar()
	packed := unpacktest.GzipOf(t, evil)
	plain := unpacktest.TarOf(t, harmless, harmless)
	zeros := append(slices.Clip(plain), make([]byte, 9000)...)
	old := func(h []byte) { clear(h[257:]) }
	file := entry{name: "a", content: harmless}
	member := func(kind byte, content []byte) []byte {
		return archive(file, entry{name: "b", kind: kind, content: content}, file)
	}
	binary := func(h []byte) {
		clear(h[124:136])
		h[124], h[134], h[135] = 0x80, byte(len(packed)>>8), byte(len(packed))
	}
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "tar", Content: plain, Want: unpacktest.Clean},
		{Name: "tar infected", Content: unpacktest.TarOf(t, harmless, evil), Want: unpacktest.Infected},
		{
			Name:    "tar with a zip64",
			Content: unpacktest.TarOf(t, harmless, unpacktest.Wide64(t)),
			Want:    unpacktest.Infected,
		},
		{Name: "tar with a zstd", Content: unpacktest.TarOf(t, unpacktest.ZstdOf(t, harmless)), Want: unpacktest.Clean},
		{Name: "tar cut in a member", Content: plain[:5000], Want: "damaged"},
		{
			Name:    "tar cut in a member, infected",
			Content: unpacktest.Join(plain[:512], packed),
			Want:    unpacktest.Infected,
		},
		{Name: "tar cut between members", Content: plain[:512+3072], Want: "damaged"},
		{Name: "tar without its end", Content: plain[:len(plain)-1024], Want: "damaged"},
		{Name: "tar with a broken second header", Content: unpacktest.Flipped(plain, 512+3072+3), Want: "damaged"},
		{
			Name:    "tar with a broken header before an infected member",
			Content: unpacktest.Flipped(unpacktest.TarOf(t, harmless, packed, packed), 512+3072+3),
			Want:    unpacktest.Infected,
		},
		{Name: "tar and a zstd", Content: unpacktest.Join(plain, packed), Want: unpacktest.Infected},
		{Name: "tar, zeros and a zstd", Content: unpacktest.Join(zeros, packed), Want: unpacktest.Infected},
		{
			Name:    "tar and a tar of version 7",
			Content: unpacktest.Join(plain, archive(entry{name: "a", content: packed, change: old})),
			Want:    unpacktest.Infected,
		},
		{Name: "tgz", Content: unpacktest.GzipOf(t, plain), Want: unpacktest.Clean},
		{Name: "tgz cut", Content: unpacktest.GzipOf(t, plain)[:len(unpacktest.GzipOf(t, plain))/2], Want: "damaged"},
		{Name: "tgz of a cut tar", Content: unpacktest.GzipOf(t, plain[:5000]), Want: "damaged"},
		{Name: "tar.zst infected", Content: unpacktest.ZstdOf(t, unpacktest.TarOf(t, evil)), Want: unpacktest.Infected},

		{Name: "version 7", Content: archive(entry{name: "a", content: harmless, change: old}), Want: unpacktest.Clean},
		{
			Name:    "version 7, infected",
			Content: archive(entry{name: "a", content: packed, change: old}),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "version 7 without a name",
			Content: archive(entry{content: packed, change: old}),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "size in base 256",
			Content: archive(entry{name: "a", content: packed, change: binary}, file),
			Want:    unpacktest.Infected,
		},
		{Name: "folder list", Content: member('D', packed), Want: unpacktest.Infected},
		{Name: "names of old GNU", Content: member('N', packed), Want: unpacktest.Infected},
		{Name: "volume header with content", Content: member('V', packed), Want: unpacktest.Infected},
		{Name: "unknown type", Content: member('Q', packed), Want: unpacktest.Infected},
		{Name: "contiguous", Content: member('7', packed), Want: unpacktest.Infected},
		{Name: "continued from another volume", Content: member('M', harmless), Want: "unsupported-archive"},
		{Name: "continued from another volume, infected", Content: member('M', packed), Want: unpacktest.Infected},
		{Name: "Sun's header as a file", Content: member('X', packed), Want: unpacktest.Infected},
		{
			Name: "long name",
			Content: archive(
				entry{name: "././@LongLink", kind: 'L', content: unpacktest.Pages(300)},
				entry{name: "a", content: packed},
			),
			Want: unpacktest.Infected,
		},
		{Name: "hard link with content", Content: member('1', packed), Want: unpacktest.Infected},
		{
			Name: "hard link with a tar as its content", Content: archive(extended('x', record("path", "b")),
				entry{
					name:    "b",
					kind:    '1',
					content: archive(entry{name: "c", content: packed}),
				}, file), Want: unpacktest.Infected,
		},
		{
			Name: "hard link with a size and without content",
			Content: archive(
				file,
				entry{name: "b", kind: '1', size: 3000, sized: true},
				entry{name: "c", content: packed},
			),
			Want: unpacktest.Infected,
		},
		{
			Name:    "hard link with a size and without content, harmless",
			Content: archive(file, entry{name: "b", kind: '1', size: 3000, sized: true}, file),
			Want:    unpacktest.Clean,
		},
		{Name: "folder with content", Content: member('5', packed), Want: unpacktest.Infected},
		{
			Name: "folder with a size and without content",
			Content: archive(
				file,
				entry{name: "b", kind: '5', size: 700, sized: true},
				entry{name: "c", content: packed},
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "symbolic link with a size that spans a member",
			Content: archive(
				entry{name: "b", kind: '2', size: 1024, sized: true},
				entry{name: "c", content: packed},
				file,
			),
			Want: unpacktest.Infected,
		},

		{
			Name: "pax size",
			Content: archive(
				extended('x', record("size", fmt.Sprint(len(packed)))),
				entry{name: "a", content: packed, sized: true},
				file,
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "pax size, harmless",
			Content: archive(
				extended('x', record("size", "3000")),
				entry{name: "a", content: harmless, sized: true},
				file,
			),
			Want: unpacktest.Clean,
		},
		{
			Name: "pax size that hides a member",
			Content: archive(
				extended('x', record("size", "1536")),
				entry{name: "a"},
				entry{name: "b", content: packed},
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "header size that hides a member",
			Content: archive(
				extended('x', record("size", "0")),
				entry{name: "a", size: 1024, sized: true},
				entry{name: "b", content: packed},
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "global size",
			Content: archive(
				extended('g', record("size", fmt.Sprint(len(packed)))),
				entry{name: "a", content: packed, sized: true},
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "two pax sizes",
			Content: archive(
				extended('x', record("size", "0"), record("size", fmt.Sprint(len(packed)))),
				entry{name: "a", content: packed, sized: true},
			),
			Want: unpacktest.Infected,
		},
		{Name: "pax header that is broken", Content: archive(extended('x', "99 size=1\n"), file), Want: "damaged"},
		{
			Name:    "pax header that is broken before an infected member",
			Content: archive(extended('x', "99 size=1\n"), entry{name: "a", content: packed}),
			Want:    unpacktest.Infected,
		},
	})
}

// TestNamesOfOtherKinds checks tars that begin with the magic of another format, as the
// name of the first member.
func TestNamesOfOtherKinds(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	names := []string{"MZ", "BM", "ID3", "OggS", "From: x", "<html>", "{\\rtf1", "%PDF-1.4", "7z", "\x7fELF"}
	for _, name := range names {
		content := archive(
			entry{name: name, content: unpacktest.Pages(500)},
			entry{name: "a", content: unpacktest.GzipOf(t, unpacktest.Eicar())},
		)
		samples = append(samples, unpacktest.Sample{Name: name, Content: content, Want: unpacktest.Infected})
	}
	unpacktest.Try(t, formats.All(), samples)
}

// TestReadings checks that a tar with very many readings is refused.
func TestReadings(t *testing.T) {
	t.Parallel()
	var entries []entry
	for i := range 2000 {
		entries = append(
			entries,
			extended('x', record("size", fmt.Sprint(i*512))),
			entry{name: "a", kind: '1', size: 512 * (2000 - i), sized: true},
		)
	}
	got, _ := unpacktest.Bounded(t, formats.All(), archive(entries...))
	if unpacktest.Verdict(got) != "limit-files" {
		t.Errorf("got %+v, want limit-files", got)
	}
}

func containers() []unpacktest.Container {
	pack := func(pack func([]byte) []byte) func(testing.TB, []byte) []byte {
		return func(_ testing.TB, content []byte) []byte { return pack(content) }
	}
	all := []unpacktest.Container{
		{
			Name: "tar",
			Pack: func(t testing.TB, content []byte) []byte { return unpacktest.TarOf(t, content) },
			Head: 512,
		},
		{Name: "pax", Pack: pack(func(content []byte) []byte {
			return archive(extended('x', record("path", "b")), entry{name: "a", content: content})
		}), Head: 512},
		{Name: "version 7", Pack: pack(func(content []byte) []byte {
			return archive(entry{name: "a", content: content, change: func(h []byte) { clear(h[257:]) }})
		}), Head: 512, Unsearched: true},
	}
	return all
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzTar(f *testing.F) {
	text := unpacktest.Pages(300)
	var seeds [][]byte
	for _, pack := range sparseKinds() {
		seeds = append(seeds, pack(text))
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("/long", 60), Format: tar.FormatGNU}); err != nil {
		f.Fatal(err)
	}
	unpacktest.Fuzz(f, formats.All(), containers(), append(seeds, b.Bytes())...)
}
