package coverage

import (
	"bufio"
	"bytes"
	"io"
)

// Base64 in text. Marked is what the text's own program decodes: data URIs (RFC
// 2397), calendars and cards (RFC 5545, 6350), flat Office documents, property
// lists, PEM. Whatever follows a mark is shown. In other text only what begins
// like a container or a program is taken, wherever it may come from.

// base64Signs are the marks and the beginnings of containers in base64.
func base64Signs() []sign {
	signs := []sign{
		{";base64", 0, markedAt(",:;", 512), true},
		{";BASE64", 0, markedAt(",:;", 512), true},
		{";Base64", 0, markedAt(",:;", 512), true},
		{";ENCODING=", 0, propertyAt, true},
		{";encoding=", 0, propertyAt, true},
		{";Encoding=", 0, propertyAt, true},
		{":binData", 0, markedAt(">", 512), true},
		{":binaryData", 0, markedAt(">", 512), true},
		{":binary-data", 0, markedAt(">", 512), true},
		{"<data>", 0, markedAt(">", 6), true},
		{"<binary ", 0, markedAt(">", 512), true}, // property lists, FictionBook
		{"BEGIN PKCS7", 0, markedAt("\n", 64), true},
		{"BEGIN PKCS #7", 0, markedAt("\n", 64), true},
		{"BEGIN CMS", 0, markedAt("\n", 64), true},
	}
	for _, begin := range []string{
		"UEsDB", "N3q8ry", "KLUv", "H4sI", "/Td6WF", "BCJNGA", "UmFyIR", "Qlpo", // zip, 7z, zstd, gzip, xz, lz4, RAR, bzip2
		"TVNDRg", "0M8R4K", "JVBERi", "TVqQ", "f0VMR", // cabinet, compound file, PDF, programs
	} {
		signs = append(signs, sign{begin, 0, bareAt, true})
	}
	return signs
}

// markedAt takes the base64 behind the first of some signs after a mark.
func markedAt(ends string, within int64) func(*walk, node, string, int64) (int64, error) {
	return func(w *walk, n node, name string, at int64) (int64, error) {
		head := make([]byte, min(within, n.size-at))
		if err := n.read(head, at); err != nil {
			return 0, err
		}
		i := bytes.IndexAny(head, ends)
		if i == 0 { // of the mark itself
			if i = bytes.IndexAny(head[1:], ends) + 1; i == 0 {
				return 0, nil
			}
		}
		if i < 0 || head[i] == '>' && head[i-1] == '/' {
			return 0, nil
		}
		if head[i] == ';' { // further parameters of a card
			j := bytes.IndexByte(head[i:], ':')
			if j < 0 {
				return 0, nil
			}
			i += j
		}
		return w.base64Run(n, name, at+int64(i)+1)
	}
}

// propertyAt takes the value of a card's or calendar's property in base64.
func propertyAt(w *walk, n node, name string, at int64) (int64, error) {
	head := make([]byte, min(512, n.size-at))
	if err := n.read(head, at); err != nil {
		return 0, err
	}
	_, kind, _ := bytes.Cut(head, []byte{'='})
	colon := bytes.IndexByte(head, ':')
	kind = bytes.ToLower(kind[:min(7, len(kind))])
	if colon < 0 || !bytes.HasPrefix(kind, []byte("base64")) && !bytes.HasPrefix(kind, []byte("b;")) && !bytes.HasPrefix(kind, []byte("b:")) {
		return 0, nil
	}
	return w.base64Run(n, name, at+int64(colon)+1)
}

// bareAt takes base64 that begins here.
func bareAt(w *walk, n node, name string, at int64) (int64, error) {
	if at > 0 {
		var before [1]byte
		if err := n.read(before[:], at-1); err != nil || base64Value[before[0]] < 64 {
			return 0, err
		}
	}
	return w.base64Run(n, name, at)
}

