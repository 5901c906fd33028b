package iso

import (
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// sync is the beginning of each raw sector (ECMA-130, 14.2).
const sync = "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"

// rawFormat is an image of raw sectors, which have synchronisation, addresses,
// checksums and subchannels around 2,048 bytes of content.
func rawFormat() unpack.Format {
	return unpack.Format{
		Name:  "raw CD image",
		Opens: "the content of whole sectors",
		Match: func(c unpack.Content, head []byte) bool {
			_, _, ok := rawSectors(c, head)
			return ok
		},
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			size, from, ok := rawSectors(c, c.Peek(0, unpack.HeadSize))
			if !ok {
				return unpack.Damaged("raw CD image")
			}
			at := int64(0)
			return v.Stream("content", bounded.Blocks(func() ([]byte, error) {
				b := c.Peek(at, int(size))
				if int64(len(b)) < from+sector {
					return nil, io.EOF
				}
				at += size
				return b[from : from+sector], nil
			}))
		},
	}
}

// rawSectors returns the size of raw sectors and the offset of the content in each.
func rawSectors(c unpack.Content, head []byte) (size, from int64, ok bool) {
	if len(head) > 16 && string(head[:12]) == sync && (head[15] == 1 || head[15] == 2) && c.Size() >= 2352 {
		size, from = 2352, 16
		if string(c.Peek(2448, 12)) == sync { // with subchannels
			size = 2448
		}
		if head[15] == 2 { // mode 2 has a subheader
			from = 24
		}
		return size, from, true
	}
	if string(c.Peek(16*2336+8+1, 5)) == "CD001" { // mode 2 without synchronisation and address
		return 2336, 8, true
	}
	return 0, 0, false
}
