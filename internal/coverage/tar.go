package coverage

import (
	"bytes"
	"strconv"
	"strings"
)

const tarBlock = 512

// isTar recognises tars older than ustar by their header's checksum.
func isTar(_ node, head []byte) bool {
	return len(head) >= tarBlock && head[0] != 0 && string(head[257:262]) != "ustar" && tarSum(head[:tarBlock])
}

// tarSum compares the checksum of a header, summed over signed or unsigned
// bytes as both were written.
func tarSum(h []byte) bool {
	want, ok := tarNumber(h[148:156])
	if !ok {
		return false
	}
	var unsigned, signed int64
	for i, b := range h {
		if i >= 148 && i < 156 {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return want == unsigned || want == signed
}

// tarNumber reads octal digits, or GNU's binary form marked by the first bit.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		v := int64(b[0] & 0x7f)
		for _, c := range b[1:] {
			if v >= 1<<54 {
				return 0, false
			}
			v = v<<8 | int64(c)
		}
		return v, true
	}
	text := strings.Trim(string(b), " \x00")
	if text == "" {
		return 0, true
	}
	v, err := strconv.ParseInt(text, 8, 64)
	return v, err == nil && v >= 0
}

// walkTar reaches every member of a tar. A tar ends with a block of zeros; one
// without was cut off.
func walkTar(w *walk, n node) error {
	var h [tarBlock]byte
	wide := int64(-1) // the size of the next member, from a pax header
	seen := !n.hidden && !n.taken()
	for at := int64(0); ; {
		n.ends(at)
		if n.size-at < tarBlock {
			return damaged("tar without its end")
		}
		if err := n.read(h[:], at); err != nil {
			return err
		}
		if h == [tarBlock]byte{} {
			return w.tarRest(n, at)
		}
		size, ok := tarNumber(h[124:136])
		if !ok || !tarSum(h[:]) {
			return damaged("tar with a broken header at byte %d", at)
		}
		kind, binary := h[156], h[124]&0x80 != 0
		at += tarBlock
		if kind == 'S' && string(h[257:263]) == "ustar " { // GNU: the map of a sparse file goes on
			for more := h[482] != 0; more; at += tarBlock {
				if err := n.read(h[:], at); err != nil {
					return err
				}
				more = h[504] != 0
			}
		}
		odd := binary || wide >= 0
		if wide >= 0 && kind != 'x' && kind != 'g' && kind != 'L' && kind != 'K' {
			size, wide = wide, -1
		}
		if size > n.size-at {
			return damaged("tar member %s ends after the end of the file", tarName(h[:]))
		}
		switch kind {
		case 'x':
			var err error
			if wide, err = n.paxSize(at, size); err != nil {
				return err
			}
		case '1', '2', '3', '4', '5', '6': // links, devices and folders: nothing in them
			if size > 0 && kind != '5' { // old writers gave links a size without content
				size = 0
			}
		case 'g', 'L', 'K', 'V':
		default:
			if err := w.settle(n, w.region(n, tarName(h[:]), at, size, seen && !odd)); err != nil {
				return err
			}
		}
		at += (size + tarBlock - 1) / tarBlock * tarBlock
	}
}

// tarRest looks at what stands after the end, where tar does not look.
func (w *walk) tarRest(n node, at int64) error {
	if n.ends(at) {
		return nil
	}
	var page [64 << 10]byte
	for at < n.size {
		part := page[:min(int64(len(page)), n.size-at)]
		if err := n.read(part, at); err != nil {
			return err
		}
		if i := bytes.IndexFunc(part, func(r rune) bool { return r != 0 }); i >= 0 {
			return w.remainder(n, "appended", at+int64(i), n.size)
		}
		at += int64(len(part))
	}
	return nil
}

// paxSize returns the size that a pax header gives to the next member, or -1.
func (n node) paxSize(at, size int64) (int64, error) {
	if size > 1<<20 {
		return -1, damaged("tar with a pax header of %d bytes", size)
	}
	buf := make([]byte, size)
	if err := n.read(buf, at); err != nil {
		return -1, err
	}
	for len(buf) > 0 {
		digits, _, ok := bytes.Cut(buf, []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !ok || err != nil || length <= len(digits) || length > len(buf) {
			return -1, damaged("tar with a broken pax header")
		}
		record := strings.TrimSuffix(string(buf[len(digits)+1:length]), "\n")
		if value, ok := strings.CutPrefix(record, "size="); ok {
			v, err := strconv.ParseInt(value, 10, 64)
			if err != nil || v < 0 {
				return -1, damaged("tar with a broken pax header")
			}
			return v, nil
		}
		buf = buf[length:]
	}
	return -1, nil
}

func tarName(h []byte) string {
	name, _, _ := bytes.Cut(h[:100], []byte{0})
	return clip(string(name), 64)
}
