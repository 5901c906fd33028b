package decode

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// lzip unpacks members of lzip (draft-diaz-lzip): a header of six bytes, an lzma stream
// with fixed properties and a marker at its end, and a trailer with the CRC-32 and the
// sizes.
type lzip struct {
	in  *bufio.Reader
	z   *lzma.Reader
	sum uint32
	n   uint64
}

// Lzip unpacks all members of lzip. As lzip does, it ignores bytes after the last.
func Lzip(r io.Reader) (io.Reader, error) {
	in, ok := r.(*bufio.Reader)
	if !ok {
		in = bufio.NewReader(r)
	}
	z := &lzip{in: in}
	return z, z.next()
}

// next begins a member.
func (l *lzip) next() error {
	var h [6]byte
	if _, err := io.ReadFull(l.in, h[:]); err != nil {
		return bounded.Unexpected(err)
	}
	bits := h[5] & 0x1f
	if string(h[:5]) != "LZIP\x01" || bits < 12 || bits > 29 {
		return unpack.Damaged("lzip with an invalid header")
	}
	size := uint32(1)<<bits - uint32(1)<<bits/16*uint32(h[5]>>5)
	if size > unpack.MaxWindow {
		return unpack.TooLarge("lzip with a dictionary of more than %d bytes", unpack.MaxWindow)
	}
	header := [13]byte{0: 0x5d}
	binary.LittleEndian.PutUint32(header[1:], max(size, 1<<12))
	binary.LittleEndian.PutUint64(header[5:], 1<<64-1)
	var err error
	l.z, err = lzma.NewReader(&headed{head: header[:], Reader: l.in})
	l.sum, l.n = 0, 0
	return bounded.Unexpected(err)
}

func (l *lzip) Read(p []byte) (int, error) {
	n, err := l.z.Read(p)
	l.sum = crc32.Update(l.sum, crc32.IEEETable, p[:n])
	l.n += uint64(n)
	if !bounded.Ended(err) {
		return n, err
	}
	var sums [20]byte
	if _, err := io.ReadFull(l.in, sums[:]); err != nil {
		return n, bounded.Unexpected(err)
	}
	if le := binary.LittleEndian; le.Uint32(sums[:]) != l.sum || le.Uint64(sums[4:]) != l.n {
		return n, unpack.Damaged("lzip with a wrong checksum or size")
	}
	if head, _ := l.in.Peek(5); string(head) != "LZIP\x01" {
		return n, io.EOF
	}
	return n, l.next()
}

// headed reads a header and then the Reader, of which it takes no byte in advance.
type headed struct {
	head []byte
	*bufio.Reader
}

func (h *headed) Read(p []byte) (int, error) {
	if len(h.head) > 0 {
		n := copy(p, h.head)
		h.head = h.head[n:]
		return n, nil
	}
	return h.Reader.Read(p)
}

func (h *headed) ReadByte() (byte, error) {
	if len(h.head) > 0 {
		b := h.head[0]
		h.head = h.head[1:]
		return b, nil
	}
	return h.Reader.ReadByte()
}
