package cab

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/extents"
)

// gaps takes the bytes up to end that are neither headers nor blocks, such as reserved
// fields: a search that has found the cabinet goes on after its end.
func (cab cabinet) gaps(v *unpack.Visitor, folders []folder, end int64) error {
	used := []extents.Span{{From: 0, Size: 36}, {From: cab.atFiles, Size: cab.filesSize}}
	for i := range cab.folders {
		used = append(used, extents.Span{From: cab.atFolders + int64(i)*(8+cab.perFolder), Size: 8})
	}
	// Blocks of different folders do not overlap. Each has at least 8 bytes.
	left := v.Content().Size()/8 + 1
	for _, f := range folders {
		blocks := f.spans(left)
		if left -= int64(len(blocks)); left <= 0 {
			return unpack.TooMany("cabinet whose folders have the same blocks")
		}
		used = append(used, blocks...)
	}
	slices.SortFunc(used, func(a, b extents.Span) int { return cmp.Compare(a.From, b.From) })
	at := int64(0)
	for _, s := range append(used, extents.Span{From: end}) {
		if to := min(s.From, end); to > at {
			if err := v.Gap("gap", at, to-at); err != nil {
				return err
			}
		}
		at = max(at, s.From+s.Size)
	}
	return nil
}

// spans are the headers and the data of the blocks, without reserved fields, and at most
// so many of them.
func (f folder) spans(most int64) (all []extents.Span) {
	for at, n := f.at, int64(0); n < min(int64(f.blocks), most); n++ {
		var h [8]byte
		if f.c.Fill(h[:], at) != nil {
			break
		}
		data := extents.Span{From: at + 8 + f.reserved, Size: int64(binary.LittleEndian.Uint16(h[4:]))}
		if f.reserved == 0 {
			data = extents.Span{From: at, Size: 8 + data.Size}
		} else {
			all = append(all, extents.Span{From: at, Size: 8})
		}
		all = append(all, data)
		at = data.From + data.Size
	}
	return all
}
