package pdf

import (
	"bytes"
	"strconv"

	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

// lexer reads values from bytes that need not be a PDF.
type lexer struct {
	b  []byte
	at int
	// short says that b ended within a value, or right behind one.
	short bool
}

// maxDepth is how many dictionaries and arrays may be in one another.
const maxDepth = 32

func isSpace(c byte) bool {
	return c == 0 || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' '
}

func isDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// skip skips white space and comments.
func (l *lexer) skip() {
	for l.at < len(l.b) {
		switch c := l.b[l.at]; {
		case c == '%':
			end := bytes.IndexAny(l.b[l.at:], "\r\n")
			if end < 0 {
				l.at, l.short = len(l.b), true
				return
			}
			l.at += end
		case !isSpace(c):
			return
		default:
			l.at++
		}
	}
	l.short = true
}

func (l *lexer) has(prefix string) bool { return bytes.HasPrefix(l.b[l.at:], []byte(prefix)) }

// value reads one value, which is in so many dictionaries and arrays. It returns an
// empty keyword at the end of the bytes.
func (l *lexer) value(depth int) any {
	l.skip()
	if l.at >= len(l.b) || depth > maxDepth {
		return keyword("")
	}
	switch c := l.b[l.at]; {
	case c == '/':
		l.at++
		return l.name()
	case c == '(':
		return l.literal()
	case l.has("<<"):
		l.at += 2
		return l.dictionary(depth + 1)
	case c == '<':
		return l.hexadecimal()
	case c == '[':
		l.at++
		return l.array(depth + 1)
	case isDelimiter(c):
		l.at++
		if c == '>' && l.has(">") {
			l.at++
			return keyword(">>")
		}
		return keyword(c)
	}
	word := string(l.regular())
	if i, err := strconv.ParseInt(word, 10, 64); err == nil {
		return l.number(i)
	}
	return keyword(word)
}

// regular reads characters that are neither white space nor delimiters.
func (l *lexer) regular() []byte {
	from := l.at
	for l.at < len(l.b) && !isSpace(l.b[l.at]) && !isDelimiter(l.b[l.at]) {
		l.at++
	}
	l.short = l.short || l.at == len(l.b)
	return l.b[from:l.at]
}

// name reads a name behind its slash, in which # and two digits stand for a byte (7.3.5).
func (l *lexer) name() name {
	raw := l.regular()
	if bytes.IndexByte(raw, '#') < 0 {
		return name(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c, ok := hexdigit.Pair(raw[i+1:])
		if raw[i] != '#' || !ok {
			out = append(out, raw[i])
			continue
		}
		out = append(out, c)
		i += 2
	}
	return name(out)
}

// number returns i, or the reference that begins with i.
func (l *lexer) number(i int64) any {
	before, short := l.at, l.short
	l.skip()
	if generation := l.regular(); len(generation) > 0 && len(generation) < 6 &&
		len(bytes.Trim(generation, "0123456789")) == 0 {
		l.skip()
		if string(l.regular()) == "R" {
			return reference(i)
		}
	}
	l.at, l.short = before, short
	return i
}

// array reads an array behind its bracket.
func (l *lexer) array(depth int) []any {
	out := []any{}
	for {
		v := l.value(depth)
		switch v {
		case keyword("]"), keyword(">>"), keyword(""), keyword("endobj"):
			return out
		}
		out = append(out, v)
	}
}

// dictionary reads a dictionary behind its brackets, up to its end or to a keyword that
// cannot be in a dictionary. It skips values without a key, as readers do.
func (l *lexer) dictionary(depth int) dictionary {
	out := dictionary{}
	for {
		switch k := l.value(depth).(type) {
		case name:
			v := l.value(depth)
			if v == keyword(">>") || v == keyword("") {
				return out
			}
			out[string(k)] = add(out[string(k)], v)
		case keyword:
			if k == ">>" || k == "" || k == "endobj" || k == "stream" {
				return out
			}
		}
	}
}

// literal reads a string in parentheses (7.3.4.2).
func (l *lexer) literal() []byte {
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

// escaped reads an escape behind its backslash, up to its last byte, and appends the
// character that it stands for.
func (l *lexer) escaped(out []byte) []byte {
	c := l.b[l.at]
	if i := bytes.IndexByte([]byte("nrtbf"), c); i >= 0 {
		return append(out, "\n\r\t\b\f"[i])
	}
	switch {
	case c >= '0' && c <= '7':
		code := 0
		for i := 0; i < 3 && l.at < len(l.b) && l.b[l.at] >= '0' && l.b[l.at] <= '7'; i++ {
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

// hexadecimal reads a string of hexadecimal digits, and ignores other bytes in it
// (7.3.4.3).
func (l *lexer) hexadecimal() []byte {
	end := bytes.IndexByte(l.b[l.at:], '>')
	if end < 0 {
		l.at, l.short = len(l.b), true
		return nil
	}
	raw := l.b[l.at+1 : l.at+end]
	l.at += end + 1
	out, half := make([]byte, 0, len(raw)/2), -1
	for _, c := range raw {
		switch digit := hexdigit.Value(c); {
		case digit < 0:
		case half < 0:
			half = digit
		default:
			out, half = append(out, byte(half<<4|digit)), -1
		}
	}
	if half >= 0 {
		out = append(out, byte(half<<4))
	}
	return out
}
