package coverage

import (
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
)

// zipMember is one member as the central directory describes it.
type zipMember struct {
	name         string
	method       uint16
	flags        uint16
	crc          uint32
	packed, size int64
	local, data  int64 // of its local header and of its content, absolute
	described    bool  // a data descriptor follows the content
	unlisted     bool  // there is only a local header
	odd          bool  // the engine may see it differently, or not at all
}

// Bits of a member's flags.
const (
	zipEncrypted = 1 << 0
	zipDescribed = 1 << 3
	zipStrong    = 1<<6 | 1<<13
)

// zipMembers reads the central directory and the local headers.
func (n node) zipMembers(d zipDirectory) ([]zipMember, error) {
	if d.end-d.start > maxDirectory {
		return nil, tooWide("zip with a central directory of %d bytes", d.end-d.start)
	}
	buf := make([]byte, d.end-d.start)
	if err := n.read(buf, d.start); err != nil {
		return nil, err
	}
	var members []zipMember
	for len(buf) > 0 && string(buf[:min(4, len(buf))]) == zipEntry {
		m, rest, err := parseZipEntry(buf)
		if err != nil {
			return nil, err
		}
		m.local += d.base
		m.odd = m.odd || d.wide
		if m, err = n.zipLocalMember(m); err != nil {
			return nil, err
		}
		if m.data > d.start-m.packed {
			return nil, damaged("zip member %s ends after the central directory begins", clip(m.name, 64))
		}
		members, buf = append(members, m), rest
	}
	// Writers without zip64 let the count wrap.
	if uint16(len(members)) != uint16(d.count) || d.wide && uint64(len(members)) != d.count {
		return nil, damaged("zip with %d of %d members in its central directory", len(members), d.count)
	}
	return members, nil
}

// maxDirectory is a central directory of some 300,000 members, ten times as many
// as DefaultLimits allow. Of the shortest entries it takes 200 MB of memory.
const maxDirectory = 32 << 20

func parseZipEntry(b []byte) (m zipMember, rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < 46 {
		return m, nil, damaged("zip with a cut central directory")
	}
	nameLen, extraLen, commentLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	total := 46 + nameLen + extraLen + commentLen
	if len(b) < total {
		return m, nil, damaged("zip with a cut central directory")
	}
	m = zipMember{
		name: string(b[46 : 46+nameLen]), flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), crc: le.Uint32(b[16:]),
		packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])), local: int64(le.Uint32(b[42:])),
	}
	if disk := le.Uint16(b[34:]); disk != 0 && disk != 0xffff {
		return m, nil, unsupported("a part of a split zip archive")
	}
	// The zip64 field holds those of the three that do not fit (APPNOTE 4.5.3).
	wide := extraField(b[46+nameLen:46+nameLen+extraLen], 1)
	for _, v := range []*int64{&m.size, &m.packed, &m.local} {
		if *v != wide32 {
			continue
		}
		if len(wide) < 8 {
			return m, nil, damaged("zip member %s without its zip64 sizes", clip(m.name, 64))
		}
		if *v = int64(le.Uint64(wide)); *v < 0 {
			return m, nil, damaged("zip member %s of more than 2^63 bytes", clip(m.name, 64))
		}
		wide, m.odd = wide[8:], true
	}
	return m, b[total:], nil
}

func extraField(extra []byte, id uint16) []byte {
	for len(extra) >= 4 {
		size := int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra)-4 {
			return nil
		}
		if binary.LittleEndian.Uint16(extra) == id {
			return extra[4 : 4+size]
		}
		extra = extra[4+size:]
	}
	return nil
}

