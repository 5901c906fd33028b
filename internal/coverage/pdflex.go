package coverage

import (
	"bytes"
	"strconv"
)

// Objects of a PDF (ISO 32000-1, 7.3), as far as a stream's dictionary needs
// them. Readers differ on a key that stands twice, so every value is kept.
type (
	pdfName string
	pdfRef  int64 // the object's number
	pdfDict map[string][]any
	pdfWord string // a keyword
)

// pdfLexer reads objects from bytes that may end anywhere, or be anything.
type pdfLexer struct {
	b     []byte
	at    int
	short bool // b ended within an object
}

const pdfDepth = 32 // dictionaries and arrays in one another

func pdfSpace(c byte) bool {
	return c == 0 || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' '
}

func pdfDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

// skip passes white space and comments.
func (l *pdfLexer) skip() {
	for l.at < len(l.b) {
		switch c := l.b[l.at]; {
		case c == '%':
			end := bytes.IndexAny(l.b[l.at:], "\r\n")
			if end < 0 {
				l.at, l.short = len(l.b), true
				return
			}
			l.at += end
		case !pdfSpace(c):
			return
		default:
			l.at++
		}
	}
	l.short = true
}

func (l *pdfLexer) has(prefix string) bool { return bytes.HasPrefix(l.b[l.at:], []byte(prefix)) }

// value reads one object; an empty word is the end.
func (l *pdfLexer) value(depth int) any {
	l.skip()
	if l.at >= len(l.b) || depth > pdfDepth {
		return pdfWord("")
	}
	switch c := l.b[l.at]; {
	case c == '/':
		l.at++
		return l.name()
	case c == '(':
		return l.literal()
	case l.has("<<"):
		l.at += 2
		return l.dict(depth + 1)
	case c == '<':
		return l.hex()
	case c == '[':
		l.at++
		return l.array(depth + 1)
	case c == '>' || c == ']' || c == ')' || c == '{' || c == '}':
		l.at++
		if c == '>' && l.has(">") {
			l.at++
			return pdfWord(">>")
		}
		return pdfWord(c)
	}
	word := string(l.regular())
	if i, err := strconv.ParseInt(word, 10, 64); err == nil {
		return l.number(i)
	}
	return pdfWord(word)
}

func (l *pdfLexer) regular() []byte {
	from := l.at
	for l.at < len(l.b) && !pdfSpace(l.b[l.at]) && !pdfDelimiter(l.b[l.at]) {
		l.at++
	}
	l.short = l.short || l.at == len(l.b)
	return l.b[from:l.at]
}

func (l *pdfLexer) name() pdfName {
	raw := l.regular()
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			if c, err := strconv.ParseUint(string(raw[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(c))
				i += 2
				continue
			}
		}
		out = append(out, raw[i])
	}
	return pdfName(out)
}

// number is i, or the reference that begins with it.
func (l *pdfLexer) number(i int64) any {
	before, short := l.at, l.short
	l.skip()
	if gen := l.regular(); len(gen) > 0 && len(gen) < 6 && len(bytes.Trim(gen, "0123456789")) == 0 {
		l.skip()
		if string(l.regular()) == "R" {
			return pdfRef(i)
		}
	}
	l.at, l.short = before, short
	return i
}

func (l *pdfLexer) array(depth int) []any {
	out := []any{}
	for {
		v := l.value(depth)
		switch v {
		case pdfWord("]"), pdfWord(">>"), pdfWord(""), pdfWord("endobj"):
			return out
		}
		if len(out) < 1<<10 {
			out = append(out, v)
		}
	}
}

// dict reads up to its end, or to what can be in none. It passes what is no
// key, as readers do.
func (l *pdfLexer) dict(depth int) pdfDict {
	out := pdfDict{}
	for {
		switch k := l.value(depth).(type) {
		case pdfName:
			v := l.value(depth)
			if v == pdfWord(">>") || v == pdfWord("") {
				return out
			}
			if len(out[string(k)]) < 4 {
				out[string(k)] = append(out[string(k)], v)
			}
		case pdfWord:
			if k == ">>" || k == "" || k == "endobj" || k == "stream" {
				return out
			}
		}
	}
}

// literal reads a string in parentheses, with its escapes.
func (l *pdfLexer) literal() []byte {
	out, depth := []byte{}, 0
	for ; l.at < len(l.b); l.at++ {
		c := l.b[l.at]
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				l.at++
				return out
			}
		case '\\':
			if l.at++; l.at == len(l.b) {
				continue
			}
			out = l.escaped(out)
			continue
		}
		out = append(out, c)
	}
	l.short = true
	return out
}

// escaped reads what follows a backslash, up to its last byte.
func (l *pdfLexer) escaped(out []byte) []byte {
	c := l.b[l.at]
	if i := bytes.IndexByte([]byte("nrtbf"), c); i >= 0 {
		return append(out, "\n\r\t\b\f"[i])
	}
	switch {
	case octal(c):
		code := 0
		for i := 0; i < 3 && l.at < len(l.b) && octal(l.b[l.at]); i++ {
			code = code<<3 | int(l.b[l.at]-'0')
			l.at++
		}
		l.at--
		return append(out, byte(code))
	case c == '\r':
		if l.at+1 < len(l.b) && l.b[l.at+1] == '\n' {
			l.at++
		}
		return out
	case c == '\n':
		return out
	}
	return append(out, c)
}

func (l *pdfLexer) hex() []byte {
	end := bytes.IndexByte(l.b[l.at:], '>')
	if end < 0 {
		l.at, l.short = len(l.b), true
		return nil
	}
	raw := l.b[l.at+1 : l.at+end]
	l.at += end + 1
	out, half := []byte{}, -1
	for _, c := range raw {
		d, err := strconv.ParseUint(string(c), 16, 8)
		switch {
		case err != nil:
		case half < 0:
			half = int(d)
		default:
			out, half = append(out, byte(half<<4|int(d))), -1
		}
	}
	if half >= 0 {
		out = append(out, byte(half<<4))
	}
	return out
}

// last is the value that most readers take.
func (d pdfDict) last(key string) any {
	if all := d[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func (d pdfDict) number(key string, otherwise int64) int64 {
	if i, ok := d.last(key).(int64); ok {
		return i
	}
	return otherwise
}

func (d pdfDict) is(key, name string) bool {
	for _, v := range d[key] {
		if v == pdfName(name) {
			return true
		}
	}
	return false
}
