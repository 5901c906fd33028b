package lha_test

import (
	"encoding/hex"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// crc16 computes LHA's checksum bit by bit.
func crc16(b []byte) uint16 {
	v := uint16(0)
	for _, c := range b {
		v ^= uint16(c)
		for range 8 {
			if v&1 != 0 {
				v = v>>1 ^ 0xa001
			} else {
				v >>= 1
			}
		}
	}
	return v
}

// archive writes one member with a header of a level.
func archive(level byte, method string, packed, content []byte) []byte {
	size, sum := uint32(len(content)), crc16(content)
	fixed := func(packed uint32) []byte {
		return unpacktest.Join([]byte(method), unpacktest.LE(packed, size, uint32(0x5a210000), byte(0x20), level))
	}
	small := func(more int, end []byte) []byte {
		body := unpacktest.Join(fixed(uint32(len(packed)+more)), []byte("\x01a"), unpacktest.LE(sum), end)
		var check byte
		for _, c := range body {
			check += c
		}
		return unpacktest.Join([]byte{byte(len(body)), check}, body)
	}
	var head []byte
	switch level {
	case 0:
		head = small(0, nil)
	case 1:
		head = unpacktest.Join(small(5, []byte("U\x05\x00")), []byte("\x01b\x00"), []byte("\x00\x00"))
	case 2:
		body := unpacktest.Join(
			fixed(uint32(len(packed))),
			unpacktest.LE(sum, byte('U'), uint16(5)),
			[]byte("\x00\x00\x00"),
			unpacktest.LE(uint16(0)),
		)
		head = unpacktest.Join(unpacktest.LE(uint16(len(body)+2)), body)
		copy(head[27:], unpacktest.LE(crc16(head)))
	case 3:
		body := unpacktest.Join(
			fixed(uint32(len(packed))),
			unpacktest.LE(sum, byte('U'), uint32(0), uint32(7)),
			[]byte("\x00\x00\x00"),
			unpacktest.LE(uint32(0)),
		)
		copy(body[22:], unpacktest.LE(uint32(len(body)+2)))
		head = unpacktest.Join(unpacktest.LE(uint16(4)), body)
		copy(head[33:], unpacktest.LE(crc16(head)))
	}
	return unpacktest.Join(head, packed, []byte{0})
}

// literals packs as -lz5- in literals alone.
func literals(content []byte) []byte {
	var out []byte
	for len(content) > 0 {
		part := content[:min(8, len(content))]
		content = content[len(part):]
		out = append(append(out, 0xff), part...)
	}
	return out
}

func TestLHA(t *testing.T) {
	t.Parallel()
	text, packed := unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	lh5 := unpacktest.Fixture(t, "lh5.lzh")
	var samples []unpacktest.Sample
	for _, name := range []string{"lh5", "lh6", "lh7", "jlha"} {
		whole := unpacktest.Fixture(t, name+".lzh")
		samples = append(samples,
			unpacktest.Sample{Name: name, Content: whole, Want: unpacktest.Clean},
			unpacktest.Sample{
				Name:    name + " with a bit flipped",
				Content: unpacktest.Flipped(whole, 300),
				Want:    "damaged",
			},
			unpacktest.Sample{Name: name + " cut", Content: whole[:len(whole)/2], Want: "damaged"})
	}
	for level := range byte(4) {
		name := "level " + string('0'+level)
		samples = append(samples,
			unpacktest.Sample{Name: name, Content: archive(level, "-lh0-", text, text), Want: unpacktest.Clean},
			unpacktest.Sample{
				Name:    name + ", infected",
				Content: archive(level, "-lh0-", packed, packed),
				Want:    unpacktest.Infected,
			},
			unpacktest.Sample{
				Name:    name + " behind a program, infected",
				Content: unpacktest.Join(unpacktest.ELF(), archive(level, "-lh0-", packed, packed)),
				Want:    unpacktest.Infected,
			})
	}
	unpacktest.Try(t, formats.All(), append(samples, []unpacktest.Sample{
		{Name: "-lz4-, infected", Content: archive(0, "-lz4-", packed, packed), Want: unpacktest.Infected},
		{Name: "-lz5-, infected", Content: archive(0, "-lz5-", literals(packed), packed), Want: unpacktest.Infected},
		{Name: "-lh1-", Content: archive(0, "-lh1-", text, text), Want: "unsupported-archive"},
		{
			Name:    "-lh1- before an infected member",
			Content: unpacktest.Join(archive(0, "-lh1-", text, text)[:3025], archive(1, "-lh0-", packed, packed)),
			Want:    unpacktest.Infected,
		},
		{Name: "folder", Content: archive(0, "-lhd-", nil, nil), Want: unpacktest.Clean},
		{Name: "and a gzip", Content: unpacktest.Join(lh5, packed), Want: unpacktest.Infected},
		{Name: "without its end", Content: lh5[:len(lh5)-1], Want: "damaged"},
		{
			Name:    "text about it",
			Content: []byte("ab-lh5-, or -lz5-, or -pm2-, are methods of LHA and of others.\n"),
			Want:    unpacktest.Clean,
		},
	}...))
}

// TestExact checks decoded bytes. The packed bytes refer to those that LArc has in its
// window at the beginning.
func TestExact(t *testing.T) {
	t.Parallel()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, tt := range map[string]struct {
		method       string
		packed, want []byte
	}{
		// A literal, five bytes from the run of 'A' in the window, eight spaces.
		"-lz5-": {"-lz5-", unhex("01784d3280f5"), []byte("xAAAAA        ")},
		// A literal and four spaces.
		"-lzs-": {"-lzs-", unhex("bc000100"), []byte("x    ")},
	} {
		got := unpacktest.Check(
			t,
			unpack.Checker{Formats: formats.All()},
			archive(0, tt.method, tt.packed, tt.want),
			unpacktest.Exact(tt.want),
		)
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want %q scanned", name, got, tt.want)
		}
	}
}

func containers() []unpacktest.Container {
	stored := func(level byte) func(testing.TB, []byte) []byte {
		return func(_ testing.TB, b []byte) []byte { return archive(level, "-lh0-", b, b) }
	}
	return []unpacktest.Container{
		{Name: "level 0", Pack: stored(0), Head: 27},
		{Name: "level 1", Pack: stored(1), Head: 40},
		{Name: "level 2", Pack: stored(2), Head: 32},
		{Name: "level 3", Pack: stored(3), Head: 40},
		{
			Name: "-lz5-",
			Pack: func(_ testing.TB, b []byte) []byte { return archive(0, "-lz5-", literals(b), b) },
			Head: 27,
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzLHA(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		unpacktest.Fixture(f, "lh5.lzh"),
		unpacktest.Fixture(f, "lh6.lzh"),
		unpacktest.Fixture(f, "lh7.lzh"),
	)
}
