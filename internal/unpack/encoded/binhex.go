package encoded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"regexp"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// binhexMark begins the line that announces BinHex 4.0 (RFC 1741, appendix A).
const binhexMark = "(This file must be converted with BinHex"

// binhexAlphabet has the characters for the values 0 to 63.
const binhexAlphabet = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"

// binhexValues has the value of each character, or 255.
var binhexValues = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte(binhexAlphabet) {
		t[c] = byte(i)
	}
	return t
}()

func binhexFormat() unpack.Format {
	return unpack.Format{
		Name:  "BinHex",
		Opens: "both forks of BinHex 4.0",
		Marks: []unpack.Mark{{Text: binhexMark, Start: true, Open: binhexAt}},
	}
}

// binhexStart matches the line of the mark and the beginning of what is encoded.
var binhexStart = regexp.MustCompile(`^[^\r\n]*[\r\n]\s*:[^\s:]{30}`)

// binhexAt shows the two forks of the file that is encoded behind a mark.
func binhexAt(v *unpack.Visitor, at int64) (int64, error) {
	if !binhexStart.Match(v.Content().Peek(at, 256)) {
		return 0, nil // text about BinHex
	}
	in := lineReader(v.Content(), at)
	if _, err := in.ReadSlice('\n'); err != nil {
		return 0, nil
	}
	if _, err := in.ReadSlice(':'); err != nil {
		return 0, nil
	}
	out := bufio.NewReader(&runs{in: &binhexDecoder{in: in}})
	header, ok := readBinhexHeader(out)
	if !ok {
		return 0, nil
	}
	show := func() error { return header.show(v, out) }
	if !header.verified {
		return 0, v.Guess(show)
	}
	return 0, v.Refuse(show())
}

// binhexHeader is what precedes the forks.
type binhexHeader struct {
	data, resources int64 // bytes of the forks
	verified        bool  // its checksum is right
}

// readBinhexHeader reads the header. ok is false where it is cut off.
func readBinhexHeader(in *bufio.Reader) (h binhexHeader, ok bool) {
	nameSize, err := in.ReadByte()
	if err != nil {
		return h, false
	}
	// In bytes, behind the name: the version, the type, the creator, the flags, the
	// sizes of the forks, and the checksum.
	const version, kind, creator, flags, size, checksum = 1, 4, 4, 2, 4, 2
	sizesAt := int(nameSize) + version + kind + creator + flags
	b := make([]byte, sizesAt+2*size+checksum)
	if _, err := io.ReadFull(in, b); err != nil {
		return h, false
	}
	be := binary.BigEndian
	checked := append([]byte{nameSize}, b[:len(b)-checksum]...)
	return binhexHeader{
		data:      int64(be.Uint32(b[sizesAt:])),
		resources: int64(be.Uint32(b[sizesAt+size:])),
		verified:  binhexCRC(checked) == be.Uint16(b[len(b)-checksum:]),
	}, true
}

// show shows the forks. The error may be a Refusal.
func (h binhexHeader) show(v *unpack.Visitor, in *bufio.Reader) error {
	const checksum = 2 // bytes behind each fork
	for _, fork := range []struct {
		name string
		size int64
	}{
		{name: "data", size: h.data},
		{name: "resources", size: h.resources},
	} {
		content := bounded.Exactly(in, fork.size)
		if fork.size > 0 {
			if err := v.Stream("BinHex/"+fork.name, content); err != nil {
				return err
			}
		}
		if content.Left() > 0 {
			return nil // Stream has refused it
		}
		if _, err := in.Discard(checksum); err != nil {
			return unpack.Damaged("BinHex ends within the %s fork", fork.name)
		}
	}
	return nil
}

// binhexCRC returns the checksum of bytes: CRC-16 with the polynomial 0x1021, from 0.
func binhexCRC(b []byte) (crc uint16) {
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			top := crc & 0x8000
			if crc <<= 1; top != 0 {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// binhexDecoder decodes characters of six bits each, up to a colon.
type binhexDecoder struct {
	in   *bufio.Reader
	bits uint32
	have uint // bits that were not returned
}

var errBinHex = errors.New("BinHex with a character that is not in its alphabet")

// ReadByte implements io.ByteReader.
func (b *binhexDecoder) ReadByte() (byte, error) {
	for b.have < 8 {
		c, err := b.in.ReadByte()
		switch value := binhexValues[c]; {
		case err != nil:
			return 0, err
		case value < 64:
			b.bits, b.have = b.bits<<6|uint32(value), b.have+6
		case c == ':':
			return 0, io.EOF
		case c != '\r' && c != '\n' && c != ' ' && c != '\t':
			return 0, errBinHex
		}
	}
	b.have -= 8
	return byte(b.bits >> b.have), nil
}

// runs expands runs: 0x90 and a number say how many times the byte in front of them
// occurs, and 0x90 and zero stand for 0x90.
type runs struct {
	in   io.ByteReader
	last byte
	more int // how often last follows
}

const runMark = 0x90

func (r *runs) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.more > 0 {
			p[n] = r.last
			n, r.more = n+1, r.more-1
			continue
		}
		c, err := r.in.ReadByte()
		if err != nil {
			return n, err
		}
		if c != runMark {
			r.last, r.more = c, 1
			continue
		}
		times, err := r.in.ReadByte()
		if err != nil {
			return n, err
		}
		if times == 0 {
			r.last, r.more = c, 1
			continue
		}
		r.more = int(times) - 1
	}
	return n, nil
}
