package pdf

import (
	"bufio"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// maxRow is the most bytes of a row. Rows of pictures have fewer.
const maxRow = 1 << 20

// predict returns a reader that undoes a predictor (7.4.4.4), or nil where that is not
// possible.
func predict(parameters dictionary, r io.Reader) io.Reader {
	kind := parameters.integer("Predictor", 1)
	if kind < 2 {
		return r
	}
	colors, bits := parameters.integer("Colors", 1), parameters.integer("BitsPerComponent", 8)
	columns := parameters.integer("Columns", 1)
	if colors < 1 || colors > 64 || bits < 1 || bits > 16 || columns < 1 || columns > maxRow {
		return nil
	}
	row, pixel := (colors*bits*columns+7)/8, max(1, (colors*bits+7)/8)
	if row > maxRow || kind == 2 && bits != 8 {
		return nil
	}
	p := &predicted{
		in: bufio.NewReader(r), png: kind >= 10, pixel: int(pixel),
		row: make([]byte, row), above: make([]byte, row),
	}
	return bounded.Blocks(p.next)
}

type predicted struct {
	in *bufio.Reader
	// png says that a byte in front of each row names its predictor. In TIFF, the pixel
	// to the left predicts all.
	png        bool
	pixel      int // bytes
	row, above []byte
}

// Predictors of rows (RFC 2083, 6).
const (
	predictorSub = 1 + iota
	predictorUp
	predictorAverage
	predictorPaeth
)

// next returns the next row.
func (p *predicted) next() ([]byte, error) {
	kind := byte(predictorSub)
	if p.png {
		var err error
		if kind, err = p.in.ReadByte(); err != nil {
			return nil, io.EOF
		}
	}
	p.row, p.above = p.above, p.row
	got, err := io.ReadFull(p.in, p.row)
	row := p.row[:got]
	p.undo(kind, row)
	return row, err
}

// undo undoes the predictor of one row.
func (p *predicted) undo(kind byte, row []byte) {
	for i := range row {
		var left, corner byte
		if i >= p.pixel {
			left, corner = row[i-p.pixel], p.above[i-p.pixel]
		}
		switch up := p.above[i]; kind {
		case predictorSub:
			row[i] += left
		case predictorUp:
			row[i] += up
		case predictorAverage:
			row[i] += byte((int(left) + int(up)) / 2)
		case predictorPaeth:
			row[i] += paeth(left, up, corner)
		}
	}
}

// paeth returns which of three neighbours is nearest to left + up - corner (RFC 2083,
// 6.6).
func paeth(left, up, corner byte) byte {
	guess := int(left) + int(up) - int(corner)
	a, b, c := distance(guess, left), distance(guess, up), distance(guess, corner)
	switch {
	case a <= b && a <= c:
		return left
	case b <= c:
		return up
	}
	return corner
}

func distance(a int, b byte) int { return max(a-int(b), int(b)-a) }
