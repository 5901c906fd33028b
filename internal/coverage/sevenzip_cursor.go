package coverage

import "math/bits"

// cursor7z reads a 7z header. After bad every answer is zero. No number that
// says how many things follow is believed beyond the bytes that are left, so
// that neither this reader nor the library allocates by a liar's word.
type cursor7z struct {
	b   []byte
	bad bool
}

func (c *cursor7z) bytes(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)) {
		c.bad = true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor7z) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads 7z's numbers: the first byte's leading ones say how many follow.
func (c *cursor7z) number() uint64 {
	first := c.byte()
	more := bits.LeadingZeros8(^first)
	var v uint64
	for i, b := range c.bytes(uint64(more)) {
		v |= uint64(b) << (8 * i)
	}
	if more < 7 {
		v |= uint64(first&(1<<(7-more)-1)) << (8 * more)
	}
	return v
}

// count reads a number of things of at least one byte each.
func (c *cursor7z) count() uint64 {
	v := c.number()
	if v > uint64(len(c.b)) {
		c.bad = true
		return 0
	}
	return v
}

// digests reads which of n things have a CRC, and skips the CRCs.
func (c *cursor7z) digests(n uint64) []bool {
	defined := make([]bool, n)
	if c.byte() == 0 {
		for i, bits := 0, c.bytes((n+7)/8); i < len(defined) && !c.bad; i++ {
			defined[i] = bits[i/8]&(0x80>>(i%8)) != 0
		}
	} else {
		for i := range defined {
			defined[i] = true
		}
	}
	var sums uint64
	for _, d := range defined {
		if d {
			sums += 4
		}
	}
	c.bytes(sums)
	return defined
}

// streams reads a StreamsInfo: where the packed streams begin, and the folders.
func (c *cursor7z) streams() (at int64, folders []folder) {
	id := c.byte()
	if id == pack7z {
		at = int64(c.number() & (1<<62 - 1))
		n := c.count()
		if id = c.byte(); id == size7z {
			for range n {
				c.number()
			}
			id = c.byte()
		}
		if id == digest7z {
			c.digests(n)
			id = c.byte()
		}
		c.expect(id)
		id = c.byte()
	}
	if id == unpack7z {
		folders = c.folders()
		id = c.byte()
	}
	if id == subStreams7z {
		c.subStreams(folders)
		id = c.byte()
	}
	c.expect(id)
	return at, folders
}

// expect wants the end of a list.
func (c *cursor7z) expect(id byte) {
	if id != end7z {
		c.bad = true
	}
}

func (c *cursor7z) folders() []folder {
	if c.byte() != folder7z {
		c.bad = true
	}
	n := c.count()
	if c.byte() != 0 { // somewhere else: never written by anything
		c.bad = true
	}
	var out []folder
	for range n {
		if c.bad {
			return nil
		}
		out = append(out, c.folder())
	}
	if c.byte() != unpackSize7z {
		c.bad = true
	}
	for i := range out {
		for _, coder := range out[i].coders {
			for range coder.out {
				out[i].sizes = append(out[i].sizes, c.number())
			}
		}
	}
	id := c.byte()
	if id == digest7z {
		for i, d := range c.digests(n) {
			if i < len(out) {
				out[i].crc = d
			}
		}
		id = c.byte()
	}
	c.expect(id)
	return out
}

func (c *cursor7z) folder() folder {
	var f folder
	var in, out uint64
	n := c.count()
	if n == 0 || n > 32 { // as many as 7-Zip takes
		c.bad = true
	}
	for range n {
		if c.bad {
			return folder{}
		}
		flags := c.byte()
		k := coder{id: c.bytes(uint64(flags & 0xf)), in: 1, out: 1}
		if flags&0x10 != 0 {
			k.in, k.out = c.number(), c.number()
		}
		if k.in > 32 || k.out > 32 || flags&0xc0 != 0 {
			c.bad = true
		}
		if flags&0x20 != 0 {
			k.props = c.bytes(c.number())
		}
		f.coders = append(f.coders, k)
		in, out = in+k.in, out+k.out
	}
	if c.bad || out == 0 || in < out { // neither is believed after bad
		c.bad = true
		return folder{}
	}
	for range 2 * (out - 1) { // pairs that bind an input to an output
		c.number()
	}
	if f.streams = in - (out - 1); f.streams > 1 {
		for range f.streams {
			c.number()
		}
	}
	return f
}

// subStreams reads how the folders' streams are divided into files.
func (c *cursor7z) subStreams(folders []folder) {
	counts := make([]uint64, len(folders))
	for i := range counts {
		counts[i] = 1
	}
	id := c.byte()
	if id == numStreams7z {
		for i := range counts {
			counts[i] = c.count()
		}
		id = c.byte()
	}
	var unknown uint64
	for i, n := range counts {
		if id == size7z && n > 0 {
			for i := uint64(1); i < n && !c.bad; i++ { // there may be as many folders as files in each
				c.number()
			}
		}
		if n != 1 || !folders[i].crc {
			unknown += n
		}
	}
	if unknown > uint64(len(c.b)) {
		c.bad = true
		return
	}
	if id == size7z {
		id = c.byte()
	}
	if id == digest7z {
		c.digests(unknown)
		id = c.byte()
	}
	c.expect(id)
}
