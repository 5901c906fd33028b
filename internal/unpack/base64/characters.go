package base64

import (
	"bufio"
	"bytes"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// characters reads the characters of base64 from a text, up to the first byte that
// cannot belong to base64. A character is written as it is, or as an escape of the
// format that contains it (escape.go), which nothing announces.
type characters struct {
	in    *bufio.Reader
	taken int64 // bytes of the text that were read
	out   []byte
	over  bool // the end was found

	count int64 // characters that were read
	last  byte  // the last of them
	url   bool  // one of them is only in the URL alphabet
	// blanks says that there was something between characters.
	blanks bool
	lines  wrapping
	// space is how many characters precede the first space within a line, or 0.
	space int64

	// padding takes every equals sign at the end of a line for padding, and none for a
	// soft line break of quoted-printable.
	padding bool
	// ambiguous says that an equals sign may be either.
	ambiguous bool
}

func newCharacters(in io.Reader) *characters { return &characters{in: bufio.NewReaderSize(in, 4<<10)} }

func (s *characters) reader() io.Reader { return bounded.Blocks(s.next) }

// next reads one block of characters.
func (s *characters) next() ([]byte, error) {
	s.out = s.out[:0]
	for len(s.out) < 1<<10 {
		if s.over {
			return s.out, io.EOF
		}
		if !s.takeRun() {
			s.takeOne()
		}
	}
	return s.out, nil
}

// takeRun takes the characters of the alphabet that follow, up to the end of the
// buffer. It returns false where none follows.
func (s *characters) takeRun() bool {
	page, _ := s.in.Peek(max(1, s.in.Buffered()))
	n := alphabetPrefix(page)
	if n == 0 {
		return false
	}
	s.last = page[n-1]
	s.out = append(s.out, page[:n]...)
	s.count += int64(n)
	s.discard(n)
	return true
}

// alphabetPrefix returns how many characters of the alphabet text begins with.
func alphabetPrefix(text []byte) int {
	for i, c := range text {
		if !inAlphabet(c) {
			return i
		}
	}
	return len(text)
}

// maxEscape is how many bytes an escape may have.
const maxEscape = 128

// takeOne takes one character, one escape, or what is between characters.
func (s *characters) takeOne() {
	ahead, _ := s.in.Peek(maxEscape)
	if len(ahead) == 0 {
		s.over = true
		return
	}
	switch c := ahead[0]; {
	case inURLAlphabet(c):
		// Five dashes end PEM, and two at the beginning of a line end a part of a mail.
		lineBegins := s.count == s.lines.begin && !s.url
		if bytes.HasPrefix(ahead, []byte("-----")) || lineBegins && bytes.HasPrefix(ahead, []byte("--")) {
			s.over = true
			return
		}
		s.url = true
		s.take(1, c)
	case charValue[c] == blank:
		s.skip(1, c)
	default:
		s.takeEscape(ahead)
	}
}

// takeEscape takes the escape with which the text ahead begins.
func (s *characters) takeEscape(ahead []byte) {
	n, c, ok := escaped(ahead)
	if c == ' ' && ahead[0] == '=' { // a soft line break of quoted-printable
		if s.last == '=' || s.padding && s.count%4 >= 2 {
			n, c = 0, '='
		}
		s.ambiguous = s.ambiguous || s.count%4 >= 2
	}
	switch {
	case !ok:
		s.over = true
	case n == 0 && c == '=':
		s.take(1, '=')
	case c == '=' || inAlphabet(c) || inURLAlphabet(c):
		s.take(n, c)
	default:
		s.skip(n, c)
	}
}

func (s *characters) discard(n int) {
	_, _ = s.in.Discard(n)
	s.taken += int64(n)
}

// take takes a character that is written in n bytes.
func (s *characters) take(n int, c byte) {
	s.discard(n)
	s.count++
	s.last = c
	s.out = append(s.out, c)
}

// skip skips n bytes of text, which stand for the white space c.
func (s *characters) skip(n int, c byte) {
	s.discard(n)
	s.blanks = true
	if c == '\n' || c == '\r' {
		s.lines.end(s.count)
	} else if (c == ' ' || c == '\t') && s.space == 0 && s.count > s.lines.begin {
		s.space = s.count
	}
}

// wrapping is how base64 is broken into lines. Encoders make all lines but the last of
// one length. So the first line of another length may be the last, or text behind the
// last. All fields count characters.
type wrapping struct {
	begin  int64 // in front of the line
	length int64 // of the first line, 0 before its end
	before int64 // in front of the first line of another length, or 0
	behind int64 // up to the end of that line, or 0
}

// end ends a line, at a number of characters.
func (l *wrapping) end(count int64) {
	length := count - l.begin
	switch {
	case length == 0 || l.behind > 0:
	case l.length == 0:
		l.length = length
	case length != l.length:
		l.before, l.behind = l.begin, count
	}
	l.begin = count
}

// ends returns how many characters the base64 may have, besides all that were read:
// none where the lines are as an encoder makes them.
func (l *wrapping) ends(count int64) []int64 {
	const longestLine = 128
	last := count - l.before
	usual := l.length <= longestLine && last <= l.length && last%4 == 0
	if l.behind == 0 || l.behind == count && usual {
		return nil
	}
	return []int64{l.before, l.behind}
}
