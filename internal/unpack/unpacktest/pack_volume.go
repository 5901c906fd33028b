package unpacktest

// VolumeOf is the beginning of a disk that has a text at an offset.
func VolumeOf(at int, text string) []byte {
	b := make([]byte, 80<<10)
	copy(b[at:], text)
	return b
}

// ExtOf is the beginning of an ext volume.
func ExtOf() []byte {
	b := VolumeOf(0, "")
	copy(b[1024:], LE(uint32(128), uint32(512), uint32(0), uint32(0), uint32(0), uint32(1), uint32(0)))
	copy(b[1024+56:], LE(uint16(0xef53), uint16(1)))
	copy(b[1024+76:], LE(uint32(1)))
	return b
}

// MBROf is a disk with one partition of a type, at 4 KiB.
func MBROf(kind byte, content []byte) []byte {
	b := make([]byte, 4096)
	copy(
		b[446:],
		Join([]byte{0, 0, 0, 0, kind, 0, 0, 0}, LE(uint32(8), uint32(len(content)/512))),
	)
	copy(b[510:], "\x55\xaa")
	return Join(b, content)
}

// ChainedOf is an extended partition of two logical ones, of which the second has
// content.
func ChainedOf(content []byte) []byte {
	first := MBROf(0x83, make([]byte, 4096))
	copy(first[462:], Join([]byte{0, 0, 0, 0, 5, 0, 0, 0}, LE(uint32(len(first)/512), uint32(9))))
	return Join(first, MBROf(0x83, content))
}

// GPTOf is a disk with a protective MBR and one partition, at 4 KiB.
func GPTOf(content []byte) []byte {
	b := make([]byte, 4096)
	copy(b[510:], "\x55\xaa")
	copy(b[512:], "EFI PART")
	copy(b[512+72:], LE(uint64(2), uint32(1), uint32(128)))
	copy(b[1024+32:], LE(uint64(8), uint64(8+len(content)/512)))
	return Join(b, content)
}
