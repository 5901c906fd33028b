package coverage

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// mailPart takes one part that holds no others.
func (w *walk) mailPart(n node, h *mailHeader, body io.Reader, depth int, top bool) error {
	if err := h.closed(); err != nil {
		return err
	}
	in := bufio.NewReader(body)
	if head, _ := in.Peek(len(armorPGP)); string(head) == armorPGP {
		top = false
	}
	encoding := h.encoding()
	seen := len(h.encodings) == 1 && h.encodings[0] == encoding && depth <= seenMailDepth
	switch encoding {
	case "base64":
		return w.base64Part(n, in, seen)
	case "quoted-printable":
		return w.stream(n, "part", &forgiving{r: &unquoted{in: in}, forgive: true}, seen)
	case "both":
		raw, failure := w.spool(in)
		defer w.drop(raw)
		if failure = w.settle(n, failure); failure != nil {
			return failure
		}
		whole := func() *bufio.Reader { return bufio.NewReader(io.NewSectionReader(raw, 0, raw.size)) }
		if err := w.base64Part(n, whole(), false); err != nil {
			return err
		}
		return w.stream(n, "part", &forgiving{r: &unquoted{in: whole()}, forgive: true}, false)
	}
	if top { // text, of which look has seen all
		return nil
	}
	return w.stream(n, "part", &forgiving{r: in, forgive: true}, true)
}

// closed refuses what the header says nobody can look into.
func (h *mailHeader) closed() error {
	for _, k := range h.kinds {
		k = strings.ToLower(k)
		switch {
		case strings.HasPrefix(k, "application/pgp-encrypted"):
			return encrypted("PGP/MIME")
		case strings.HasPrefix(k, "message/partial"):
			return unsupported("one part of a mail in several")
		}
	}
	return nil
}

// base64Part shows a part to the engine where the engine may have read it
// otherwise. Some programs end at the first padding and some go on behind it:
// the part is taken both ways, and what is damaged in one of them alone may be a
// line that somebody has put under it.
func (w *walk) base64Part(n node, in io.Reader, seen bool) error {
	m, err := w.member(n, "part")
	if err != nil {
		return err
	}
	d := &base64Text{in: in, end: -1}
	body, failure := w.spool(&forgiving{r: d, forgive: true})
	defer w.drop(body)
	if failure = w.settle(m, failure); failure != nil {
		return failure
	}
	if !seen || d.odd {
		if err := w.show(m, body); err != nil {
			return err
		}
	}
	m.r, m.size = body, body.size
	if d.end < 0 || d.end == body.size {
		return w.look(m)
	}
	before := w.refused
	if err := w.look(m); err != nil {
		return err
	}
	whole := w.refused
	w.refused = before
	if err := w.region(node{r: body, size: body.size, path: n.path, depth: n.depth}, "part", 0, d.end, false); err != nil {
		return err
	}
	switch {
	case whole != before && !whole.damage():
		w.refused = whole
	case whole == before && w.refused != before && w.refused.damage():
		w.refused = before
	}
	return nil
}

// base64Text decodes base64 as RFC 2045, 6.8, wants it: whatever is not of the
// alphabet is skipped.
type base64Text struct {
	in         io.Reader
	page       [4 << 10]byte
	text       []byte
	quad       uint32
	have, pads int
	given      int64
	end        int64 // where the first padding stood in the output, or -1
	odd        bool  // some program may read it otherwise
	err        error
}

// base64Value has the value of a character of the alphabet, or of another kind.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['\r'], t['\n'] = 64, 64
	return t
}()

func (d *base64Text) Read(p []byte) (n int, err error) {
	for n+3 <= len(p) {
		if len(d.text) == 0 {
			if d.err != nil {
				n += d.flush(p[n:])
				return n, d.err
			}
			if n > 0 {
				return n, nil
			}
			var got int
			got, d.err = d.in.Read(d.page[:])
			d.text = d.page[:got]
			continue
		}
		c := d.text[0]
		d.text = d.text[1:]
		switch v := base64Value[c]; {
		case v < 64:
			d.odd = d.odd || d.end >= 0
			d.quad, d.have, d.pads = d.quad<<6|uint32(v), d.have+1, 0
			if d.have == 4 {
				p[n], p[n+1], p[n+2] = byte(d.quad>>16), byte(d.quad>>8), byte(d.quad)
				d.quad, d.have = 0, 0
				d.given, n = d.given+3, n+3
			}
		case c == '=' && d.have >= 2:
			if d.pads++; d.have+d.pads >= 4 {
				n += d.flush(p[n:])
				if d.end < 0 {
					d.end = d.given
				}
			}
		case v == 255 && (c != '=' || d.end < 0):
			d.odd = true
		}
	}
	return n, nil
}

// flush gives the bytes of a group that is not whole.
func (d *base64Text) flush(p []byte) int {
	n := max(0, d.have-1)
	d.quad <<= 6 * uint(4-d.have)
	for i := range n {
		p[i] = byte(d.quad >> (16 - 8*uint(i)))
	}
	d.quad, d.have, d.pads, d.given = 0, 0, 0, d.given+int64(n)
	return n
}

// unquoted decodes quoted-printable (RFC 2045, 6.7), and leaves what is none.
type unquoted struct {
	in  *bufio.Reader
	out []byte
	err error
}

func (u *unquoted) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.out, u.err = u.line(u.out[:0])
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *unquoted) line(out []byte) ([]byte, error) {
	line, err := u.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull { //nolint:errorlint // as bufio documents it
		err, line = nil, bytes.Clone(line)
		for i := 1; i <= 2; i++ { // not in the middle of a character
			if line[len(line)-i] == '=' {
				if more, _ := u.in.Peek(3 - i); len(more) == 3-i {
					line = append(line, more...)
					_, _ = u.in.Discard(len(more))
				}
				break
			}
		}
	}
	text := bytes.TrimRight(line, " \t\r\n")
	end := line[len(bytes.TrimRight(line, "\r\n")):]
	if len(end) == 0 {
		text = line
	} else if bytes.HasSuffix(text, []byte{'='}) {
		text, end = text[:len(text)-1], nil
	}
	for i := 0; i < len(text); i++ {
		if text[i] == '=' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			out = append(out, hexValue(text[i+1])<<4|hexValue(text[i+2]))
			i += 2
			continue
		}
		out = append(out, text[i])
	}
	return append(out, end...), err
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// feeds turns carriage returns into line feeds.
type feeds struct{ r io.Reader }

func (f *feeds) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
