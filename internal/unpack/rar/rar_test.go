package rar_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const (
	magic4 = "Rar!\x1a\x07\x00"
	magic5 = "Rar!\x1a\x07\x01\x00"
)

// block4 is a block of version 4.
func block4(kind byte, flags uint16, fields []byte) []byte {
	h := unpacktest.Join([]byte{kind}, unpacktest.LE(flags, uint16(7+len(fields))), fields)
	return unpacktest.Join(unpacktest.LE(uint16(crc32.ChecksumIEEE(h))), h)
}

// stored4 is a block with the fields of a file, and its content.
func stored4(kind byte, name string, content []byte) []byte {
	size := uint32(len(content))
	fields := unpacktest.Join(
		unpacktest.LE(size, size, byte(3), crc32.ChecksumIEEE(content), uint32(0x5a210000), byte(29), byte(0x30),
			uint16(len(name)), uint32(0o100644)), []byte(name))
	return unpacktest.Join(block4(kind, 0x8000, fields), content)
}

// rar4 is an archive of version 4.
func rar4(blocks ...[]byte) []byte {
	return unpacktest.Join(
		[]byte(magic4),
		block4(0x73, 0, make([]byte, 6)),
		unpacktest.Join(blocks...),
		block4(0x7b, 0x4000, nil),
	)
}

func block5(fields ...[]byte) []byte {
	body := unpacktest.Join(fields...)
	h := unpacktest.Join(binary.AppendUvarint(nil, uint64(len(body))), body)
	return unpacktest.Join(unpacktest.LE(crc32.ChecksumIEEE(h)), h)
}

// stored5 is a block with the fields of a file, and its content.
func stored5(kind byte, name string, content []byte) []byte {
	size := binary.AppendUvarint(nil, uint64(len(content)))
	return unpacktest.Join(
		block5([]byte{kind, 2}, size, []byte{4}, size, []byte{0}, unpacktest.LE(crc32.ChecksumIEEE(content)),
			[]byte{0, 1, byte(len(name))}, []byte(name)), content)
}

// rar5 is an archive of version 5.
func rar5(blocks ...[]byte) []byte {
	return unpacktest.Join([]byte(magic5), block5([]byte{1, 0, 0}), unpacktest.Join(blocks...), block5([]byte{5, 0, 0}))
}

