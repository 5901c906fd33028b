package sevenzip

import (
	"math/bits"
	"slices"
)

// cursor reads a 7z header. Once invalid is set, every answer is zero. A number of
// items is invalid if the bytes that are left are too few for it, so that neither this
// package nor the library allocates memory for items that are not there.
type cursor struct {
	b       []byte
	invalid bool
}

func (c *cursor) bytes(n uint64) []byte {
	if c.invalid || n > uint64(len(c.b)) {
		c.invalid = true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a number of 7z: the leading ones of the first byte are the number of
// bytes that follow.
func (c *cursor) number() uint64 {
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

// count reads the number of items that have at least one byte each.
func (c *cursor) count() uint64 {
	v := c.number()
	if v > uint64(len(c.b)) {
		c.invalid = true
		return 0
	}
	return v
}

// digests reads which of n items have a CRC, and skips the CRCs.
func (c *cursor) digests(n uint64) []bool {
	defined := make([]bool, n)
	if c.byte() == 0 {
		for i, bits := 0, c.bytes((n+7)/8); i < len(defined) && !c.invalid; i++ {
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

// streams reads a StreamsInfo: the place of the packed streams after the first header,
// and the folders. If it does not say how folders are divided into files, each is one
// file, and undivided is the number of bytes from the id that ends it to the end of the
// header; otherwise it is 0.
func (c *cursor) streams() (packed span, folders []folder, undivided int) {
	id := c.byte()
	if id == idPack {
		packed.from = int64(c.number() & (1<<62 - 1))
		packed.to = packed.from
		n := c.count()
		if id = c.byte(); id == idSize {
			for range n {
				packed.to += int64(c.number() & (1<<40 - 1))
			}
			id = c.byte()
		}
		if id == idDigest {
			c.digests(n)
			id = c.byte()
		}
		c.expect(id)
		id = c.byte()
	}
	if id == idUnpack {
		folders = c.folders()
		id = c.byte()
	}
	for i := range folders {
		folders[i].files = 1
	}
	if id == idSubStreams {
		c.subStreams(folders)
		id = c.byte()
	} else {
		undivided = len(c.b) + 1
	}
	c.expect(id)
	return packed, folders, undivided
}

// expect is for the id that ends a list.
func (c *cursor) expect(id byte) {
	if id != idEnd {
		c.invalid = true
	}
}

func (c *cursor) folders() []folder {
	if c.byte() != idFolder {
		c.invalid = true
	}
	n := c.count()
	if c.byte() != 0 { // the folders are in another stream: no program writes that
		c.invalid = true
	}
	var out []folder
	for range n {
		if c.invalid {
			return nil
		}
		out = append(out, c.folder())
	}
	if c.byte() != idUnpackSize {
		c.invalid = true
	}
	for i := range out {
		for _, coder := range out[i].coders {
			for range coder.out {
				out[i].sizes = append(out[i].sizes, c.number())
			}
		}
	}
	id := c.byte()
	if id == idDigest {
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

func (c *cursor) folder() folder {
	var f folder
	var in, out uint64
	n := c.count()
	if n == 0 || n > 32 { // 7-Zip has the same limit
		c.invalid = true
	}
	for range n {
		if c.invalid {
			return folder{}
		}
		flags := c.byte()
		k := coder{id: c.bytes(uint64(flags & 0xf)), in: 1, out: 1}
		if flags&0x10 != 0 {
			k.in, k.out = c.number(), c.number()
		}
		if k.in > 32 || k.out > 32 || flags&0xc0 != 0 {
			c.invalid = true
		}
		if flags&0x20 != 0 {
			k.props = c.bytes(c.number())
		}
		f.coders = append(f.coders, k)
		in, out = in+k.in, out+k.out
	}
	if c.invalid || out == 0 || in < out {
		c.invalid = true
		return folder{}
	}
	bound := make([]bool, out)
	for range out - 1 { // pairs of an input and the output that it reads
		c.number()
		if at := c.number(); at < out {
			bound[at] = true
		}
	}
	f.main = slices.Index(bound, false)
	if f.streams = in - (out - 1); f.streams > 1 {
		for range f.streams {
			c.number()
		}
	}
	return f
}

// subStreams reads how the streams of folders are divided into files.
func (c *cursor) subStreams(folders []folder) {
	id := c.byte()
	if id == idNumStreams {
		for i := range folders {
			folders[i].files = c.count()
		}
		id = c.byte()
	}
	var unknown uint64
	for _, f := range folders {
		n := f.files
		if id == idSize && n > 0 {
			// c.invalid bounds the time: a header may have many folders of many files.
			for i := uint64(1); i < n && !c.invalid; i++ {
				c.number()
			}
		}
		if n != 1 || !f.crc {
			unknown += n
		}
	}
	if unknown > uint64(len(c.b)) {
		c.invalid = true
		return
	}
	if id == idSize {
		id = c.byte()
	}
	if id == idDigest {
		c.digests(unknown)
		id = c.byte()
	}
	c.expect(id)
}
