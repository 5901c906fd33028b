package zip

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
	"github.com/lazaret/lazaret/internal/unpack/pkzip"
)

// reading is one way in which a program extracts a member.
type reading struct {
	method       uint16
	flags        uint16
	crc          uint32
	data         int64 // offset of the content
	packed, size int64
	open         bool // the sizes are unknown: the content ends where its stream ends
}

// member is a local header and the content after it.
type member struct {
	name      string
	local     int64
	end       int64    // offset after the content and its data descriptor
	listed    *reading // by the directory; nil if only the local header was read
	written   reading  // by the local header
	described bool     // a data descriptor follows the content
}

// Bits of a member's flags.
const (
	flagEncrypted = 1 << 0
	flagDescribed = 1 << 3
	flagStrong    = 1<<6 | 1<<13
)

func (r reading) encrypted() bool { return r.flags&(flagEncrypted|flagStrong) != 0 || r.method == 99 }

// header reads the local header at an offset.
func (a *archive) header(at int64) (member, error) {
	le := binary.LittleEndian
	m := member{local: at}
	h := a.c.Peek(at, localSize)
	if len(h) < localSize || string(h[:4]) != localSign {
		return m, unpack.Damaged("zip member without a local header at byte %d", at)
	}
	a.visited[at] = true
	names := a.c.Peek(at+localSize, int(le.Uint16(h[26:]))+int(le.Uint16(h[28:])))
	nameLen := min(len(names), int(le.Uint16(h[26:])))
	m.name = string(names[:nameLen])
	m.written = reading{
		flags: le.Uint16(h[6:]), method: le.Uint16(h[8:]), crc: le.Uint32(h[14:]),
		packed: int64(le.Uint32(h[18:])), size: int64(le.Uint32(h[22:])),
		data: at + localSize + int64(le.Uint16(h[26:])) + int64(le.Uint16(h[28:])),
	}
	w := &m.written
	m.described = w.flags&flagDescribed != 0
	w.open = !zip64Sizes(names[nameLen:], &w.size, &w.packed) || m.described && w.packed == 0
	if w.data > a.c.Size() {
		return m, unpack.Damaged("zip member %s begins after the end of the file", unpack.Clip(m.name, 64))
	}
	return m, nil
}

// member is the member of an entry, with its local header at an offset.
func (a *archive) member(e entry, at int64) (member, error) {
	m, err := a.header(at)
	if err != nil {
		return m, unpack.Damaged("zip member %s: %v", unpack.Clip(e.name, 64), err)
	}
	r := e.reading
	r.data = m.written.data
	m.name, m.listed = e.name, &r
	if r.packed > a.c.Size()-r.data {
		return m, unpack.Damaged("zip member %s ends after the end of the file", unpack.Clip(e.name, 64))
	}
	m.end = r.data + r.packed
	if m.described {
		m.end += a.descriptorSize(m.end)
	}
	return m, nil
}

// descriptorSize is the size in bytes of the data descriptor at an offset. It may have
// a signature, and sizes of 64 bits (APPNOTE 4.3.9).
func (a *archive) descriptorSize(at int64) int64 {
	b := a.c.Peek(at, 26)
	size := int64(12)
	if strings.HasPrefix(string(b), spanSign) {
		size += 4
	}
	for _, longer := range []int64{size, size + 8} {
		if int64(len(b)) >= longer+2 && string(b[longer:longer+2]) == "PK" {
			return longer
		}
	}
	return size
}

// extractListed extracts a member by its directory entry, and also by its local header
// if that is different.
func (a *archive) extractListed(m member) error {
	if _, err := a.extract(m.name, *m.listed); err != nil {
		return err
	}
	r := *m.listed
	w := m.written
	const encryption = flagEncrypted | flagStrong
	same := w.method == r.method && (w.flags^r.flags)&encryption == 0
	if same && (w.open || w.packed == r.packed && w.size == r.size && (w.crc == r.crc || m.described)) {
		return nil
	}
	return a.v.Guess(func() error {
		end, err := a.extract(m.name, w)
		a.otherStarts = append(a.otherStarts, end)
		return err
	})
}

// extractLocal extracts a member by its local header alone, and returns the offset
// after it.
func (a *archive) extractLocal(m member) (end int64, err error) {
	if end, err = a.extract(m.name, m.written); err == nil && m.described {
		end += a.descriptorSize(end)
	}
	return end, err
}

// extract unpacks one reading of a member. It returns the offset after the content.
func (a *archive) extract(name string, r reading) (end int64, err error) {
	end = r.data + r.packed
	if r.open {
		end = r.data
	}
	if a.extracted[r] {
		return end, nil
	}
	a.extracted[r] = true
	if r.packed > a.c.Size()-r.data {
		return r.data, a.v.Refuse(unpack.Damaged("zip member %s ends after the end of the file", unpack.Clip(name, 64)))
	}
	if r.encrypted() {
		if err := a.v.Refuse(unpack.Encrypted("zip member %s", unpack.Clip(name, 64))); err != nil || r.method == 99 {
			return end, err
		}
		// Programs that ignore the flag extract the content as if it were not encrypted.
		plain := r
		plain.flags &^= flagEncrypted | flagStrong
		_, err := a.v.Try(func() error {
			_, err := a.extract(name, plain)
			return err
		})
		return end, err
	}
	if !r.open && r.size == 0 && a.isEmpty(r) {
		return end, nil // without the time that a stream takes: there may be very many
	}
	return a.unpack(name, r)
}

