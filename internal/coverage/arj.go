package coverage

import (
	"encoding/binary"
	"hash/crc32"
)

const arjMagic = "\x60\xea"

// Bits of a file's header in ARJ (its TECHNOTE.TXT).
const (
	arjGarbled = 1 << 0
	arjVolume  = 1 << 2 // continues in another
)

func beginsAsARJ(_ node, head []byte) bool {
	return len(head) > 40 && string(head[:2]) == arjMagic && isARJ(head)
}

// walkARJ reads the headers of an ARJ, which the engine unpacks, garbled files
// apart: those it calls OK. Stored files are shown, for what may be in them.
func walkARJ(w *walk, n node) error {
	le := binary.LittleEndian
	at := int64(0)
	for first := true; ; first = false {
		var h [4]byte
		if err := n.read(h[:], at); err != nil {
			return err
		}
		size := int64(le.Uint16(h[2:]))
		if string(h[:2]) != arjMagic || size > 2600 { // the most that an archive may have
			return damaged("ARJ without a header at %d", at)
		}
		if at += 4; size == 0 {
			return w.remainder(n, "appended", at, n.size-at)
		}
		b := make([]byte, size+4)
		if err := n.read(b, at); err != nil {
			return err
		}
		if size < 30 || crc32.ChecksumIEEE(b[:size]) != le.Uint32(b[size:]) {
			return damaged("ARJ with a wrong header at %d", at)
		}
		at += size + 4
		for { // extensions, of which the last has no length
			var ext [2]byte
			if err := n.read(ext[:], at); err != nil {
				return err
			}
			at += 2
			if ext == [2]byte{} {
				break
			}
			at += int64(le.Uint16(ext[:])) + 4
		}
		if first { // the archive's own
			continue
		}
		if err := w.settle(n, w.arjFile(n, b, at)); err != nil {
			return err
		}
		at += int64(le.Uint32(b[12:]))
	}
}

// arjFile takes the file at an offset, of which b is the header.
func (w *walk) arjFile(n node, b []byte, at int64) error {
	le := binary.LittleEndian
	packed := int64(le.Uint32(b[12:]))
	switch {
	case packed > n.size-at:
		return damaged("ARJ with a file that ends after its end")
	case b[4]&arjGarbled != 0:
		return encrypted("ARJ")
	case b[4]&arjVolume != 0:
		return unsupported("a part of a split ARJ archive")
	case b[5] == 0 && packed > 0 && b[6] < 3: // stored, and no directory
		r := &summed{r: n.at(at, packed), size: int64(le.Uint32(b[16:])), crc: le.Uint32(b[20:])}
		return w.stream(n, "file", r, true)
	}
	return nil
}
