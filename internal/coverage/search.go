package coverage

import (
	"bytes"
	"errors"
)

// sign is how a container shows itself anywhere in a file: 7-Zip, unzip, cpio,
// mount and carving tools find it there. open looks whether one begins at an
// offset of n, which is back bytes before the magic, and gives its members to
// the engine. It returns where it ends, or 0 if it is none: most hits are chance.
type sign struct {
	magic string
	back  int64
	open  func(w *walk, n node, name string, at int64) (end int64, err error)
	text  bool // no form of its own at the beginning of a file
}

// signs all begin with two bytes of which first has a bit.
var (
	signs map[uint16][]sign
	first [1 << 16 / 64]uint64
)

func addSigns() { // forms hold signs, and signs hold forms
	signs = map[uint16][]sign{}
	for _, s := range allSigns() {
		key := uint16(s.magic[0]) | uint16(s.magic[1])<<8
		first[key/64] |= 1 << (key % 64)
		signs[key] = append(signs[key], s)
	}
}

const (
	searchPage = 256 << 10
	longest    = 64 // more than any magic has
)

// search looks for containers that begin somewhere in n between two offsets, in
// bytes that nobody has accounted for. The engine looks for some kinds itself,
// in some kinds of file; what it has seen before it answers from its cache.
func (w *walk) search(n node, name string, from, to int64) error {
	part := node{r: n.at(from, to-from), size: min(to, n.size) - from, path: n.path, depth: n.depth}
	page := make([]byte, min(searchPage, max(part.size, 0)))
	done := int64(0) // what the containers that were found account for
	for at := int64(0); part.size-at >= 6; at += searchPage - longest {
		b := page[:min(searchPage, part.size-at)]
		if err := part.read(b, at); err != nil {
			return err
		}
		for i := 0; i+1 < len(b); i++ {
			key := uint16(b[i]) | uint16(b[i+1])<<8
			if first[key/64]&(1<<(key%64)) == 0 {
				continue
			}
			for _, s := range signs[key] {
				start := at + int64(i) - s.back
				if start < done || start == 0 && from == 0 && !s.text || !bytes.HasPrefix(b[i:], []byte(s.magic)) {
					continue
				}
				end, err := s.open(w, part, name, start)
				if err = w.settle(n, err); err != nil {
					return err
				}
				done = max(done, end)
			}
		}
	}
	return nil
}

// found opens a form that search has found. What is damaged is taken for bytes
// that only look like one, unless a checksum has said that it is one.
func (w *walk) found(n node, name string, at int64, f form, sure bool) (int64, error) {
	m, err := w.member(n, name)
	if err != nil {
		return 0, err
	}
	if err := w.deeper(m); err != nil {
		return 0, err
	}
	var end int64
	m.r, m.size, m.hidden, m.end = n.at(at, n.size-at), n.size-at, true, &end
	before := w.refused
	err = w.enter(f, m)
	if r, ok := errors.AsType[*refusal](err); ok && !r.last && !sure && r.damage() {
		w.refused, err = before, nil
	}
	return at + end, w.settle(m, err)
}
