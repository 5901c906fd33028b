package unpack

import (
	"bytes"
	"strings"
)

const (
	searchPage  = 256 << 10 // bytes that a search has in memory
	longestMark = 64        // bytes of a mark's text
)

// marks are all marks by the first two bytes of their texts. starts has a bit for each
// pair of bytes that some text begins with.
type marks struct {
	by     map[uint16][]Mark
	starts [1 << 16 / 64]uint64
}

func indexMarks(all []Format) *marks {
	m := &marks{by: map[uint16][]Mark{}}
	for _, f := range all {
		for _, mark := range f.Marks {
			for _, pair := range mark.pairs() {
				m.starts[pair/64] |= 1 << (pair % 64)
				m.by[pair] = append(m.by[pair], mark)
			}
		}
	}
	return m
}

// pairs are the first two bytes of the text, in every case that they may have.
func (m Mark) pairs() []uint16 {
	var pairs []uint16
	for _, a := range m.cases(m.Text[0]) {
		for _, b := range m.cases(m.Text[1]) {
			pairs = append(pairs, uint16(a)|uint16(b)<<8)
		}
	}
	return pairs
}

func (m Mark) cases(c byte) []byte {
	if other := c ^ 0x20; m.Fold && (c|0x20) >= 'a' && (c|0x20) <= 'z' {
		return []byte{c, other}
	}
	return []byte{c}
}

func (m Mark) begins(b []byte) bool {
	if m.Fold {
		return len(b) >= len(m.Text) && strings.EqualFold(string(b[:len(m.Text)]), m.Text)
	}
	return bytes.HasPrefix(b, []byte(m.Text))
}

// Search looks for containers that begin somewhere between two offsets, in bytes that
// no format has accounted for.
func (v *Visitor) Search(name string, from, to int64) error {
	n := v.node
	n.Content = v.node.Part(from, to-from)
	if n.Size() < MinContent {
		return nil
	}
	part := v.walk.visitor(n)
	part.prefix, part.pieces = v.prefix+name+"/", &pieces{}
	s := search{Visitor: part, atStart: from == 0, opened: map[string]bool{}, sound: map[string]int64{}}
	page := make([]byte, min(searchPage, n.Size()))
	for at := int64(0); ; {
		b := page[:min(searchPage, n.Size()-at)]
		if err := n.Fill(b, at); err != nil {
			return v.Refuse(err)
		}
		if at+int64(len(b)) == n.Size() {
			if err := s.page(b, at, len(b)-1); err != nil {
				return err
			}
			return part.flush()
		}
		starts := len(b) - longestMark // the text of each mark that begins there is all in b
		if err := s.page(b, at, starts); err != nil {
			return err
		}
		at += int64(starts)
	}
}

// search is one call of Visitor.Search. The Visitor is that of the bytes to search.
type search struct {
	*Visitor
	atStart bool             // these are the first bytes of a file
	end     int64            // of the containers that were found, which are not searched
	opened  map[string]bool  // texts of marks with Once that were found
	sound   map[string]int64 // by the text of a mark: offset up to which Visitor.Sound was called
}

// page opens the marks that begin at one of the first n bytes of b, which stands at an
// offset of the content.
func (s *search) page(b []byte, at int64, n int) error {
	m := s.walk.formats.marks
	for i := range n {
		pair := uint16(b[i]) | uint16(b[i+1])<<8
		if m.starts[pair/64]&(1<<(pair%64)) == 0 {
			continue
		}
		for _, mark := range m.by[pair] {
			if !mark.begins(b[i:]) {
				continue
			}
			if err := s.found(mark, at+int64(i)-mark.Before); err != nil {
				return err
			}
		}
	}
	return nil
}

// found opens a mark whose container would begin at an offset.
func (s *search) found(mark Mark, start int64) error {
	if start < s.end || start < s.sound[mark.Text] || start == 0 && s.atStart && !mark.Start {
		return nil
	}
	if mark.Once {
		if s.opened[mark.Text] {
			return nil
		}
		s.opened[mark.Text] = true
	}
	s.Visitor.sound = 0
	end, err := s.enter(mark, start)
	s.end = max(s.end, end)
	s.sound[mark.Text] = max(s.sound[mark.Text], s.Visitor.sound)
	return s.Refuse(err)
}

// enter opens what a mark has found. A panic, which hostile bytes may cause in a
// decoder, is damage, and says that no container begins there.
func (v *Visitor) enter(m Mark, at int64) (end int64, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			end, err = 0, nil
		}
	}()
	return m.Open(v, at)
}

// Embedded opens a format that may begin at an offset of the visitor's content,
// and returns the offset at which it ends. Damage is not refused: it says that the
// format does not begin there, so that a search goes on after the offset.
func (v *Visitor) Embedded(f Format, at int64) (end int64, err error) {
	found, err := v.embedded(f, at)
	if found == nil {
		return 0, err
	}
	refused, err := found.Try(func() error { return v.walk.enter(f, found) })
	if err != nil {
		return 0, err
	}
	damaged := false
	for _, r := range refused {
		if r.damage() {
			damaged = true
		} else if err := found.Refuse(r); err != nil {
			return 0, err
		}
	}
	if damaged {
		v.sound = at + found.sound
		return 0, nil
	}
	return found.endFrom(at), nil
}

// EmbeddedVerified is Embedded where a checksum has proven that the format begins at
// the offset: damage is refused.
func (v *Visitor) EmbeddedVerified(f Format, at int64) (end int64, err error) {
	found, err := v.embedded(f, at)
	if found == nil {
		return 0, err
	}
	err = found.Refuse(v.walk.enter(f, found))
	return found.endFrom(at), err
}

// embedded returns the visitor of all content from an offset on, as a member.
func (v *Visitor) embedded(f Format, at int64) (*Visitor, error) {
	m, err := v.walk.member(v.node, v.prefix+f.Name)
	if err != nil {
		return nil, err
	}
	m.Content, m.notScanned = v.node.From(at), v.node.notScanned
	return v.walk.visitor(m), nil
}

// endFrom is where the container ends that begins at an offset of other content, or
// 0 if its format has not said so.
func (v *Visitor) endFrom(at int64) int64 {
	if v.end < 0 {
		return 0
	}
	return at + v.end
}

// Rest takes all that follows an offset of the visitor's content as a member: a kind
// of file that only the engine opens. It returns the end of the content.
func (v *Visitor) Rest(name string, at int64) (end int64, err error) {
	return v.node.Size(), v.Region(name, at, v.node.Size()-at)
}
