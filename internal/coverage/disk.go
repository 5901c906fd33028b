package coverage

import "encoding/binary"

// walkCab looks whether a cabinet is all there, and all of its files in it
// (Microsoft's "Cabinet File Format", CFHEADER). The engine unpacks it.
func walkCab(_ *walk, n node) error {
	var h [36]byte
	if err := n.read(h[:], 0); err != nil {
		return err
	}
	le := binary.LittleEndian
	if size := int64(le.Uint32(h[8:])); size > n.size {
		return damaged("cabinet of %d bytes, %d announced", n.size, size)
	}
	if le.Uint16(h[30:])&3 != 0 { // has a cabinet before it, or after it
		return unsupported("a part of a cabinet set")
	}
	return nil
}

const isoStart = 32 << 10 // of the volume descriptors (ECMA-119, 6.2.1)

func isISO(n node, _ []byte) bool {
	var h [6]byte
	return n.size > isoStart+2048 && n.read(h[:], isoStart) == nil && string(h[:]) == "\x01CD001"
}

// walkISO looks whether a CD image is all there (ECMA-119, 8.4.8 and 8.4.12).
// The engine unpacks it.
func walkISO(_ *walk, n node) error {
	var h [132]byte
	if err := n.read(h[:], isoStart); err != nil {
		return err
	}
	le := binary.LittleEndian
	if size := int64(le.Uint32(h[80:])) * int64(le.Uint16(h[128:])); size > n.size {
		return damaged("CD image of %d bytes, %d announced", n.size, size)
	}
	return nil
}
