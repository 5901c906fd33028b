package decode

import (
	"encoding/binary"
	"errors"

	"github.com/lazaret/lazaret/internal/unpack"
)

// LZX decodes Microsoft's LZX (MS-PATCH, "LZX DELTA Compression", without its deltas)
// as cabinets and CHM files have it: frames of 32 KiB, each of which begins with a new
// word of 16 bits.
type LZX struct {
	// Padded says that other bytes may follow a frame, as they follow the last frame of
	// a CHM file.
	Padded bool

	in   []byte // the frame
	next int    // index of the next byte of in
	held uint64 // bits that were read and not taken, the next one highest
	have uint   // bits in held
	over uint   // zeros in held that stand for bits after the end
	err  error  // bits after the end were taken

	ring  []byte                       // the last unpacked bytes
	at    int                          // index of the next byte in ring
	last  [3]int                       // distances of the last matches
	kind  byte                         // of the block
	left  int                          // bytes of the block that are still to be unpacked
	odd   bool                         // a byte of padding follows the block
	match struct{ distance, left int } // its last bytes may belong to the next frame

	lengths               [3][]byte // of codes, each stored as the change to the block before
	main, length, aligned *Huffman
	begun                 bool
	intel                 int // file size by which addresses of calls were computed, or 0
	done                  int // bytes that were unpacked
}

var errLZX = errors.New("invalid LZX")

// Types of blocks.
const (
	lzxVerbatim = 1
	lzxAligned  = 2
	lzxStored   = 3
)

const (
	lzxFrame   = 32 << 10 // bytes
	lzxLengths = 249      // symbols of the code of match lengths
)

// NewLZX decodes with a window of 1<<windowBits bytes, of 15 to 21 bits.
func NewLZX(windowBits uint) (*LZX, error) {
	if windowBits < 15 || windowBits > 21 {
		return nil, unpack.Unsupported("LZX with a window of %d bits", windowBits)
	}
	slots := 2 * int(windowBits)
	switch windowBits {
	case 20:
		slots = 42
	case 21:
		slots = 50
	}
	return &LZX{
		ring:    make([]byte, 1<<windowBits),
		last:    [3]int{1, 1, 1},
		lengths: [3][]byte{make([]byte, 256), make([]byte, 8*slots), make([]byte, lzxLengths)},
	}, nil
}

// Frame decodes the next frame, which has size bytes unpacked.
func (z *LZX) Frame(in []byte, size int) ([]byte, error) {
	if size > lzxFrame {
		return nil, errLZX
	}
	z.in, z.next, z.held, z.have, z.over, z.err = in, 0, 0, 0, 0, nil
	if !z.begun {
		z.begun = true
		if z.get(1) != 0 {
			z.intel = int(int32(z.get(16)<<16 | z.get(16)))
		}
	}
	from := z.at
	for made := 0; made < size; {
		n, err := z.some(size - made)
		if err != nil {
			return nil, err
		}
		made += n
	}
	z.pad()
	if z.kind != lzxStored {
		z.unread()
	}
	if z.next < len(in) && !z.Padded {
		return nil, errLZX
	}
	out := make([]byte, size)
	for i := range out {
		out[i] = z.ring[(from+i)&(len(z.ring)-1)]
	}
	z.untranslate(out)
	z.done += size
	return out, nil
}

// some unpacks at least one byte of the block, and at most so many.
func (z *LZX) some(most int) (int, error) {
	if z.match.left > 0 { // from the frame before
		n := z.copy(most)
		z.left -= n
		return n, nil
	}
	if z.left == 0 {
		if err := z.block(); err != nil {
			return 0, err
		}
	}
	most = min(most, z.left)
	if z.kind == lzxStored {
		n := min(most, len(z.in)-z.next)
		if n == 0 {
			return 0, errLZX
		}
		for _, b := range z.in[z.next : z.next+n] {
			z.put(b)
		}
		z.next += n
		z.left -= n
		return n, nil
	}
	n, err := z.symbol(most)
	z.left -= n
	return n, err
}

// symbol decodes a literal or a match. The end of a match may belong to the next frame.
func (z *LZX) symbol(most int) (int, error) {
	s, err := z.main.Read(z)
	if err != nil {
		return 0, err
	}
	if s < 256 {
		z.put(byte(s))
		return 1, nil
	}
	length := s & 7
	if length == 7 {
		more, err := z.length.Read(z)
		if err != nil {
			return 0, err
		}
		length += more
	}
	distance, err := z.distance((s - 256) >> 3)
	if err != nil || distance <= 0 || distance > len(z.ring) || length+2 > z.left {
		return 0, errors.Join(errLZX, err)
	}
	z.match.distance, z.match.left = distance, length+2
	return z.copy(most), z.err
}

// distance decodes the distance of a match, in bytes.
func (z *LZX) distance(slot int) (int, error) {
	if slot < 3 { // one of the last distances
		z.last[0], z.last[slot] = z.last[slot], z.last[0]
		return z.last[0], nil
	}
	base, extra := lzxSlot(slot)
	v := base - 2
	if z.kind == lzxAligned && extra >= 3 {
		v += int(z.get(extra-3)) << 3
		low, err := z.aligned.Read(z)
		if err != nil {
			return 0, err
		}
		v += low
	} else {
		v += int(z.get(extra))
	}
	z.last = [3]int{v, z.last[0], z.last[1]}
	return v, z.err
}