func TestRAR(t *testing.T) {
	t.Parallel()
	plain, text := unpacktest.Fixture(t, "v5.rar"), unpacktest.Pages(3000)
	packed := unpacktest.GzipOf(t, unpacktest.Eicar())
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "4", Content: rar4(stored4(0x74, "a", text)), Want: unpacktest.Clean},
		{Name: "4, infected", Content: rar4(stored4(0x74, "a", packed)), Want: unpacktest.Infected},
		{
			Name:    "4, stream of NTFS",
			Content: rar4(stored4(0x74, "a", text), stored4(0x7a, "STM", text)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "4, stream of NTFS, infected",
			Content: rar4(stored4(0x74, "a", text), stored4(0x7a, "STM", packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "4, comment, infected",
			Content: rar4(stored4(0x7a, "CMT", packed), stored4(0x74, "a", text)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "4, recovery record that is a gzip",
			Content: rar4(stored4(0x74, "a", text), stored4(0x7a, "RR", packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name: "4, service block of version 2",
			Content: rar4(
				stored4(0x74, "a", text),
				unpacktest.Join(block4(0x77, 0x8000, unpacktest.LE(uint32(9))), text[:9]),
			),
			Want: "unsupported-archive",
		},
		{Name: "5, infected", Content: rar5(stored5(2, "a", packed)), Want: unpacktest.Infected},
		{
			Name:    "5, stream of NTFS",
			Content: rar5(stored5(2, "a", text), stored5(3, "STM", text)),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "5, stream of NTFS, infected",
			Content: rar5(stored5(2, "a", text), stored5(3, "STM", packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "5, comment, infected",
			Content: rar5(stored5(3, "CMT", packed), stored5(2, "a", text)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "5 and a gzip",
			Content: unpacktest.Join(rar5(stored5(2, "a", text)), packed),
			Want:    unpacktest.Infected,
		},
		{Name: "RAR 5", Content: plain, Want: unpacktest.Clean},
		{Name: "RAR 5 solid", Content: unpacktest.Fixture(t, "v5solid.rar"), Want: unpacktest.Clean},
		{Name: "RAR 5 encrypted", Content: unpacktest.Fixture(t, "v5pw.rar"), Want: "encrypted"},
		{Name: "RAR 5 with hidden names", Content: unpacktest.Fixture(t, "v5hp.rar"), Want: "encrypted"},
		{Name: "RAR 5 cut", Content: plain[:len(plain)/2], Want: "damaged"},
		{Name: "RAR 5 without its end", Content: plain[:len(plain)-8], Want: "damaged"},
		{Name: "RAR 5 with a bit flipped", Content: unpacktest.Flipped(plain, 300), Want: "damaged"},
		{Name: "first volume", Content: unpacktest.Fixture(t, "volume1.rar"), Want: "unsupported-archive"},
		{Name: "last volume", Content: unpacktest.Fixture(t, "volume3.rar"), Want: "unsupported-archive"},
		{
			Name:    "behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), rar5(stored5(2, "a", packed))),
			Want:    unpacktest.Infected,
		},
		{Name: "behind a program, cut", Content: unpacktest.Join(unpacktest.ELF(), plain[:300]), Want: "damaged"},
		{
			Name:    "the magic alone behind a program",
			Content: unpacktest.Join(unpacktest.ELF(), []byte(magic4), text),
			Want:    unpacktest.Clean,
		},
		{Name: "in a gzip", Content: unpacktest.GzipOf(t, plain), Want: unpacktest.Clean},
		{
			Name:    "encrypted member before an infected one",
			Content: rar5(encrypted(t), stored5(2, "a", packed)),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "version 1.4",
			Content: unpacktest.Join([]byte("RE\x7e\x5e\x07\x00\x00"), text),
			Want:    "unsupported-archive",
		},
	})
}

// encrypted is the block of an encrypted file.
func encrypted(t *testing.T) []byte {
	t.Helper()
	whole := unpacktest.Fixture(t, "v5pw.rar")
	at := len(magic5)
	for range 8 {
		size, n := binary.Uvarint(whole[at+4:])
		head := at + 4 + n
		end := head + int(size)
		if whole[head] == 2 {
			_, n := binary.Uvarint(whole[head+2:])
			data, _ := binary.Uvarint(whole[head+2+n:])
			return whole[at : end+int(data)]
		}
		at = end
	}
	t.Fatal("no file in v5pw.rar")
	return nil
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "4", Pack: func(_ testing.TB, b []byte) []byte { return rar4(stored4(0x74, "a", b)) }, Head: 7},
		{Name: "5", Pack: func(_ testing.TB, b []byte) []byte { return rar5(stored5(2, "a", b)) }, Head: 8},
		{
			Name: "stream of NTFS",
			Pack: func(_ testing.TB, b []byte) []byte {
				return rar5(stored5(2, "a", []byte("a")), stored5(3, "STM", b))
			},
			Head: 8,
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// FuzzRAR corrects the checksums of headers, so that the fuzzer gets beyond them.
func FuzzRAR(f *testing.F) {
	for _, name := range []string{"v5", "v5solid", "v5pw", "v5hp", "volume1", "volume3"} {
		f.Add(unpacktest.Fixture(f, name+".rar"))
	}
	text := unpacktest.Pages(300)
	f.Add(rar4(stored4(0x74, "a", text), stored4(0x7a, "STM", text)))
	for _, c := range containers() {
		f.Add(c.Pack(f, text))
	}
	f.Fuzz(func(t *testing.T, content []byte) { unpacktest.Bounded(t, formats.All(), summed(content)) })
}

// summed corrects the checksums of the headers that can be found.
func summed(content []byte) []byte {
	content = bytes.Clone(content)
	le := binary.LittleEndian
	switch {
	case bytes.HasPrefix(content, []byte(magic5)):
		for at := 8; at+6 < len(content); {
			size, n := binary.Uvarint(content[at+4:])
			head := at + 4 + n
			if n <= 0 || size == 0 || size > uint64(len(content)-head) {
				break
			}
			end := head + int(size)
			le.PutUint32(content[at:], crc32.ChecksumIEEE(content[at+4:end]))
			at = end + int(min(dataRAR5(content[head:end]), uint64(len(content)-end)))
		}
	case bytes.HasPrefix(content, []byte(magic4)):
		for at := 7; at+11 < len(content); {
			size := int(le.Uint16(content[at+5:]))
			if size < 7 || size > len(content)-at {
				break
			}
			le.PutUint16(content[at:], uint16(crc32.ChecksumIEEE(content[at+2:at+size])))
			if le.Uint16(content[at+3:])&0x8000 != 0 {
				size += int(min(le.Uint32(content[at+7:]), uint32(len(content)-at-size)))
			}
			at += size
		}
	}
	return content
}

// dataRAR5 is the number of bytes of data after a header. Its fields are type, flags,
// the size of the extra area if bit 0 is set, and the size of the data if bit 1 is set.
func dataRAR5(header []byte) uint64 {
	var field [4]uint64
	for i := range field {
		if i == 2 && field[1]&1 == 0 {
			continue
		}
		v, n := binary.Uvarint(header)
		if n <= 0 {
			return 0
		}
		field[i], header = v, header[n:]
	}
	if field[1]&2 == 0 {
		return 0
	}
	return field[3]
}
