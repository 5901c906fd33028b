package coverage

import (
	"bytes"
	"compress/flate"
	"testing"
)

// cabOf is a cabinet of one folder, of a method, with a first file of 100 bytes
// and all the rest in a second that is listed twice.
func cabOf(t testing.TB, method uint16, sums bool, content []byte) []byte {
	t.Helper()
	var blocks, window []byte
	count := uint16(0)
	for rest := content; len(rest) > 0; count++ {
		part := rest[:min(cabBlock, len(rest))]
		rest = rest[len(part):]
		data := part
		if method == 1 {
			var b bytes.Buffer
			z, err := flate.NewWriterDict(&b, 9, window)
			if err != nil {
				t.Fatal(err)
			}
			data = join([]byte("CK"), written(t, &b, z, part))
			window = part
		}
		sizes := le(uint16(len(data)), uint16(len(part)))
		sum := uint32(0)
		if sums {
			sum = cabSum(sizes, cabSum(data, 0))
		}
		blocks = join(blocks, le(sum), sizes, data)
	}
	file := func(name string, at, size int) []byte {
		return join(le(uint32(size), uint32(at), uint16(0), uint32(0), uint16(0x20)), []byte(name+"\x00"))
	}
	second := len(content) - 100
	files := join(file("b", 100, second), file("a", 0, 100), file("c", 100, second))
	start := uint32(44 + len(files))
	return join([]byte("MSCF\x00\x00\x00\x00"), le(start+uint32(len(blocks)), uint32(0), uint32(44), uint32(0), uint8(3), uint8(1), uint16(1), uint16(3), uint16(0), uint32(0)),
		le(start, count, method), files, blocks)
}

func TestCabinets(t *testing.T) {
	t.Parallel()
	head, text := pages(100), pages(3000)
	long := pages(100 << 10)
	inner := zstdOf(t, join(long, eicarText()))
	mszip := cabOf(t, 1, true, join(head, text))
	stored := cabOf(t, 0, true, join(head, text))
	try(t, []sample{
		{name: "MSZIP", content: mszip, want: "covered"},
		{name: "MSZIP of several blocks", content: cabOf(t, 1, true, join(head, long)), want: "covered"},
		{name: "MSZIP, infected", content: cabOf(t, 1, true, join(head, eicarText())), clamd: infected, want: "covered"},
		{name: "MSZIP with a zstd", content: cabOf(t, 1, true, join(head, zstdOf(t, text))), want: "covered"},
		{name: "MSZIP with a zstd, infected", content: cabOf(t, 1, false, join(head, zstdOf(t, eicarText()))), want: infected},
		{name: "MSZIP with a zstd of several blocks, infected", content: cabOf(t, 1, true, join(head, inner)), want: infected},
		{name: "MSZIP with a zstd behind a program, infected", content: join(elf(), cabOf(t, 1, true, join(head, zstdOf(t, eicarText())))), want: infected},
		{name: "MSZIP with a bit flipped", content: flipped(mszip, len(mszip)/2), want: "damaged"},
		{name: "MSZIP with a WIM", content: cabOf(t, 1, true, join(head, fixture(t, "other", "d.wim"))), want: "unsupported-archive"},
		{name: "stored", content: stored, want: "covered"},
		{name: "stored with a base64 mail, infected", content: cabOf(t, 0, true, join(head, mailOf(zstdOf(t, eicarText())))), want: infected},
		{name: "stored with a bit flipped", content: flipped(stored, 2000), want: "damaged"},
		{name: "LZX, which the engine unpacks", content: cabOf(t, 3, true, join(head, text)), want: "covered"},
		{name: "unknown method", content: cabOf(t, 4, true, join(head, text)), want: "unsupported-archive"},
	})
}

// FuzzCabinet: cabinets with something in them.
func FuzzCabinet(f *testing.F) {
	text := pages(300)
	seed(f, cabOf(f, 1, false, text), cabOf(f, 1, true, text), cabOf(f, 0, false, text), cabOf(f, 1, false, pages(40<<10)), cabHead(100, 4))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, walkCab)
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}
