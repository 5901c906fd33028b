package coverage

import (
	"bytes"
	"encoding/binary"
	"io"
)

const isoStart = 32 << 10 // of the volume descriptors (ECMA-119, 6.2.1)

func isISO(n node, _ []byte) bool {
	var h [6]byte
	return n.size > isoStart+2048 && n.read(h[:], isoStart) == nil && string(h[:]) == "\x01CD001"
}

// walkISO looks whether a CD image is all there. The engine unpacks it, unless
// its first 32 KiB, which no file system uses, make the engine take it for
// something else.
func walkISO(w *walk, n node) error {
	var h [132]byte
	if err := n.read(h[:], isoStart); err != nil {
		return err
	}
	size := isoSize(h[:])
	if n.taken() {
		if err := w.settle(n, w.isoAlone(n, "iso", min(size, n.size))); err != nil {
			return err
		}
	}
	if size > n.size {
		return damaged("CD image of %d bytes, %d announced", n.size, size)
	}
	return nil
}

// isISOVolume checks what a volume descriptor says twice, in both orders of
// bytes: its size, and that of its blocks.
func isISOVolume(h []byte) bool {
	le, be := binary.LittleEndian, binary.BigEndian
	block := le.Uint16(h[128:])
	return le.Uint32(h[80:]) == be.Uint32(h[84:]) && block == be.Uint16(h[130:]) && block >= 512 && block&(block-1) == 0
}

// isoSize is what a volume descriptor announces (ECMA-119, 8.4.8 and 8.4.12).
func isoSize(h []byte) int64 {
	le := binary.LittleEndian
	return int64(le.Uint32(h[80:])) * int64(le.Uint16(h[128:]))
}

// A raw CD image has whole sectors of 2352 bytes (ECMA-130, 14.2): a mark, an
// address, a mode, and in modes 1 and 2 the 2048 bytes that count.
const rawSector = 2352

func isRawCD(n node, head []byte) bool {
	return n.size >= rawSector && bytes.HasPrefix(head, []byte("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00")) && (head[15] == 1 || head[15] == 2)
}

// walkRawCD shows the sectors' content, which the engine does not put together.
func walkRawCD(w *walk, n node) error {
	return w.stream(n, "content", &rawCD{n: n}, false)
}

type rawCD struct {
	n    node
	at   int64
	rest []byte
}

func (r *rawCD) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		sector := make([]byte, min(rawSector, r.n.size-r.at))
		if len(sector) < rawSector {
			return 0, io.EOF
		}
		if err := r.n.read(sector, r.at); err != nil {
			return 0, err
		}
		from := 16
		if sector[15] == 2 { // a header of its own
			from = 24
		}
		r.rest, r.at = sector[from:from+2048], r.at+rawSector
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// isoAlone shows a CD image with nothing in front of its descriptors.
func (w *walk) isoAlone(n node, name string, size int64) error {
	if size <= isoStart {
		return nil
	}
	body := io.MultiReader(bytes.NewReader(make([]byte, isoStart)), n.at(isoStart, size-isoStart))
	return w.stream(n, name, body, false)
}