// zipLocalMember compares the local header, by which the engine unpacks, with
// the central directory's word. The local header of an unlisted member is all
// there is.
func (n node) zipLocalMember(m zipMember) (zipMember, error) {
	le := binary.LittleEndian
	var h [30]byte
	if err := n.read(h[:], m.local); err != nil {
		return m, err
	}
	if string(h[:4]) != zipLocal {
		return m, damaged("zip member %s has no local header", clip(m.name, 64))
	}
	flags, method, crc := le.Uint16(h[6:]), le.Uint16(h[8:]), le.Uint32(h[14:])
	packed, size := int64(le.Uint32(h[18:])), int64(le.Uint32(h[22:]))
	m.data = m.local + 30 + int64(le.Uint16(h[26:])) + int64(le.Uint16(h[28:]))
	if m.unlisted {
		if extra := make([]byte, le.Uint16(h[28:])); packed == wide32 && size == wide32 {
			if err := n.read(extra, m.data-int64(len(extra))); err != nil {
				return m, err
			}
			if wide := extraField(extra, 1); len(wide) >= 16 {
				size, packed = int64(le.Uint64(wide)), int64(le.Uint64(wide[8:]))
			}
		}
		if flags&zipDescribed != 0 || packed == wide32 || size == wide32 || packed < 0 || size < 0 {
			return m, damaged("zip with a member of unknown size that its directory does not list")
		}
		m.flags, m.method, m.crc, m.packed, m.size, m.odd = flags, method, crc, packed, size, true
	}
	if m.data > n.size || m.packed > n.size-m.data {
		return m, damaged("zip member %s ends after the end of the file", clip(m.name, 64))
	}
	m.described = flags&zipDescribed != 0
	if method != m.method || (flags^m.flags)&(zipEncrypted|zipDescribed|zipStrong) != 0 ||
		!m.described && (packed != m.packed || size != m.size || crc != m.crc) ||
		packed == wide32 || size == wide32 {
		m.odd = true
	}
	return m, nil
}

// zipMember unpacks one member and verifies it. The engine reaches those that
// are not odd and have one of five methods (clamav, unzip.c).
func (w *walk) zipMember(n node, m zipMember) error {
	if m.flags&(zipEncrypted|zipStrong) != 0 || m.method == 99 {
		return encrypted("zip member %s", clip(m.name, 64))
	}
	if m.size == 0 && m.packed == 0 && strings.HasSuffix(m.name, "/") {
		return nil
	}
	raw := n.at(m.data, m.packed)
	r, seen, err := unzipper(m, raw)
	if err != nil {
		return unreadable(err)
	}
	if r == nil { // unpacked by the engine, not by us
		if m.odd || n.end != nil {
			return unsupported("zip member %s with method %d", clip(m.name, 64), m.method)
		}
		return nil
	}
	seen = seen && !m.odd && !n.hidden
	return w.stream(n, m.name, &summed{r: r, size: m.size, crc: m.crc}, seen)
}

// unzipper returns what unpacks a member, nil where only the engine does.
func unzipper(m zipMember, raw *io.SectionReader) (r io.Reader, seen bool, err error) {
	switch m.method {
	case 0:
		return raw, true, nil
	case 8:
		return flate.NewReader(raw), true, nil
	case 12:
		return bzip2.NewReader(raw), true, nil
	case 6, 9: // implode, deflate64
		return nil, true, nil
	case 14:
		r, err = zipLZMA(raw, m.size)
	case 93, 20:
		r, err = newZstd(raw)
	case 95:
		r, err = newXZ(raw)
	default:
		err = unsupported("zip member %s with method %d", clip(m.name, 64), m.method)
	}
	return r, false, err
}

// summed fails at the end of r if its size or CRC-32 is not as announced.
type summed struct {
	r    io.Reader
	size int64
	crc  uint32
	got  int64
	sum  uint32
}

// Close frees what r holds, once it was read.
func (s *summed) Close() error {
	if c, ok := s.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.got += int64(n)
	s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
	if ended(err) && (s.got != s.size || s.sum != s.crc) {
		err = fmt.Errorf("%d bytes with CRC %08x, %d with %08x announced", s.got, s.sum, s.size, s.crc)
	}
	return n, err
}
