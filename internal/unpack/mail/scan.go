package mail

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/mail/field"
)

// scan reads a mail and makes its index.
type scan struct {
	index
	in     *lines
	folder int // the boundary between messages, or -1

	now     *part  // the part whose header is read, nil in a body
	field   []byte // the field that is read, with its line breaks
	fieldAt int64
	// bare says that a multipart was declared, and that no delimiter followed yet.
	bare     bool
	dashes   dashLine // the last line that looks like a delimiter
	previous previousLine
}

// dashLine is a line that begins with two dashes.
type dashLine struct {
	text string // behind the dashes
	delimiter
	next int64 // offset of the next line
}

// previousLine is the line in front of the one that is read.
type previousLine struct {
	eol   int64 // bytes of its line break
	blank bool
}

const byteOrderMark = "\xef\xbb\xbf"

// indexOf returns the index of a mail. returns says that carriage returns end lines.
func indexOf(c unpack.Content, returns bool) (*index, error) {
	s := &scan{index: index{byText: map[string]int{}}, in: newLines(c, returns), folder: -1, now: &part{}}
	s.previous.blank = true
	begun := false
	for {
		l, err := s.in.next()
		if errors.Is(err, io.EOF) {
			s.endField()
			return &s.index, nil
		}
		if err != nil {
			return &s.index, err
		}
		if !begun {
			if begun = s.first(&l); !begun || s.folder >= 0 {
				continue
			}
		}
		s.take(l)
		if len(s.parts) >= maxParts {
			s.full = true
			return &s.index, nil
		}
	}
}

// first takes a line that may be the first of the mail. It returns false for lines in
// front of it.
func (s *scan) first(l *line) bool {
	if !headerLine.Match(bytes.ReplaceAll(l.text[:min(len(l.text), 256)], []byte{0}, nil)) {
		return false
	}
	l.text = bytes.TrimPrefix(l.text, []byte(byteOrderMark))
	if bytes.HasPrefix(l.text, []byte("From ")) {
		s.folder = s.declare(folder, l.at)
	}
	return true
}

// take reads one line, or a piece of a long one.
func (s *scan) take(l line) {
	text := bytes.TrimRight(l.text, "\r\n")
	if !l.begins {
		if s.now != nil {
			s.addToField(l)
		}
		s.previous.eol = int64(s.in.eol(l.text))
		return
	}
	blank := len(bytes.Trim(text, " \t\x00")) == 0
	if !s.delimits(l, text) {
		if s.now == nil && isContentField(text) {
			s.foundInText(l)
		}
		if s.now != nil {
			s.header(l, text, blank)
		}
	}
	s.previous = previousLine{eol: int64(s.in.eol(l.text)), blank: blank}
}

// delimits reports whether a line may be a delimiter. If so, a part begins behind it.
func (s *scan) delimits(l line, text []byte) bool {
	d := delimiter{at: l.at, eol: s.previous.eol}
	if s.folder >= 0 && bytes.HasPrefix(text, []byte("From ")) {
		s.delimit(d, []int{s.folder}, nil)
		s.begin(l, part{starters: []int{s.folder}})
		return true
	}
	exact, begun := s.match(text)
	if bytes.HasPrefix(text, []byte("--")) {
		named := string(text[2:min(len(text), 2+field.MaxBoundary)])
		s.dashes = dashLine{text: named, delimiter: d, next: l.at + int64(len(l.text))}
		if s.bare && len(exact) == 0 && (s.previous.blank || s.now != nil) {
			exact = s.declareDashes()
		}
	}
	if len(exact)+len(begun) == 0 {
		return false
	}
	s.bare = s.bare && len(exact) == 0
	s.delimit(d, exact, begun)
	s.begin(l, s.inherit(append(exact, begun...)))
	return true
}

// declareDashes takes the last line with dashes for a delimiter, and declares its
// boundary, which no field names.
func (s *scan) declareDashes() []int {
	text := strings.TrimRight(s.dashes.text, " \t")
	if id := s.declare(strings.TrimSuffix(text, "--"), s.dashes.at); id >= 0 {
		return []int{id}
	}
	return nil
}

// inherit returns a part that begins behind a delimiter. A delimiter within a header
// does not end the header for readers who take it for a line of the header, so that the
// part has what the header said before.
func (s *scan) inherit(starters []int) part {
	s.endField()
	if s.now == nil {
		return part{starters: starters}
	}
	all := append(append([]int{}, s.now.starters...), starters...)
	return part{
		starters: all[:min(len(all), 4*maxMatches)], kinds: s.now.kinds, encodings: s.now.encodings,
	}
}

