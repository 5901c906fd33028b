package tar

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack"
)

// header is the block before a member, of 512 bytes.
type header []byte

func (h header) zero() bool { return !slices.ContainsFunc(h, func(b byte) bool { return b != 0 }) }

func (h header) kind() byte { return h[156] }

// gnu reports the format that GNU's tar wrote before POSIX 1988.
func (h header) gnu() bool { return string(h[257:263]) == "ustar " }

// star reports the format of star before POSIX 2001.
func (h header) star() bool { return string(h[508:512]) == "tar\x00" }

// extended reports a header about the next member, or about all members after it: GNU's
// long names, and pax headers.
func (h header) extended() bool { return strings.IndexByte("xXgLK", h.kind()) >= 0 }

func (h header) name() string {
	name, _, _ := bytes.Cut(h[:100], []byte{0})
	return unpack.Clip(string(name), 64)
}

// valid checks the size and the checksum. Some programs sum signed bytes for it, others
// unsigned ones.
func (h header) valid() bool {
	if len(h) < block || len(bytes.Trim(h[148:156], " \x00")) == 0 {
		return false
	}
	want, ok := number(h[148:156])
	if _, sized := number(h[124:136]); !ok || !sized {
		return false
	}
	var unsigned, signed int64
	for i, b := range h[:block] {
		if i >= 148 && i < 156 {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return want == unsigned || want == signed
}

// number reads octal digits, which end with a space or a zero byte, or GNU's binary
// form, which begins with the bit 0x80.
func number(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		if b[0]&0x40 != 0 { // negative
			return 0, false
		}
		v := int64(b[0] & 0x3f)
		for _, c := range b[1:] {
			if v >= 1<<54 {
				return 0, false
			}
			v = v<<8 | int64(c)
		}
		return v, true
	}
	text := strings.TrimLeft(string(b), " \t")
	if end := strings.IndexAny(text, " \x00"); end >= 0 {
		if end == 0 && strings.Trim(text, " \x00") != "" {
			return 0, false
		}
		text = text[:end]
	}
	if text == "" {
		return 0, true
	}
	v, err := strconv.ParseInt(text, 8, 64)
	return v, err == nil && v >= 0 && text[0] != '+'
}

// attributes are the records of pax headers that say where content is.
type attributes struct {
	sizes []int64 // of the member in each header; the last is valid
	// These are the records of GNU's sparse members.
	major, minor string
	real         int64   // size of the whole sparse member
	pieces       []piece // in versions 0.0 and 0.1
	mapped       bool    // pieces are set
	holes        bool    // Sun's tar has left out the holes
}

func (a attributes) empty() bool {
	return len(a.sizes) == 0 && a.major == "" && a.real == 0 && !a.mapped && !a.holes
}

// merged are the attributes of a member: its own if they are about sparse content,
// otherwise a.
func (a attributes) merged(own attributes) attributes {
	if own.major != "" || own.mapped || own.real != 0 || own.holes {
		return own
	}
	return a
}

// read adds the records of a pax header: the length of the whole record, a space, a
// key, an equals sign, a value and a line feed.
func (a *attributes) read(b []byte) error {
	a.pieces, a.mapped = nil, false
	for len(b) > 0 {
		digits, _, ok := bytes.Cut(b[:min(len(b), 20)], []byte(" "))
		length, err := strconv.Atoi(string(bytes.TrimSpace(digits)))
		if !ok || err != nil || length <= len(digits)+1 || length > len(b) {
			if len(bytes.Trim(b, "\x00")) == 0 { // padding of some writers
				return nil
			}
			return unpack.Damaged("tar with a broken pax header")
		}
		key, value, ok := strings.Cut(strings.TrimSuffix(string(b[len(digits)+1:length]), "\n"), "=")
		if !ok || !a.set(key, value) {
			return unpack.Damaged("tar with a broken pax record %q", unpack.Clip(key, 64))
		}
		b = b[length:]
	}
	return nil
}

// set adds one record. It returns false if the value is not of the form that the key
// demands.
func (a *attributes) set(key, value string) bool {
	decimal := func() (int64, bool) {
		v, err := strconv.ParseInt(value, 10, 64)
		return v, err == nil && v >= 0
	}
	ok := true
	switch key {
	case "size":
		if value == "" { // removes the size of a global header
			return true
		}
		var size int64
		size, ok = decimal()
		if !slices.Contains(a.sizes, size) && len(a.sizes) < 4 {
			a.sizes = append(a.sizes, size)
		}
	case "GNU.sparse.major":
		a.major = value
	case "GNU.sparse.minor":
		a.minor = value
	case "GNU.sparse.size", "GNU.sparse.realsize", "SCHILY.realsize":
		a.real, ok = decimal()
	case "GNU.sparse.numblocks":
		a.mapped = true
	case "GNU.sparse.offset":
		var at int64
		at, ok = decimal()
		a.pieces, a.mapped = append(a.pieces, piece{at: at}), true
	case "GNU.sparse.numbytes":
		if len(a.pieces) == 0 {
			return false
		}
		a.pieces[len(a.pieces)-1].size, ok = decimal()
	case "GNU.sparse.map":
		a.mapped = true
		a.pieces, ok = pieces(strings.Split(value, ","))
	case "SUN.holesdata":
		a.holes = true
	}
	return ok
}
