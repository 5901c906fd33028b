package coverage

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// walkCpio reaches the members of a cpio archive in either of its forms in
// ASCII. The engine opens both. What follows is another archive to a kernel.
func walkCpio(w *walk, n node) error {
	old := false // "070707": octal, without padding
	for at := int64(0); ; {
		n.ends(at)
		var h [110]byte
		if err := n.read(h[:6], at); err != nil {
			return err
		}
		size := int64(len(h))
		if old = string(h[:6]) == "070707"; old {
			size = 76
		}
		if err := n.read(h[:size], at); err != nil {
			return err
		}
		name, content, ok := cpioSizes(h[:size], old)
		if !ok {
			return damaged("cpio with a broken header at byte %d", at)
		}
		align := func(v int64) int64 {
			if old {
				return v
			}
			return (v + 3) &^ 3
		}
		text := make([]byte, min(name, 4<<10))
		if err := n.read(text, at+size); err != nil {
			return err
		}
		text, _, _ = bytes.Cut(text, []byte{0})
		at = align(at + size + name)
		if string(text) == "TRAILER!!!" {
			return w.tarRest(n, at)
		}
		if err := w.settle(n, w.region(n, string(text), at, content, !n.hidden)); err != nil {
			return err
		}
		if at = align(at + content); at > n.size {
			return damaged("cpio without its end")
		}
	}
}

func cpioSizes(h []byte, old bool) (name, content int64, ok bool) {
	base, at, digits := 16, [2]int{94, 54}, 8
	length := digits
	if old {
		base, at, digits, length = 8, [2]int{59, 65}, 6, 11
	} else if m := string(h[:6]); m != "070701" && m != "070702" {
		return 0, 0, false
	}
	name, err := strconv.ParseInt(string(h[at[0]:at[0]+digits]), base, 64)
	if err != nil || name <= 0 {
		return 0, 0, false
	}
	content, err = strconv.ParseInt(string(h[at[1]:at[1]+length]), base, 64)
	return name, content, err == nil && content >= 0
}

// walkRPM shows an RPM's payload to the engine, which does not know the lead
// and the two headers in front of it (rpm.org, "RPM V4 Package format").
func walkRPM(w *walk, n node) error {
	at := int64(96)
	for _, pad := range []int64{8, 1} { // the signature's header is padded
		var h [16]byte
		if err := n.read(h[:], at); err != nil {
			return err
		}
		if !bytes.HasPrefix(h[:], []byte("\x8e\xad\xe8\x01")) {
			return damaged("rpm with a broken header at byte %d", at)
		}
		entries, size := binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
		at += 16 + 16*int64(entries) + int64(size)
		at = (at + pad - 1) / pad * pad
	}
	if at >= n.size {
		return damaged("rpm without its payload")
	}
	return w.region(n, "payload", at, n.size-at, false)
}