// begin starts a part behind a line, and ends the header in which the line is.
func (s *scan) begin(l line, p part) {
	s.endField()
	if s.now != nil {
		s.now.bodies = append(s.now.bodies, l.at)
		s.endHeader()
	}
	s.now = &p
}

// endHeader adds the part whose header was read to the index.
func (s *scan) endHeader() {
	if len(s.now.bodies) > 0 {
		s.parts = append(s.parts, *s.now)
	}
	s.now = nil
}

// foundInText starts a part whose header is in text. A line with dashes in front of it
// is a delimiter for readers who look for both.
func (s *scan) foundInText(l line) {
	s.now = &part{}
	if s.dashes.next == l.at && s.dashes.next > 0 {
		exact := s.declareDashes()
		s.delimit(s.dashes.delimiter, exact, nil)
		s.now.starters = exact
	}
}

// header takes a line of a header.
func (s *scan) header(l line, text []byte, blank bool) {
	end := l.at + int64(len(l.text))
	switch {
	case blank && len(text) > 0: // white space continues the field, or ends the header
		s.addToField(l)
		s.body(end)
	case blank:
		s.endField()
		s.now.bodies = append(s.now.bodies, end) // the usual place, beyond maxBodies too
		ended := *s.now
		s.endHeader()
		if ended.kinds&field.Message != 0 { // the header of the message follows
			s.now = &part{starters: ended.starters}
		}
	case text[0] == ' ' || text[0] == '\t':
		if len(s.field) == 0 {
			s.body(l.at)
		}
		s.addToField(l)
	case isField(text):
		s.endField()
		s.field, s.fieldAt = append(s.field, l.text...), l.at
	default: // the blank line is missing, or the line does not belong to the header
		s.endField()
		s.body(l.at)
	}
}

// addToField adds a line, or a piece of one, to the field that is read.
func (s *scan) addToField(l line) {
	if len(s.field) > 0 && len(s.field)+len(l.text) <= maxField {
		s.field = append(s.field, l.text...)
	}
}

// body adds a place where the body of the part may begin.
func (s *scan) body(at int64) {
	if len(s.now.bodies) < maxBodies {
		s.now.bodies = append(s.now.bodies, at)
	}
}

// isField reports whether a line begins with the name of a field and a colon.
func isField(text []byte) bool {
	colon := bytes.IndexByte(text, ':')
	if colon <= 0 {
		return false
	}
	for _, c := range bytes.TrimRight(text[:colon], " \t\x00") {
		if c != 0 && (c <= ' ' || c > '~') {
			return false
		}
	}
	return true
}

// isContentField reports whether a line is a field that describes a part.
func isContentField(text []byte) bool {
	const begin = "content-"
	text = bytes.TrimLeft(text[:min(len(text), 80)], "\x00")
	return len(text) > len(begin) && strings.EqualFold(string(text[:len(begin)]), begin) && isField(text)
}

// endField reads the field that has ended.
func (s *scan) endField() {
	text := s.field
	s.field = s.field[:0]
	if len(text) == 0 || s.now == nil {
		return
	}
	name, value, _ := bytes.Cut(text, []byte{':'})
	// White space may be longer than what is read of a value.
	value = bytes.TrimLeft(value, " \t\r\n\x00")
	const maxValue = 4 << 10
	lower := bytes.ToLower(value[:min(len(value), maxValue)])
	mayName := false // it may name a boundary in an encoded word
	switch strings.ToLower(string(bytes.Trim(bytes.ReplaceAll(name, []byte{0}, nil), " \t"))) {
	case "content-type":
		mayName = true
		s.now.kinds |= field.KindsOf(lower)
		s.bare = s.bare || s.now.kinds&field.Multipart != 0
	case "content-transfer-encoding":
		s.now.encodings |= field.EncodingOf(lower)
	case "content-disposition":
		mayName = true
		s.now.kinds |= field.KindsOf(lower) & field.Named
	}
	if bytes.Contains(lower, []byte("boundary")) || mayName && bytes.Contains(value, []byte("=?")) {
		for _, text := range field.Boundaries(value) {
			s.declare(text, s.fieldAt)
		}
	}
}
