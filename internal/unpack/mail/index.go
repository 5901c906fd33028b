package mail

import (
	"bytes"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack/mail/field"
)

// index says where the parts of a message, or of a folder of messages, begin and may
// end. It is flat: the parts of a message in a message are beside the parts of the
// outer message.
type index struct {
	boundaries []boundary
	byText     map[string]int // indexes in boundaries
	lengths    []int          // of boundaries, each once
	size       int            // bytes of all boundaries
	delimiters []delimiter
	parts      []part
	full       bool // a limit of the index was reached
}

// boundary is a text that a reader may take for a boundary (RFC 2046, 5.1.1).
type boundary struct {
	text     string
	declared int64 // offset of the field
	exact    []int // delimiters that have this boundary and no more
	all      []int // those, and delimiters that begin with it
}

// delimiter is a line that may end a part.
type delimiter struct {
	at int64
	// eol is how many bytes the line break in front of it has, which belongs to it (RFC
	// 2046, 5.1.1).
	eol int64
}

// part is a header and its body.
type part struct {
	// starters are the boundaries whose delimiter is in front of the part. A part that
	// was found in text has none.
	starters  []int
	bodies    []int64 // offsets where the body may begin
	kinds     field.Kinds
	encodings field.Encodings
}

// Limits of an index. A mail beyond one of them is refused, but for maxBodies and
// maxField, which cut what no mail has.
const (
	maxParts         = 200_000
	maxDelimiters    = 1_000_000
	maxBoundaries    = 500_000
	maxBoundaryBytes = 16 << 20
	maxLengths       = 128
	maxMatches       = 16        // boundaries with which one line begins
	maxBodies        = 4         // unusual places where the body of one part may begin
	maxField         = 128 << 10 // bytes
)

// declare adds a boundary that a field at an offset names. It returns the boundary's
// index, or -1 where a limit is reached.
func (x *index) declare(text string, at int64) int {
	if id, ok := x.byText[text]; ok {
		return id
	}
	known := slices.Contains(x.lengths, len(text))
	if x.size += len(text); x.size > maxBoundaryBytes || len(x.boundaries) >= maxBoundaries ||
		!known && len(x.lengths) >= maxLengths {
		x.full = true
		return -1
	}
	if !known {
		x.lengths = append(x.lengths, len(text))
	}
	x.byText[text] = len(x.boundaries)
	x.boundaries = append(x.boundaries, boundary{text: text, declared: at})
	return len(x.boundaries) - 1
}

// match returns the boundaries of which a line may be a delimiter: those that are the
// whole line behind two dashes, and those with which it begins.
func (x *index) match(text []byte) (exact, begun []int) {
	text = text[:min(len(text), 2*field.MaxBoundary)]
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.ReplaceAll(text, []byte{0}, nil)
	}
	rest := bytes.TrimLeft(text, " \t")
	if !bytes.HasPrefix(rest, []byte("--")) {
		return nil, nil
	}
	indented := len(rest) < len(text)
	rest = bytes.TrimRight(rest[2:], " \t\r\n")
	for _, t := range [][]byte{rest, bytes.TrimSuffix(rest, []byte("--"))} {
		if id, ok := x.byText[string(t)]; ok {
			exact = append(exact, id)
		}
	}
	whole := bytes.TrimLeft(text, " \t")[2:]
	for _, n := range x.lengths {
		if n == 0 || n > len(whole) {
			continue
		}
		if id, ok := x.byText[string(whole[:n])]; ok {
			if len(begun) == maxMatches {
				x.full = true
				break
			}
			begun = append(begun, id)
		}
	}
	if indented {
		return nil, append(begun, exact...)
	}
	return exact, begun
}

// delimit adds a delimiter of boundaries.
func (x *index) delimit(d delimiter, exact, begun []int) {
	if len(x.delimiters) >= maxDelimiters {
		x.full = true
		return
	}
	n := len(x.delimiters)
	x.delimiters = append(x.delimiters, d)
	for _, id := range exact {
		x.boundaries[id].exact = append(x.boundaries[id].exact, n)
		x.boundaries[id].all = append(x.boundaries[id].all, n)
	}
	for _, id := range begun {
		if all := x.boundaries[id].all; len(all) == 0 || all[len(all)-1] != n {
			x.boundaries[id].all = append(all, n)
		}
	}
}

// folder is the boundary of the lines between the messages of a folder (mbox). No
// boundary of a header field is equal to it.
const folder = "\nFrom "
