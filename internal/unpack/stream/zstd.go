package stream

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// skippableMagic follows the first byte, of 0x50 to 0x5f, of a frame that decoders of
// Zstandard and LZ4 skip (RFC 8878, 3.1.2).
const skippableMagic = "\x2a\x4d\x18"

// skippableFormat is Zstandard or LZ4 after skippable frames, as pzstd writes it. The
// skippable frames are searched.
func skippableFormat() unpack.Format {
	f := unpack.Format{
		Name:  "skippable frames",
		Opens: "zstd and LZ4 after them",
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			r, name, err := afterSkippable(c.Reader(0))
			if r == nil || err != nil {
				return err
			}
			return v.Stream(name, r)
		},
	}
	for b := byte(0x50); b <= 0x5f; b++ {
		f.Magics = append(f.Magics, unpack.Magic{Text: string([]byte{b}) + skippableMagic})
	}
	return f
}

// afterSkippable unpacks what follows skippable frames. It returns nil if that is
// neither Zstandard nor LZ4.
func afterSkippable(in *bufio.Reader) (r io.Reader, name string, err error) {
	for {
		head, _ := in.Peek(8)
		switch {
		case len(head) < 4:
			return nil, "", nil
		case string(head[:4]) == zstdMagic:
			r, err = decode.Zstd(in)
			return r, "zstd", err
		case string(head[:4]) == lz4Magic:
			r, err = decode.LZ4(in)
			return r, "lz4", err
		case head[0]&0xf0 != 0x50 || string(head[1:4]) != skippableMagic || len(head) < 8:
			return nil, "", nil
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		if _, err := io.CopyN(io.Discard, in, int64(len(head))+size); err != nil {
			return nil, "", unpack.Damaged("skippable frame: %v", bounded.Unexpected(err))
		}
	}
}

// legacyFormat is Zstandard before version 0.8. Builds of zstd can still unpack it, and
// none writes it.
func legacyFormat() unpack.Format {
	f := unpack.Format{
		Name:  "zstd before 0.8",
		Opens: "refused",
		Whole: true,
		Walk: func(*unpack.Visitor, unpack.Content) error {
			return unpack.Unsupported("zstd of a version before 0.8")
		},
	}
	for b := byte(0x22); b <= 0x27; b++ {
		f.Magics = append(f.Magics, unpack.Magic{Text: string([]byte{b}) + zstdMagic[1:]})
	}
	return f
}
