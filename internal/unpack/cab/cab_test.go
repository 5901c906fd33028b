package cab_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// packed is a file in a folder.
type packed struct{ at, size int }

// cabinet writes a cabinet of one folder of stored blocks.
func cabinet(content []byte, files ...packed) []byte {
	var list []byte
	for _, f := range files {
		list = unpacktest.Join(
			list,
			unpacktest.LE(uint32(f.size), uint32(f.at), uint16(0), uint32(0), uint16(0x20)),
			[]byte("a\x00"),
		)
	}
	start := uint32(44 + len(list))
	return unpacktest.Join(
		[]byte("MSCF\x00\x00\x00\x00"),
		unpacktest.LE(start+8+uint32(len(content)), uint32(0), uint32(44), uint32(0),
			uint8(3), uint8(1), uint16(1), uint16(len(files)), uint16(0), uint32(0), start, uint16(1), uint16(0)), list,
		unpacktest.LE(uint32(0), uint16(len(content)), uint16(len(content))), content)
}

// lzxOf writes a cabinet with a folder of LZX, in stored blocks.
func lzxOf(content []byte) []byte {
	var blocks []byte
	count := uint16(0)
	for at := 0; at < len(content); at += 32 << 10 {
		part := content[at:min(at+32<<10, len(content))]
		// The first bit says that no calls were translated. Then come three bits of
		// block type and 24 bits of length.
		bits := uint64(3)<<24 | uint64(len(part))
		have := 27
		if at == 0 {
			have++
		}
		bits <<= 32 - have
		data := unpacktest.Join(
			unpacktest.LE(uint16(bits>>16), uint16(bits)),
			unpacktest.LE(uint32(1), uint32(1), uint32(1)),
			part,
		)
		if len(part)%2 == 1 {
			data = append(data, 0)
		}
		blocks = unpacktest.Join(blocks, unpacktest.LE(uint32(0), uint16(len(data)), uint16(len(part))), data)
		count++
	}
	list := unpacktest.Join(
		unpacktest.LE(uint32(len(content)), uint32(0), uint16(0), uint32(0), uint16(0x20)),
		[]byte("a\x00"),
	)
	start := uint32(44 + len(list))
	return unpacktest.Join(
		[]byte("MSCF\x00\x00\x00\x00"),
		unpacktest.LE(start+uint32(len(blocks)), uint32(0), uint32(44), uint32(0),
			uint8(
				3), uint8(1), uint16(1), uint16(1), uint16(0), uint32(0), start, count, uint16(15<<8|3)), list, blocks,
	)
}

func TestCabinet(t *testing.T) {
	t.Parallel()
	head, text, evil := unpacktest.Pages(100), unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	long := unpacktest.Pages(100 << 10)
	mszip := unpacktest.CabOf(t, 1, unpacktest.Join(head, text))
	stored := unpacktest.CabOf(t, 0, unpacktest.Join(head, text))
	lzx := unpacktest.Fixture(t, "lzx-aligned.cab")
	reserved := unpacktest.Join(
		[]byte("MSCF\x01\x00\x00\x00"),
		unpacktest.CabOf(t, 1, unpacktest.Join(head, evil))[8:],
	)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "MSZIP", Content: mszip, Want: unpacktest.Clean},
		{
			Name:    "MSZIP of several blocks",
			Content: unpacktest.CabOf(t, 1, unpacktest.Join(head, long)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "MSZIP, infected",
			Content: unpacktest.CabOf(t, 1, unpacktest.Join(head, evil)),
			Want:    unpacktest.Infected,
		},
		{
			Name: "MSZIP of several blocks, infected",
			Content: unpacktest.CabOf(
				t,
				1,
				unpacktest.Join(head, unpacktest.GzipOf(t, unpacktest.Join(long, unpacktest.Eicar()))),
			),
			Want: unpacktest.Infected,
		},
		{
			Name:    "MSZIP behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.CabOf(t, 1, unpacktest.Join(head, evil))),
			Want:    unpacktest.Infected,
		},
		{Name: "MSZIP with a bit flipped", Content: unpacktest.Flipped(mszip, len(mszip)/2), Want: "damaged"},
		{Name: "MSZIP with another reserved field, infected", Content: reserved, Want: unpacktest.Infected},
		{Name: "stored", Content: stored, Want: unpacktest.Clean},
		{
			Name:    "stored, infected",
			Content: unpacktest.CabOf(t, 0, unpacktest.Join(head, evil)),
			Want:    unpacktest.Infected,
		},
		{Name: "stored with a bit flipped", Content: unpacktest.Flipped(stored, 2000), Want: "damaged"},
		{
			Name: "files that overlap, infected",
			Content: cabinet(
				unpacktest.Join(evil, text),
				packed{at: 0, size: 3000},
				packed{at: 0, size: len(evil)},
				packed{at: 1, size: 2000},
			),
			Want: unpacktest.Infected,
		},
		{
			Name:    "files that overlap",
			Content: cabinet(text, packed{at: 0, size: 3000}, packed{at: 1, size: 2000}, packed{at: 2, size: 900}),
			Want:    unpacktest.Clean,
		},
		{Name: "LZX", Content: unpacktest.Fixture(t, "lzx-verbatim.cab"), Want: unpacktest.Clean},
		{Name: "LZX with aligned distances", Content: lzx, Want: unpacktest.Clean},
		{Name: "LZX with a bit flipped", Content: unpacktest.Flipped(lzx, 600), Want: "damaged"},
		{Name: "LZX, infected", Content: lzxOf(evil), Want: unpacktest.Infected},
		{
			Name:    "LZX that is none",
			Content: unpacktest.CabOf(t, 15<<8|3, unpacktest.Join(head, text)),
			Want:    "damaged",
		},
		{
			Name:    "LZX with a window of 16 MiB",
			Content: unpacktest.CabOf(t, 24<<8|3, unpacktest.Join(head, text)),
			Want:    "unsupported-archive",
		},
		{Name: "Quantum", Content: unpacktest.Fixture(t, "quantum.cab"), Want: unpacktest.Clean},
		{
			Name:    "Quantum with a bit flipped",
			Content: unpacktest.Flipped(unpacktest.Fixture(t, "quantum.cab"), 600),
			Want:    "damaged",
		},
		{
			Name:    "unknown method",
			Content: unpacktest.CabOf(t, 4, unpacktest.Join(head, text)),
			Want:    "unsupported-archive",
		},
		{Name: "no files", Content: unpacktest.CabHead(100, 0), Want: unpacktest.Clean},
		{Name: "cut", Content: unpacktest.CabHead(3000, 0), Want: "damaged"},
		{Name: "of several", Content: unpacktest.CabHead(100, 2), Want: "unsupported-archive"},
		{Name: "and a gzip", Content: unpacktest.Join(stored, evil), Want: unpacktest.Infected},
	})
}