// isEmpty reports whether the content of a member of size 0 has no bytes, or those that
// deflate writes for no bytes.
func (a *archive) isEmpty(r reading) bool {
	return r.packed == 0 || r.packed == 2 && r.method == 8 && string(a.c.Peek(r.data, 2)) == "\x03\x00"
}

// unpack gives the visitor the unpacked content of a member.
func (a *archive) unpack(name string, r reading) (end int64, err error) {
	size := r.packed
	if r.open {
		size = a.c.Size() - r.data
	}
	raw := &bounded.Counter{R: a.c.Section(r.data, size)}
	in := bufio.NewReaderSize(raw, int(min(max(size, 16), 32<<10)))
	unpacked, err := a.decoder(r, in)
	if err != nil {
		if !unpack.IsRefusal(err) {
			err = unpack.Damaged("zip member %s: %v", unpack.Clip(name, 64), bounded.Unexpected(err))
		}
		return r.data + r.packed, a.v.Refuse(err)
	}
	if !r.open {
		unpacked = bounded.Whole(unpacked, r.size).CRC32(r.crc)
	}
	if err := a.stream(name, unpacked); err != nil {
		return 0, err
	}
	if err := a.refuseEncryptedDocument(name, r); err != nil {
		return 0, err
	}
	read := raw.N - int64(in.Buffered())
	if left := r.packed - read; left > 0 && !r.open {
		// A program that ignores the size looks for the next member after the stream.
		a.otherStarts = append(a.otherStarts, r.data+read)
		if err := a.v.Gap("after "+name, r.data+read, left); err != nil {
			return 0, err
		}
	}
	if r.open {
		return r.data + read, nil
	}
	return r.data + r.packed, nil
}

func (a *archive) stream(name string, r io.Reader) error {
	if !a.uncertain {
		return a.v.Stream(name, r)
	}
	whole, err := a.v.TryStream(name, r)
	a.failed = a.failed || !whole
	return err
}

// decoder decodes the content of a member by its method (APPNOTE 4.4.5).
func (a *archive) decoder(r reading, in *bufio.Reader) (io.Reader, error) {
	if r.open && r.method < 7 { // such streams have no end of their own
		return nil, unpack.Unsupported("zip member of unknown size with method %d", r.method)
	}
	switch r.method {
	case 0:
		return in, nil
	case 1:
		return pkzip.Unshrink(in), nil
	case 2, 3, 4, 5:
		return pkzip.Expand(in, r.method, r.size)
	case 6:
		return pkzip.Explode(in, r.flags, r.size)
	case 8:
		if a.inflate == nil {
			a.inflate = flate.NewReader(in)
			return a.inflate, nil
		}
		return a.inflate, a.inflate.(flate.Resetter).Reset(in, nil)
	case 9:
		return decode.Deflate64(in), nil
	case 12:
		return decode.Bzip2(in)
	case 14:
		return openLZMA(in, r)
	case 20, 93:
		return decode.Zstd(in)
	case 95:
		return decode.XZ(in)
	}
	return nil, unpack.Unsupported("zip member with method %d", r.method) // such as 98, PPMd
}

// openLZMA decodes method 14 (APPNOTE 5.8). The content begins with two bytes of
// version, the size of the properties, and the properties.
func openLZMA(in *bufio.Reader, r reading) (io.Reader, error) {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || binary.LittleEndian.Uint16(head[2:]) != 5 {
		return nil, unpack.Damaged("zip member without its lzma properties")
	}
	var header [13]byte
	copy(header[:], head[4:])
	size := uint64(r.size)
	if r.open {
		size = 1<<64 - 1
	}
	binary.LittleEndian.PutUint64(header[5:], size)
	return decode.LZMA(header, in)
}

// refuseEncryptedDocument refuses documents whose members are encrypted although the
// zip does not say so: OpenDocument (ODF 1.3, part 2, 4.8.6) and EPUB (OCF 3.3,
// 4.2.6.3.2). Fonts in an EPUB that are only obfuscated are not refused.
func (a *archive) refuseEncryptedDocument(name string, r reading) error {
	var mark string
	switch name {
	case "META-INF/manifest.xml":
		mark = ":encryption-data"
	case "META-INF/encryption.xml":
		mark = "/xmlenc#aes"
	default:
		return nil
	}
	unpacked, err := a.decoder(r, bufio.NewReader(a.c.Section(r.data, r.packed)))
	if err != nil {
		return nil // unpack has refused it
	}
	text, _ := io.ReadAll(io.LimitReader(unpacked, 4<<20))
	if bytes.Contains(text, []byte(mark)) {
		return a.v.Refuse(unpack.Encrypted("document with encrypted parts: %s", name))
	}
	return nil
}
