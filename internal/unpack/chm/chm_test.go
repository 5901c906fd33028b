package chm_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const space = "::DataSpace/Storage/MSCompressed/"

// entry returns a file's entry in the directory.
func entry(name string, section, from, size int) []byte {
	out := append([]byte{byte(len(name))}, name...)
	for _, n := range []int{section, from, size} {
		var digits []byte
		for digits = []byte{byte(n & 0x7f)}; n > 0x7f; digits = append([]byte{byte(n&0x7f) | 0x80}, digits...) {
			n >>= 7
		}
		out = append(out, digits...)
	}
	return out
}

// helpOf returns help with one stored file, and two files in LZX: packed, and its
// second half. The blocks of LZX are not compressed.
func helpOf(stored, packed []byte) []byte {
	const frame, reset = 32 << 10, 2
	var stream, table []byte
	count := 0
	for at := 0; at < len(packed); at += frame {
		table = binary.LittleEndian.AppendUint64(table, uint64(len(stream)))
		size := min(frame, len(packed)-at)
		bits, have := uint64(3)<<24|uint64(size), 27
		if count%reset == 0 { // a bit in front says that addresses of calls are not translated
			have++
		}
		bits <<= 32 - have
		stream = append(stream, unpacktest.LE(uint16(bits>>16), uint16(bits), uint32(1), uint32(1), uint32(1))...)
		stream = append(stream, packed[at:at+size]...)
		if size%2 == 1 {
			stream = append(stream, 0)
		}
		count++
	}
	control := unpacktest.LE(uint32(6), []byte("LZXC"), uint32(2), uint32(reset), uint32(2), uint32(1), uint32(0))
	resets := unpacktest.Join(unpacktest.LE(uint32(2), uint32(count), uint32(8), uint32(40),
		uint64(len(packed)), uint64(len(stream)), uint64(frame)), table)
	var content, entries []byte
	for _, f := range []struct {
		name string
		b    []byte
	}{
		{"/stored", stored},
		{space + "ControlData", control},
		{space + "Content", stream},
		{space + "Transform/{7FC28940-9D31-11D0-9B27-00A0C91E9C7C}/InstanceData/ResetTable", resets},
	} {
		entries = append(entries, entry(f.name, 0, len(content), len(f.b))...)
		content = append(content, f.b...)
	}
	entries = append(entries, entry("/folder/", 0, 0, 0)...)
	half := len(packed) / 2
	entries = append(entries, entry("/second", 1, half, len(packed)-half)...)
	entries = append(entries, entry("/packed", 1, 0, len(packed))...)
	const header, list, chunk = 0x60, 0x54, 0x1000
	free := chunk - 0x14 - len(entries)
	page := unpacktest.Join([]byte("PMGL"), unpacktest.LE(uint32(free), make([]byte, 12)), entries)
	page = append(page, make([]byte, chunk-len(page))...)
	return unpacktest.Join(
		[]byte("ITSF"), unpacktest.LE(uint32(3), uint32(header), uint32(1)), make([]byte, 0x48-16),
		unpacktest.LE(uint64(header), uint64(list+chunk), uint64(header+list+chunk)),
		[]byte("ITSP"), unpacktest.LE(uint32(1), uint32(list), uint32(10), uint32(chunk)), make([]byte, list-20),
		page, content,
	)
}

func containers() []unpacktest.Container {
	some := unpacktest.Pages(200)
	return []unpacktest.Container{
		{
			Name: "stored", Head: 12, Endless: true,
			Pack: func(_ testing.TB, b []byte) []byte { return helpOf(b, some) },
		},
		{
			Name: "LZX", Head: 12, Endless: true,
			Pack: func(_ testing.TB, b []byte) []byte { return helpOf(some, b) },
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// TestReal checks help that halibut has written. testdata/README.md says how.
func TestReal(t *testing.T) {
	t.Parallel()
	whole, want := unpacktest.Fixture(t, "harmless.chm"), unpacktest.Fixture(t, "harmless.txt")
	c := unpack.Checker{Formats: formats.All()}
	if got := unpacktest.Check(t, c, whole, unpacktest.Exact(want)); got.Outcome != unpack.Found {
		t.Errorf("got %+v, want the file shown byte for byte", got)
	}
	if got := unpacktest.Check(t, c, whole, unpacktest.FindsNothing); got.Outcome != unpack.Clean {
		t.Errorf("got %+v, want clean", got)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	some := unpacktest.Pages(100 << 10)
	var samples []unpacktest.Sample
	for name, build := range map[string]func(b []byte) []byte{
		"stored":           func(b []byte) []byte { return helpOf(b, some) },
		"LZX":              func(b []byte) []byte { return helpOf(some[:99], append(some[:70001:70001], b...)) },
		"container in LZX": func(b []byte) []byte { return helpOf(some[:99], unpacktest.ZstdOf(t, b)) },
	} {
		samples = append(samples, unpacktest.Pair(name, build)...)
	}
	whole := unpacktest.Fixture(t, "harmless.chm")
	samples = append(samples,
		unpacktest.Sample{Name: "whole", Content: whole, Want: unpacktest.Clean},
		unpacktest.Sample{Name: "cut", Content: whole[:20000], Want: "damaged"},
		unpacktest.Sample{Name: "cut in the directory", Content: whole[:1000], Want: "damaged"},
		unpacktest.Sample{
			Name: "page with a wrong size", Want: "damaged",
			Content: replaced(helpOf(some, some), "PMGL", []byte("PMGL\xff\xff\xff\x00")),
		},
		unpacktest.Sample{
			Name: "directory without pages", Want: "damaged",
			Content: replaced(helpOf(some, some), "PMGL", []byte("PMGX")),
		},
	)
	unpacktest.Try(t, formats.All(), samples)
}

// replaced returns content in which the bytes from the first text on are others.
func replaced(content []byte, text string, with []byte) []byte {
	copy(content[bytes.Index(content, []byte(text)):], with)
	return content
}

func FuzzCHM(f *testing.F) {
	unpacktest.Fuzz(f, formats.All(), containers(), unpacktest.Fixture(f, "harmless.chm"))
}
