package cab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// folder is a stream of blocks (CFDATA) of at most 32 KiB unpacked.
type folder struct {
	c        unpack.Content
	at       int64 // offset of the next block
	blocks   int   // that are still to be read
	method   uint16
	reserved int64 // bytes between a block's header and its data
}

const blockSize = 32 << 10

// reader unpacks a folder.
type reader struct {
	io.Reader
	release func() // gives back the memory
}

// framer unpacks one block after another.
type framer interface {
	Frame(in []byte, size int) ([]byte, error)
}

func (f folder) open(v *unpack.Visitor) (reader, error) {
	var frames framer
	var err error
	windowBits := uint(f.method >> 8 & 0x1f)
	switch kind := f.method & 0x0f; kind {
	case 0:
		frames = stored{}
	case 1:
		frames = &mszip{}
	case 2:
		frames, err = decode.NewQuantum(windowBits)
	case 3:
		frames, err = decode.NewLZX(windowBits)
	default:
		err = unpack.Unsupported("cabinet with method %d", kind)
	}
	if err != nil {
		return reader{release: func() {}}, err
	}
	release, err := v.Hold(1 << min(windowBits, 21))
	if err != nil {
		return reader{release: release}, err
	}
	return reader{
		Reader: bounded.Blocks(func() ([]byte, error) {
			if f.blocks == 0 {
				return nil, io.EOF
			}
			f.blocks--
			return f.block(frames)
		}),
		release: release,
	}, nil
}

// block unpacks the next block.
func (f *folder) block(frames framer) ([]byte, error) {
	le := binary.LittleEndian
	var h [8]byte
	if err := f.c.Fill(h[:], f.at); err != nil {
		return nil, err
	}
	data, size := make([]byte, le.Uint16(h[4:])), int(le.Uint16(h[6:]))
	if err := f.c.Fill(data, f.at+8+f.reserved); err != nil {
		return nil, err
	}
	f.at += 8 + f.reserved + int64(len(data))
	if sum := le.Uint32(h[:]); sum != 0 && f.reserved == 0 && sum != checksum(h[4:], checksum(data, 0)) {
		return nil, unpack.Damaged("cabinet with a wrong checksum")
	}
	if size == 0 || size > blockSize {
		return nil, unpack.Damaged("cabinet with a block of %d bytes", size)
	}
	out, err := frames.Frame(data, size)
	return out, bounded.Unexpected(err)
}

// stored has blocks that are not compressed.
type stored struct{}

func (stored) Frame(in []byte, size int) ([]byte, error) {
	if size != len(in) {
		return nil, unpack.Damaged("cabinet with a stored block of %d bytes, and not %d", len(in), size)
	}
	return in, nil
}

// mszip unpacks blocks that are deflate streams, whose window has the blocks before.
type mszip struct {
	window []byte
	z      io.ReadCloser
}

func (m *mszip) Frame(in []byte, size int) ([]byte, error) {
	packed, ok := bytes.CutPrefix(in, []byte("CK"))
	if !ok {
		return nil, unpack.Damaged("cabinet with a block that is not MSZIP")
	}
	r := bytes.NewReader(packed)
	if m.z == nil {
		m.z = flate.NewReader(r)
	} else if err := m.z.(flate.Resetter).Reset(r, m.window); err != nil {
		return nil, err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(m.z, out); err != nil {
		return nil, err
	}
	var more [1]byte
	if n, err := m.z.Read(more[:]); n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return nil, unpack.Damaged("cabinet with a block of more than %d bytes", size)
	}
	m.window = append(m.window, out...)
	m.window = m.window[max(0, len(m.window)-blockSize):]
	return out, nil
}

// checksum is the checksum of a block: the sum of its words by exclusive or. The last
// one to three bytes are one word, in the byte order of Microsoft's own code.
func checksum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}