// TestBytesOfNoFile checks that containers in bytes of a cabinet that belong to no file
// are found, also if the cabinet is in the middle of other content.
func TestBytesOfNoFile(t *testing.T) {
	t.Parallel()
	evil := unpacktest.GoZip(t, "a", unpacktest.Join(unpacktest.Pages(700), unpacktest.Eicar()))
	whole := unpacktest.CabOf(t, 0, unpacktest.Pages(3000))
	size := func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[8:], uint32(len(b)))
		return b
	}
	// A cabinet whose header has a reserved field: flag 4, and the sizes of the fields.
	reserve := unpacktest.Join(whole[:36], unpacktest.LE(uint16(len(evil)), byte(0), byte(0)), evil, whole[36:])
	binary.LittleEndian.PutUint16(reserve[30:], 4)
	shift := uint32(len(evil) + 4)
	for _, at := range []int{16, 36 + len(evil) + 4} { // offsets of the files' headers and of the blocks
		binary.LittleEndian.PutUint32(reserve[at:], binary.LittleEndian.Uint32(reserve[at:])+shift)
	}
	for name, cabinet := range map[string][]byte{
		"after the blocks": size(unpacktest.Join(whole, evil)),
		"reserved field":   size(reserve),
	} {
		for where, content := range map[string][]byte{
			"alone":   unpacktest.Join(cabinet, make([]byte, 100<<10)),
			"in text": unpacktest.Join(unpacktest.Pages(5000), cabinet, unpacktest.Pages(100<<10)),
		} {
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, content, unpacktest.Marker)
			if v := unpacktest.Verdict(got); v != unpacktest.Infected {
				t.Errorf("%s, %s: got %q (%s), want %q", name, where, v, got.Detail, unpacktest.Infected)
			}
		}
	}
}

// TestFarFile checks that a file at an offset of gigabytes in a small folder is
// damaged, and that no more is unpacked than the folder has.
func TestFarFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"stored":  unpacktest.CabOf(t, 0, unpacktest.Pages(3100)),
		"MSZIP":   unpacktest.CabOf(t, 1, unpacktest.Pages(3100)),
		"LZX":     lzxOf(unpacktest.Pages(3000)),
		"Quantum": unpacktest.Fixture(t, "quantum.cab"),
	} {
		far := bytes.Clone(content)
		files := binary.LittleEndian.Uint32(far[16:])
		copy(far[files+4:], "\x00\x00\x00\xf0")
		got, spent := unpacktest.Bounded(t, formats.All(), far)
		if unpacktest.Verdict(got) != "damaged" || spent.Unpacked > 1<<20 {
			t.Errorf("%s: got %+v, %d bytes unpacked, want damaged, and at most a megabyte", name, got, spent.Unpacked)
		}
	}
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name: "stored",
			Pack: func(t testing.TB, b []byte) []byte {
				return unpacktest.CabOf(t, 0, unpacktest.Join(unpacktest.Pages(100), b))
			},
			Head: 36,
		},
		{
			Name: "MSZIP",
			Pack: func(t testing.TB, b []byte) []byte {
				return unpacktest.CabOf(t, 1, unpacktest.Join(unpacktest.Pages(100), b))
			},
			Head: 36,
		},
		{Name: "LZX", Pack: func(_ testing.TB, b []byte) []byte { return lzxOf(b) }, Head: 36},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzCabinet(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		unpacktest.Fixture(f, "lzx-verbatim.cab"),
		unpacktest.Fixture(f, "lzx-aligned.cab"),
		unpacktest.Fixture(f, "quantum.cab"), unpacktest.CabHead(100, 4))
}
