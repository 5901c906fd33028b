package iso

import (
	"compress/zlib"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const zisofsMagic = "\x37\xe4\x53\x96\xc9\xdb\xd6\x07"

// zisofsFormat is a file of a compressed CD image, which Linux unpacks when it is read:
// offsets of blocks in zlib.
func zisofsFormat() unpack.Format {
	plain := unpack.Format{
		Name:   "zisofs",
		Opens:  "compressed files of CD images for Linux",
		Magics: []unpack.Magic{{Text: zisofsMagic}},
		Match:  func(_ unpack.Content, head []byte) bool { return isZisofs(head) },
		Whole:  true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			h := c.Peek(0, 16)
			z := &zisofs{c: c, size: int64(1) << h[13], left: int64(binary.LittleEndian.Uint32(h[8:]))}
			return v.Stream("zisofs", bounded.Blocks(z.block))
		},
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: zisofsMagic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if !isZisofs(v.Content().Peek(at, 16)) {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return f
}

// isZisofs checks the sizes of a header (zisofs, of Linux's isofs).
func isZisofs(h []byte) bool { return len(h) >= 16 && h[12] == 4 && h[13] >= 15 && h[13] <= 17 }

type zisofs struct {
	c    unpack.Content
	size int64 // of a block
	left int64 // of the file
	next int64 // index of the next block
}

// block unpacks the next block. One without compressed bytes is zeros.
func (z *zisofs) block() ([]byte, error) {
	if z.left <= 0 {
		return nil, io.EOF
	}
	var at [8]byte
	if err := z.c.Fill(at[:], 16+4*z.next); err != nil {
		return nil, err
	}
	z.next++
	from, to := int64(binary.LittleEndian.Uint32(at[:])), int64(binary.LittleEndian.Uint32(at[4:]))
	out := make([]byte, min(z.size, z.left))
	z.left -= int64(len(out))
	if from == to {
		return out, nil
	}
	r, err := zlib.NewReader(z.c.Section(from, to-from))
	if err != nil {
		return nil, bounded.Unexpected(err)
	}
	_, err = io.ReadFull(r, out)
	return out, bounded.Unexpected(err)
}
