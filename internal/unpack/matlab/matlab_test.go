package matlab_test

import (
	"encoding/binary"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// fileOf returns a MAT file of three elements: one that is not compressed, a small
// one, and a compressed one with content.
func fileOf(t testing.TB, order binary.AppendByteOrder, content []byte) []byte {
	out := append([]byte("MATLAB 5.0 MAT-file, Platform: GLNXA64"), make([]byte, 90)...)[:124]
	out = order.AppendUint16(order.AppendUint16(out, 0x100), 'M'<<8|'I')
	element := func(kind uint32, b []byte) {
		out = append(order.AppendUint32(order.AppendUint32(out, kind), uint32(len(b))), b...)
	}
	element(14, make([]byte, 24))
	out = append(order.AppendUint32(out, 2<<16|4), "ab\x00\x00"...)
	element(15, unpacktest.ZlibOf(t, content))
	return out
}

func containers() []unpacktest.Container {
	pack := func(order binary.AppendByteOrder) func(t testing.TB, content []byte) []byte {
		return func(t testing.TB, content []byte) []byte { return fileOf(t, order, content) }
	}
	return []unpacktest.Container{
		{Name: "little endian", Pack: pack(binary.LittleEndian), Head: 176, Unsearched: true},
		{Name: "big endian", Pack: pack(binary.BigEndian), Head: 176, Unsearched: true},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func TestMATLAB(t *testing.T) {
	t.Parallel()
	samples := unpacktest.Pair("compressed", func(b []byte) []byte { return fileOf(t, binary.LittleEndian, b) })
	whole := fileOf(t, binary.BigEndian, unpacktest.Pages(5000))
	whole[len(whole)-9] ^= 1
	samples = append(samples,
		unpacktest.Sample{Name: "wrong checksum", Content: whole, Want: "damaged"},
		unpacktest.Sample{Name: "cut", Content: whole[:500], Want: "damaged"},
	)
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzMATLAB(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
