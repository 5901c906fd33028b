package coverage

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/ulikunitz/xz/lzma"
)

func openLzip(n node) (io.Reader, error)   { return newLzip(all(n)) }
func openSnappy(n node) (io.Reader, error) { return newSnappy(all(n)) }
func openSZDD(n node) (io.Reader, error)   { return newSZDD(all(n)) }
func openZisofs(n node) (io.Reader, error) { return &zisofs{n: n}, nil }

// newSnappy unpacks the framing format of snappy.
func newSnappy(r io.Reader) (io.Reader, error) { return s2.NewReader(r), nil }

// lzip unpacks members of RFC draft-diaz-lzip: a header of six bytes, lzma with
// fixed properties and a mark at its end, and sums.
type lzip struct {
	in  *bufio.Reader
	z   *lzma.Reader
	sum uint32
	n   uint64
}

func newLzip(r io.Reader) (io.Reader, error) {
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
		return unexpected(err)
	}
	bits := h[5] & 0x1f
	if string(h[:5]) != "LZIP\x01" || bits < 12 || bits > 29 {
		return damaged("lzip with a wrong header")
	}
	size := uint32(1)<<bits - uint32(1)<<bits/16*uint32(h[5]>>5)
	if size > maxWindow {
		return tooWide("lzip with a dictionary of more than %d bytes", maxWindow)
	}
	header := [13]byte{0: 0x5d}
	binary.LittleEndian.PutUint32(header[1:], max(size, 1<<12))
	binary.LittleEndian.PutUint64(header[5:], 1<<64-1)
	var err error
	l.z, err = lzma.NewReader(&headed{head: header[:], Reader: l.in})
	l.sum, l.n = 0, 0
	return unexpected(err)
}

func (l *lzip) Read(p []byte) (int, error) {
	n, err := l.z.Read(p)
	l.sum = crc32.Update(l.sum, crc32.IEEETable, p[:n])
	l.n += uint64(n)
	if !ended(err) {
		return n, err
	}
	var sums [20]byte
	if _, err := io.ReadFull(l.in, sums[:]); err != nil {
		return n, unexpected(err)
	}
	if le := binary.LittleEndian; le.Uint32(sums[:]) != l.sum || le.Uint64(sums[4:]) != l.n {
		return n, damaged("lzip with a wrong sum")
	}
	if head, _ := l.in.Peek(5); string(head) != "LZIP\x01" {
		return n, io.EOF // lzip ignores what follows
	}
	return n, l.next()
}

// headed reads a header and then on, never ahead.
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

// szdd unpacks what COMPRESS.EXE of MS-DOS makes: flags for eight literals or
// references into a window of 4096 bytes.
type szdd struct {
	in     *bufio.Reader
	left   int64
	window [4096]byte
	at     int
	flags  uint
	out    []byte
}

func newSZDD(r io.Reader) (io.Reader, error) {
	var h [14]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, unexpected(err)
	}
	if !isSZDD(h[:]) {
		return nil, unsupported("SZDD of another mode")
	}
	s := &szdd{in: bufio.NewReader(r), left: int64(binary.LittleEndian.Uint32(h[10:])), at: 4096 - 16}
	copy(s.window[:], bytes.Repeat([]byte(" "), len(s.window)))
	return s, nil
}

func (s *szdd) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.left <= 0 {
			return 0, io.EOF
		}
		if err := s.step(); err != nil {
			return 0, unexpected(err)
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

func (s *szdd) step() error {
	if s.flags <= 1 {
		b, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		s.flags = uint(b) | 0x100
	}
	literal := s.flags&1 != 0
	s.flags >>= 1
	a, err := s.in.ReadByte()
	if err != nil {
		return err
	}
	s.out = s.out[:0]
	if literal {
		s.put(a)
		return nil
	}
	b, err := s.in.ReadByte()
	if err != nil {
		return err
	}
	from := int(a) | int(b&0xf0)<<4
	for i := range int(b&0x0f) + 3 {
		s.put(s.window[(from+i)&4095])
	}
	return nil
}

func (s *szdd) put(b byte) {
	if s.left--; s.left >= 0 {
		s.out = append(s.out, b)
	}
	s.window[s.at] = b
	s.at = (s.at + 1) & 4095
}

// zisofs unpacks a file of a compressed CD image: pointers to blocks of zlib.
type zisofs struct {
	n     node
	block int64
	left  int64
	z     io.Reader
}

func (f *zisofs) Read(p []byte) (int, error) {
	var h [16]byte
	if err := f.n.read(h[:], 0); err != nil {
		return 0, err
	}
	if !isZisofs(h[:]) {
		return 0, damaged("zisofs with a wrong header")
	}
	size := int64(1) << h[13]
	whole := int64(binary.LittleEndian.Uint32(h[8:]))
	for f.z == nil {
		f.left = min(size, whole-f.block*size)
		if f.left <= 0 {
			return 0, io.EOF
		}
		var at [8]byte
		if err := f.n.read(at[:], 16+4*f.block); err != nil {
			return 0, err
		}
		from, to := int64(binary.LittleEndian.Uint32(at[:])), int64(binary.LittleEndian.Uint32(at[4:]))
		if f.block++; from == to { // of zeros, which hide nothing
			continue
		}
		z, err := zlib.NewReader(f.n.at(from, to-from))
		if err != nil {
			return 0, unexpected(err)
		}
		f.z = z
	}
	n, err := f.z.Read(p)
	if ended(err) {
		f.z, err = nil, nil
	}
	return n, err
}
