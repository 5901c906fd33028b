package unpack

import (
	"bytes"
	"io"
)

// Text can hold more small files than Limits allows members, most of them keys,
// passwords and icons in base64. After the first 5,000 in one search, those of less than
// a kilobyte that are no containers are joined and scanned together. A signature for
// bytes in one of them still finds it; a signature for the hash of the whole file does
// not.
const (
	mostPieces  = 5000
	smallPiece  = 1 << 10 // bytes
	joinedPiece = 1 << 20 // bytes
)

// pieces are the small files of one search.
type pieces struct {
	count  int
	joined bytes.Buffer
}

// Piece is Stream for a member of which one search may find very many.
func (v *Visitor) Piece(name string, r io.Reader) error {
	p := v.pieces
	if p == nil {
		return v.Stream(name, r)
	}
	if p.count++; p.count <= mostPieces {
		return v.Stream(name, r)
	}
	head, err := io.ReadAll(io.LimitReader(r, smallPiece))
	if len(head) == smallPiece || v.Known(NewContent(bytes.NewReader(head), int64(len(head)))) {
		rest := r
		if err != nil {
			rest = failed{err}
		}
		return v.Stream(name, io.MultiReader(bytes.NewReader(head), rest))
	}
	if err != nil {
		if err := v.Refuse(refusalOf(err)); err != nil {
			return err
		}
	}
	if err := v.Spend(int64(len(head))); err != nil {
		return v.Refuse(err)
	}
	p.joined.Write(head)
	p.joined.WriteByte('\n')
	if p.joined.Len() < joinedPiece {
		return nil
	}
	return v.flush()
}

// failed is a reader that only fails.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// flush takes the joined pieces as one member.
func (v *Visitor) flush() error {
	if v.pieces.joined.Len() == 0 {
		return nil
	}
	defer v.pieces.joined.Reset()
	return v.Stream("pieces", &v.pieces.joined)
}
