package coverage

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"regexp"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

const (
	// maxMailHead is more than a mail server takes of headers.
	maxMailHead = 16 << 20
	// maxMailDepth is how many messages and multiparts may stand in one
	// another: a forward in a forward takes two.
	maxMailDepth = 100
	// seenMailDepth is as deep as the engine surely goes.
	seenMailDepth = 4
)

// message is a message read line by line: its parts, and those of messages in
// it, end where a line begins with the boundary of any multipart around them.
// Readers forgive much, each its own, and so must this one, which net/mail and
// mime/multipart do not.
type message struct {
	in     *bufio.Reader
	inLine bool // the line that is read next has begun before
	depth  int
	around []boundary
	closed bool // the last boundary was one that ends its multipart
	ended  bool
}

type boundary struct {
	text  string
	depth int
}

// message takes the parts of one message.
func (w *walk) message(n node, r *bufio.Reader) error {
	m := &message{in: r}
	for top := true; ; top = false {
		h, err := m.header()
		if err != nil {
			return err
		}
		text := h.boundary()
		within := !m.ended && (text != "" && !h.over || h.kind("message/rfc822", "message/global") && h.encoding() == "")
		if within {
			if m.depth++; m.depth > maxMailDepth {
				return exceeded(job.LimitRecursion, "%s: more than %d mails and parts in one another", n.path, maxMailDepth)
			}
		}
		switch {
		case within && text != "":
			m.around = append(m.around, boundary{text, m.depth})
		case within:
			continue // with the header of the message in it
		case h.over:
		default:
			body := &partBody{m: m}
			if err := w.settle(n, w.mailPart(n, h, body, m.depth, top)); err != nil {
				return err
			}
			if err := body.skip(); err != nil {
				return err
			}
			h.over = true
		}
		for !m.ended && (!h.over || m.closed) { // what stands before the first part, or behind the last, is for nobody
			if err := (&partBody{m: m}).skip(); err != nil {
				return err
			}
			h.over = true
		}
		if m.ended {
			return nil
		}
	}
}

// line is the next line, or a part of a long one, with its end. It ends the
// part if it is a boundary.
func (m *message) line() (line []byte, over bool, err error) {
	begins := !m.inLine
	line, err = m.in.ReadSlice('\n')
	m.inLine = errors.Is(err, bufio.ErrBufferFull)
	if m.inLine {
		err = nil
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			return nil, true, err
		}
		if len(line) == 0 {
			m.ended = true
			return nil, true, nil
		}
	}
	return line, begins && m.isBoundary(line), nil
}

// isBoundary looks for the innermost multipart that a line is a boundary of: of
// those that are all of it, and then of those that it begins with (RFC 2046,
// 5.1.1).
func (m *message) isBoundary(line []byte) bool {
	if len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return false
	}
	rest := strings.TrimRight(string(line[2:min(len(line), 4<<10)]), " \t\r\n")
	prefix := -1
	for i, v := range slices.Backward(m.around) {
		after, ok := strings.CutPrefix(rest, v.text)
		if !ok {
			continue
		}
		if after == "" || after == "--" {
			m.enter(i, after != "")
			return true
		}
		if prefix < 0 {
			prefix = i
		}
	}
	if prefix < 0 {
		return false
	}
	m.enter(prefix, false)
	return true
}

func (m *message) enter(i int, closed bool) {
	m.around, m.depth, m.closed = m.around[:i+1], m.around[i].depth, closed
}

// mailHeader are the fields that say what a part is, each as often as it came.
type mailHeader struct {
	kinds, encodings []string
	over             bool // a boundary came instead of a body
}

// header reads up to the blank line.
func (m *message) header() (*mailHeader, error) {
	h := &mailHeader{}
	var field []byte
	keep := func() {
		name, value, _ := bytes.Cut(field, []byte{':'})
		switch strings.ToLower(strings.TrimSpace(string(name))) {
		case "content-type":
			h.kinds = append(h.kinds, strings.TrimSpace(string(value)))
		case "content-transfer-encoding":
			h.encodings = append(h.encodings, strings.ToLower(strings.TrimSpace(string(value))))
		}
		field = field[:0]
	}
	odd := false
	for size := 0; ; {
		begins := !m.inLine
		line, over, err := m.line()
		if err != nil {
			return nil, err
		}
		text := bytes.TrimRight(line, "\r\n")
		if over || begins && len(bytes.TrimSpace(text)) == 0 {
			keep()
			h.over = over && !m.ended
			return h, nil
		}
		if size += len(line); size > maxMailHead {
			if odd { // of some other text
				m.ended = true
				return h, nil
			}
			return nil, tooWide("mail with a header of more than %d bytes", maxMailHead)
		}
		switch {
		case !begins || line[0] == ' ' || line[0] == '\t':
		case bytes.HasPrefix(line, []byte("--")): // the blank line is missing
			keep()
			if b := h.boundary(); b != "" && m.depth < maxMailDepth {
				m.depth++
				m.around = append(m.around, boundary{b, m.depth})
				if m.isBoundary(line) {
					h.over = true
					return h, nil
				}
				m.around, m.depth = m.around[:len(m.around)-1], m.depth-1
			}
			odd = true
			continue
		case bytes.IndexByte(text, ':') < 0:
			keep()
			odd = true
			continue
		default:
			keep()
		}
		if len(field) < 1<<20 {
			field = append(field, text...)
		}
	}
}

func (h *mailHeader) kind(names ...string) bool {
	for _, k := range h.kinds {
		for _, name := range names {
			if len(k) >= len(name) && strings.EqualFold(k[:len(name)], name) {
				return true
			}
		}
	}
	return false
}

var boundaryText = regexp.MustCompile(`(?is)\bboundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))`)

// boundary is that of a multipart, "" of anything else.
func (h *mailHeader) boundary() string {
	for _, k := range h.kinds {
		if len(k) < 10 || !strings.EqualFold(k[:10], "multipart/") {
			continue
		}
		if _, params, err := mime.ParseMediaType(k); err == nil && params["boundary"] != "" {
			return strings.TrimRight(params["boundary"], " ")
		}
		if m := boundaryText.FindStringSubmatch(k); m != nil {
			return strings.TrimRight(m[1]+m[2], " ")
		}
	}
	return ""
}

// encoding is how a part is encoded, in any spelling: some programs take it
// with quotes, comments and other signs, some the first of two fields, some the
// second.
func (h *mailHeader) encoding() string {
	all := strings.Join(h.encodings, " ")
	text, quoted := strings.Contains(all, "base64"), strings.Contains(all, "quoted-printable")
	switch {
	case text && quoted:
		return "both"
	case text:
		return "base64"
	case quoted:
		return "quoted-printable"
	}
	return ""
}

// partBody is what stands before the next boundary, without the line end that
// belongs to it.
type partBody struct {
	m    *message
	rest []byte
	buf  []byte
	eol  string
	over bool
}

func (p *partBody) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.over || p.m.ended {
			return 0, io.EOF
		}
		line, over, err := p.m.line()
		if err != nil {
			return 0, err
		}
		if over {
			p.over = true
			if p.m.ended {
				p.rest, p.eol = []byte(p.eol), ""
			}
			continue
		}
		text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		p.buf = append(append(p.buf[:0], p.eol...), text...)
		p.rest, p.eol = p.buf, string(line[len(text):])
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// skip goes on behind the boundary.
func (p *partBody) skip() error {
	_, err := io.Copy(io.Discard, p)
	return err
}