const (
	// leastBase64 is what a run must decode to at least, from 64 characters:
	// words are shorter, and so is nearly everything that holds nothing.
	leastBase64 = 48
	// runMargin is looked at again at the end of a run, in which white space
	// may have led into text behind it.
	runMargin = 512
)

// base64Run shows what a run of base64 decodes to. Text has no say about where
// it ends, so damage in it is none (search).
func (w *walk) base64Run(n node, name string, at int64) (int64, error) {
	var start [24]byte
	if got, _ := n.at(at, int64(len(start))).ReadAt(start[:], 0); got < len(start) {
		return 0, nil
	}
	for _, c := range start { // most marks stand in front of nothing
		if base64Value[c] > 64 && c != ' ' && c != '\t' && c != '\\' && c != '%' && c != '&' {
			return 0, nil
		}
	}
	run := &base64Run{in: bufio.NewReaderSize(n.at(at, n.size-at), 1<<10)}
	in := bufio.NewReaderSize(run, 256)
	if head, _ := in.Peek(leastBase64); len(head) < leastBase64 {
		return 0, nil
	}
	before := w.refused
	if err := w.stream(n, name+"/base64", in, false); err != nil {
		return 0, err
	}
	if w.refused != before && w.refused.damage() {
		w.refused = before
	}
	return at + max(6, run.taken-runMargin), nil
}

// base64Run decodes up to the first character that belongs to no base64, with
// the escapes of JSON, URIs and XML for those that do.
type base64Run struct {
	in    *bufio.Reader
	taken int64
	quad  uint32
	have  int
	over  bool
}

func (d *base64Run) Read(p []byte) (n int, err error) {
	for n+3 <= len(p) {
		if d.over {
			return n, io.EOF
		}
		c, err := d.in.ReadByte()
		d.taken++
		switch v := base64Value[c]; {
		case err != nil:
			n += d.end(p[n:])
		case v < 64:
			n += d.add(p[n:], v)
		case v == 64 || c == ' ' || c == '\t':
		case c == '\\' || c == '%' || c == '&':
			var ok bool
			if c, ok = d.escaped(c); !ok {
				n += d.end(p[n:])
			} else if v := base64Value[c]; v < 64 {
				n += d.add(p[n:], v)
			}
		default:
			n += d.end(p[n:])
		}
	}
	return n, nil
}

func (d *base64Run) add(p []byte, v byte) int {
	d.quad, d.have = d.quad<<6|uint32(v), d.have+1
	if d.have < 4 {
		return 0
	}
	p[0], p[1], p[2] = byte(d.quad>>16), byte(d.quad>>8), byte(d.quad)
	d.quad, d.have = 0, 0
	return 3
}

func (d *base64Run) end(p []byte) int {
	d.over = true
	n := max(0, d.have-1)
	d.quad <<= 6 * uint(4-d.have)
	for i := range n {
		p[i] = byte(d.quad >> (16 - 8*uint(i)))
	}
	return n
}

// escaped is the character that an escape stands for, white space for what
// separates lines.
func (d *base64Run) escaped(c byte) (byte, bool) {
	next, _ := d.in.Peek(5)
	use := func(n int, c byte) (byte, bool) {
		_, _ = d.in.Discard(n)
		d.taken += int64(n)
		return c, true
	}
	switch {
	case len(next) == 0:
	case c == '\\':
		switch next[0] {
		case '/':
			return use(1, '/')
		case 'n', 'r', 't', '\n', '\r':
			return use(1, '\n')
		}
	case c == '%' && len(next) > 1 && isHex(next[0]) && isHex(next[1]):
		if c := hexValue(next[0])<<4 | hexValue(next[1]); base64Value[c] <= 64 || c == ' ' || c == '\t' {
			return use(2, c)
		}
	case c == '&':
		for _, end := range []string{"#10;", "#13;", "#xA;", "#xD;", "#xa;", "#xd;"} {
			if bytes.HasPrefix(next, []byte(end)) {
				return use(len(end), '\n')
			}
		}
	}
	return 0, false
}
