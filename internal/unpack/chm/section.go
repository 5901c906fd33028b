package chm

import (
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// frame is how many bytes LZX compresses at a time.
const frame = 32 << 10

// section is the compressed section. It can be unpacked from each frame at which LZX
// is reset.
type section struct {
	visitor    *unpack.Visitor
	content    unpack.Content // compressed
	offsets    unpack.Content // of the frames in content, in eight bytes each
	size       int64          // bytes, unpacked
	compressed int64          // bytes
	reset      int64          // LZX is reset after so many frames
	window     uint           // size of LZX's window, as a power of 2

	lzx      *decode.LZX
	next     int64  // number of the frame to be unpacked next
	unpacked []byte // the frame before that
}

// newSection reads the control data and the table of offsets. The error is a Refusal.
func newSection(v *unpack.Visitor, content, control, table unpack.Content) (*section, error) {
	le := binary.LittleEndian
	var c, t [0x28]byte
	if err := control.Fill(c[:0x18], 0); err != nil {
		return nil, err
	}
	if err := table.Fill(t[:], 0); err != nil {
		return nil, err
	}
	unit := int64(1) // bytes in which version 1 counts
	if le.Uint32(c[8:]) == 2 {
		unit = frame
	}
	reset, window := int64(le.Uint32(c[12:]))*unit, int64(le.Uint32(c[16:]))*unit
	if string(c[4:8]) != "LZXC" || reset < frame || reset%frame != 0 || window <= 0 || window&(window-1) != 0 {
		return nil, unpack.Unsupported("CHM with a compression other than LZX")
	}
	s := &section{
		visitor: v, content: content, offsets: table.From(int64(le.Uint32(t[12:]))),
		size: int64(le.Uint64(t[16:])), compressed: int64(le.Uint64(t[24:])),
		reset: reset / frame, window: uint(bits.TrailingZeros64(uint64(window))),
	}
	if le.Uint32(t[8:]) != 8 || le.Uint64(t[32:]) != frame || s.size < 0 || s.compressed < 0 ||
		s.compressed > content.Size() {
		return nil, unpack.Damaged("CHM without a table of its LZX frames")
	}
	return s, nil
}

// seek unpacks the frame that contains the byte at an offset of the section.
func (s *section) seek(at int64) error {
	want := at / frame
	begin := want - want%s.reset
	if want+1 < s.next || begin >= s.next || s.lzx == nil {
		s.next = begin
	}
	for s.next <= want {
		if err := s.decode(); err != nil {
			s.lzx = nil
			return err
		}
	}
	return nil
}

// decode unpacks the next frame.
func (s *section) decode() (err error) {
	if s.next%s.reset == 0 {
		if s.lzx, err = decode.NewLZX(s.window); err != nil {
			return err
		}
	}
	size := min(frame, s.size-s.next*frame)
	from, to := s.offset(s.next), s.compressed
	if (s.next+1)*frame < s.size {
		to = s.offset(s.next + 1)
	}
	const maxCompressed = frame + 6144 // LZX adds at most 6144 bytes to a frame (MS-PATCH)
	if size <= 0 || from < 0 || to < from || to-from > maxCompressed {
		return unpack.Damaged("CHM without the LZX frame of offset %d", s.next*frame)
	}
	compressed := make([]byte, to-from)
	if err := s.content.Fill(compressed, from); err != nil {
		return err
	}
	if err := s.visitor.Spend(size); err != nil {
		return err
	}
	s.lzx.Padded = (s.next+1)*frame >= s.size
	s.unpacked, err = s.lzx.Frame(compressed, int(size))
	s.next++
	return err
}

// offset returns the offset of a frame in the compressed content, or -1 where the
// table does not have it.
func (s *section) offset(frame int64) int64 {
	var b [8]byte
	if s.offsets.Fill(b[:], frame*8) != nil {
		return -1
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// part reads a part of a section: one file.
type part struct {
	section  *section
	at, left int64
}

func (p *part) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, io.EOF
	}
	if p.at >= p.section.size {
		return 0, io.ErrUnexpectedEOF
	}
	if err := p.section.seek(p.at); err != nil {
		return 0, err
	}
	n := copy(b[:min(int64(len(b)), p.left)], p.section.unpacked[p.at%frame:])
	p.at, p.left = p.at+int64(n), p.left-int64(n)
	return n, nil
}
