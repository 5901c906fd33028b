package coverage

import (
	"fmt"
	"testing"
)

// volumeOf is the beginning of a disk that has a text at an offset.
func volumeOf(at int, text string) []byte {
	b := make([]byte, 80<<10)
	copy(b[at:], text)
	return b
}

func extOf() []byte {
	b := volumeOf(0, "")
	copy(b[1024:], le(uint32(128), uint32(512), uint32(0), uint32(0), uint32(0), uint32(1), uint32(0)))
	copy(b[1024+56:], le(uint16(0xef53), uint16(1)))
	copy(b[1024+76:], le(uint32(1)))
	return b
}

func fatOf() []byte {
	b := volumeOf(0, "\xeb\x3c\x90mkfs.fat")
	copy(b[11:], le(uint16(512), uint8(4), uint16(4), uint8(2), uint16(512), uint16(160), uint8(0xf8)))
	copy(b[510:], "\x55\xaa")
	return b
}

// mbrOf is a disk with one partition, 4 KiB from its beginning.
func mbrOf(content []byte) []byte {
	b := make([]byte, 4096)
	copy(b[446:], join([]byte{0, 0, 0, 0, 0x83, 0, 0, 0}, le(uint32(8), uint32(len(content)/512))))
	copy(b[510:], "\x55\xaa")
	return join(b, content)
}

// gptOf has a protective MBR and one partition, 4 KiB from its beginning.
func gptOf(content []byte) []byte {
	b := make([]byte, 4096)
	copy(b[510:], "\x55\xaa")
	copy(b[512:], "EFI PART")
	copy(b[512+72:], le(uint64(2), uint32(1), uint32(128)))
	copy(b[1024+32:], le(uint64(8), uint64(8+len(content)/512)))
	return join(b, content)
}

// TestVolumes: a file in a file system may lie in pieces, which nobody here puts
// together.
func TestVolumes(t *testing.T) {
	t.Parallel()
	samples := []sample{
		{name: "ext", content: extOf(), want: "unsupported-archive"},
		{name: "FAT", content: fatOf(), want: "unsupported-archive"},
		{name: "ext in a partition", content: mbrOf(extOf()), want: "unsupported-archive"},
		{name: "FAT in a GPT", content: gptOf(fatOf()), want: "unsupported-archive"},
		{name: "ext with a gzip that lies in one piece", content: join(extOf(), gzipOf(t, eicarText())), want: infected},
		{name: "boot sector alone", content: fatOf()[:512], want: "covered"},
		{name: "partitions of nothing known", content: mbrOf(pages(4096)), want: "covered"},
		{name: "zeros", content: make([]byte, 80<<10), want: "covered"},
	}
	for _, v := range volumes {
		samples = append(samples, sample{name: v.name, content: volumeOf(int(v.at), v.text), want: "unsupported-archive"})
	}
	try(t, samples)
}

// TestClosed: what nobody here opens is named.
func TestClosed(t *testing.T) {
	t.Parallel()
	var samples []sample
	for i, c := range closed {
		samples = append(samples, sample{name: fmt.Sprintf("%d %s", i, c.name), content: volumeOf(c.at, c.text), want: "unsupported-archive"})
	}
	try(t, samples)
}