// lzxSlot is the smallest distance of a slot, and the number of extra bits.
func lzxSlot(slot int) (base int, extra uint) {
	if slot < 4 {
		return slot, 0
	}
	extra = min(uint(slot)/2-1, 17)
	if slot >= 38 {
		return (slot - 36 + 2) << 17, extra
	}
	return (2 + slot&1) << extra, extra
}

func (z *LZX) copy(most int) int {
	n := min(most, z.match.left)
	for range n {
		z.put(z.ring[(z.at-z.match.distance)&(len(z.ring)-1)])
	}
	z.match.left -= n
	return n
}

func (z *LZX) put(b byte) {
	z.ring[z.at] = b
	z.at = (z.at + 1) & (len(z.ring) - 1)
}

// block reads the header of a block.
func (z *LZX) block() error {
	z.pad()
	z.odd = false
	z.kind = byte(z.get(3))
	z.left = int(z.get(8)<<16 | z.get(16))
	if z.err != nil || z.left == 0 {
		return errLZX
	}
	switch z.kind {
	case lzxStored:
		return z.stored()
	case lzxVerbatim:
	case lzxAligned:
		lengths := make([]byte, 8)
		for i := range lengths {
			lengths[i] = byte(z.get(3))
		}
		var err error
		if z.aligned, err = NewHuffman(lengths); err != nil {
			return err
		}
	default:
		return errLZX
	}
	for _, lengths := range z.lengths {
		if err := z.changes(lengths); err != nil {
			return err
		}
	}
	var err error
	if z.main, err = NewHuffman(append(append([]byte{}, z.lengths[0]...), z.lengths[1]...)); err != nil {
		return err
	}
	z.length, err = NewHuffman(z.lengths[2])
	return err
}

// stored reads the header of a stored block: padding to a word, and the last distances.
func (z *LZX) stored() error {
	if z.unread(); len(z.in)-z.next < 12 {
		return errLZX
	}
	for i := range z.last {
		z.last[i] = int(binary.LittleEndian.Uint32(z.in[z.next+4*i:]))
	}
	z.next, z.odd = z.next+12, z.left%2 == 1
	return nil
}

// unread gives back the words that Peek has read in advance, and skips the rest of the
// current word. Before a stored block, a whole word is skipped if none was begun.
func (z *LZX) unread() {
	words := int(z.have-z.over) / 16
	if z.kind == lzxStored && z.have%16 == 0 {
		words--
	}
	z.next = max(0, z.next-2*words)
	z.held, z.have, z.over = 0, 0, 0
}

// pad skips the byte that follows a stored block of an odd number of bytes.
func (z *LZX) pad() {
	if z.odd && z.left == 0 && z.next < len(z.in) {
		z.next, z.odd = z.next+1, false
	}
}

// changes reads the lengths of a code, as differences to those in the block before.
func (z *LZX) changes(lengths []byte) error {
	small := make([]byte, 20)
	for i := range small {
		small[i] = byte(z.get(4))
	}
	code, err := NewHuffman(small)
	if err != nil {
		return err
	}
	for i := 0; i < len(lengths); {
		s, err := code.Read(z)
		if err != nil {
			return err
		}
		run, to := 1, -1 // to is the new length; -1 is the old one minus s
		switch s {
		case 17:
			run, to = 4+int(z.get(4)), 0
		case 18:
			run, to = 20+int(z.get(5)), 0
		case 19:
			run = 4 + int(z.get(1))
			if s, err = code.Read(z); err != nil || s > 16 {
				return errors.Join(errLZX, err)
			}
		}
		for ; run > 0 && i < len(lengths); run-- {
			if to < 0 {
				to = (int(lengths[i]) - s + 17) % 17
			}
			lengths[i] = byte(to)
			i++
		}
	}
	return z.err
}

// untranslate restores the relative addresses of calls in x86 programs, which the packer
// has made absolute, so that calls of the same function are the same bytes.
func (z *LZX) untranslate(b []byte) {
	if z.intel == 0 || z.done >= lzxFrame<<15 {
		return
	}
	for i := 0; i < len(b)-10; i++ {
		if b[i] != 0xe8 {
			continue
		}
		at, v := z.done+i, int(int32(binary.LittleEndian.Uint32(b[i+1:])))
		if v >= -at && v < z.intel {
			if v >= 0 {
				v -= at
			} else {
				v += z.intel
			}
			binary.LittleEndian.PutUint32(b[i+1:], uint32(int32(v)))
		}
		i += 4
	}
}

// Peek returns the next 16 bits, of words whose lower byte comes first, with zeros
// after the end.
func (z *LZX) Peek() uint32 {
	for z.have < 16 {
		z.held, z.have = z.held<<16, z.have+16
		switch len(z.in) - z.next {
		case 0:
			z.over += 16
		case 1:
			z.held |= uint64(z.in[z.next])
			z.next++
		default:
			z.held |= uint64(binary.LittleEndian.Uint16(z.in[z.next:]))
			z.next += 2
		}
	}
	return uint32(z.held>>(z.have-16)) & 0xffff
}

// Skip takes n bits, of at most 16.
func (z *LZX) Skip(n uint) {
	if z.have -= n; z.have < z.over {
		z.err = errLZX
	}
}

// Err is the error of a Skip beyond the end.
func (z *LZX) Err() error { return z.err }

// get reads a number of n bits, of at most 17.
func (z *LZX) get(n uint) uint32 {
	if n == 0 {
		return 0
	}
	if n > 16 {
		high := z.get(n - 16)
		return high<<16 | z.get(16)
	}
	v := z.Peek() >> (16 - n)
	z.Skip(n)
	return v
}
