package cpio_test

import (
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// binary writes a cpio of one member in one of the binary formats.
func binary(order string, content []byte) []byte {
	word := func(v int) []byte {
		if order == "big" {
			return []byte{byte(v >> 8), byte(v)}
		}
		return []byte{byte(v), byte(v >> 8)}
	}
	entry := func(name string, mode int, content []byte) []byte {
		out := unpacktest.Join(
			word(0o70707),
			word(1),
			word(2),
			word(mode),
			word(0),
			word(0),
			word(1),
			word(0),
			word(0),
			word(0),
			word(len(name)+1), word(len(content)>>16), word(len(content)&0xffff), []byte(name), []byte{0})
		out = append(out, make([]byte, len(out)&1)...)
		return unpacktest.Join(out, content, make([]byte, len(content)&1))
	}
	return unpacktest.Join(entry("ab", 0o100644, content), entry("TRAILER!!!", 0, nil))
}

// ascii writes a cpio of one member in the old ASCII format.
func ascii(content []byte) []byte {
	entry := func(name string, content []byte) []byte {
		return fmt.Appendf(nil, "070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00%s",
			1, 2, 0o100644, 0, 0, 1, 0, 0, len(name)+1, len(content), name, content)
	}
	return unpacktest.Join(entry("a", content), entry("TRAILER!!!", nil))
}

func TestCpio(t *testing.T) {
	t.Parallel()
	harmless, packed := unpacktest.Pages(3000), unpacktest.GzipOf(t, unpacktest.Eicar())
	cpio := unpacktest.CpioOf(harmless)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "new", Content: cpio, Want: unpacktest.Clean},
		{Name: "new, infected", Content: unpacktest.CpioOf(packed), Want: unpacktest.Infected},
		{Name: "new, cut", Content: cpio[:1000], Want: "damaged"},
		{Name: "new, cut, infected", Content: unpacktest.Join(cpio[:112], packed), Want: unpacktest.Infected},
		{Name: "new, without its end", Content: cpio[:3120], Want: "damaged"},
		{
			Name:    "new, and then another in zstd",
			Content: unpacktest.Join(cpio, make([]byte, 512), unpacktest.ZstdOf(t, unpacktest.CpioOf(packed))),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "new, behind a program, infected",
			Content: unpacktest.Join(unpacktest.ELF(), unpacktest.CpioOf(packed)),
			Want:    unpacktest.Infected,
		},
		{Name: "old ASCII", Content: ascii(harmless), Want: unpacktest.Clean},
		{Name: "old ASCII, infected", Content: ascii(packed), Want: unpacktest.Infected},
		{Name: "little endian", Content: binary("little", harmless), Want: unpacktest.Clean},
		{Name: "little endian, infected", Content: binary("little", packed), Want: unpacktest.Infected},
		{Name: "big endian", Content: binary("big", harmless[:2999]), Want: unpacktest.Clean},
		{Name: "big endian, infected", Content: binary("big", packed), Want: unpacktest.Infected},
		{Name: "big endian, cut", Content: binary("big", harmless)[:500], Want: "damaged"},
	})
}

func containers() []unpacktest.Container {
	pack := func(pack func([]byte) []byte) func(testing.TB, []byte) []byte {
		return func(_ testing.TB, b []byte) []byte { return pack(b) }
	}
	return []unpacktest.Container{
		{Name: "new", Pack: pack(unpacktest.CpioOf), Head: 112},
		{Name: "old ASCII", Pack: pack(ascii), Head: 78},
		{
			Name:       "little endian",
			Pack:       pack(func(b []byte) []byte { return binary("little", b) }),
			Head:       30,
			Unsearched: true,
		},
		{Name: "big endian", Pack: pack(func(b []byte) []byte { return binary("big", b) }), Head: 30, Unsearched: true},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzCpio(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
