// Package extents records which bytes of a volume belong to files, for formats whose
// files may stand anywhere in the volume.
package extents

import (
	"cmp"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Span is Size bytes at the offset From.
type Span struct{ From, Size int64 }

// Used are the bytes of a volume that belong to files.
type Used struct {
	spans []Span
	bytes int64 // of all spans together
	most  int64 // of bytes
}

// New is for the volume c, with no files yet. In a valid volume, each byte belongs to
// one file, or some bytes to two. All files together may have 8 times the bytes of c.
func New(c unpack.Content) *Used { return &Used{most: 8*c.Size() + 1<<20} }

// Add records that bytes belong to a file. The error is a Refusal: with files that
// overlap too often, a walk would take time that grows with the square of the volume's
// size.
func (u *Used) Add(s Span) error {
	u.spans = append(u.spans, s)
	if u.bytes += max(s.Size, 512); u.bytes > u.most {
		return unpack.TooMany("volume with files that overlap, of more than %d bytes together", u.most)
	}
	return nil
}

// Next is the first offset after at where a file's bytes begin, or end if there is
// none.
func (u *Used) Next(at, end int64) int64 {
	for _, s := range u.spans {
		if s.From > at {
			end = min(end, s.From)
		}
	}
	return end
}

// systemArea is the size of the area, in bytes, that ISO 9660 (6.2.1) and UDF leave to
// other systems.
const systemArea = 32 << 10

// Gaps gives the visitor the bytes up to end that belong to no file. The system area
// may be a file of any kind. The other bytes are only searched, since the volume's own
// structures are among them.
func (u *Used) Gaps(v *unpack.Visitor, end int64) error {
	slices.SortFunc(u.spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	if err := v.Gap("system area", 0, min(u.Next(-1, end), systemArea)); err != nil {
		return err
	}
	at := min(u.Next(-1, end), systemArea)
	for _, s := range append(u.spans, Span{From: end}) {
		if to := min(s.From, end); to > at {
			if err := v.Search("gap", at, to); err != nil {
				return err
			}
		}
		at = max(at, s.From+s.Size)
	}
	return nil
}
