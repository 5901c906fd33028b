package base64

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

// escaped reads what text begins with where it is not a character of base64: an escape
// of JSON, JavaScript, CSS, HTML, XML, URIs or quoted-printable, or what such formats
// put between the pieces of a text. n bytes stand for c. c is a space where they stand
// for nothing, and a line feed where they stand for the end of a line. n is 0 for an
// equals sign that is not an escape. ok is false where text cannot belong to base64.
func escaped(text []byte) (n int, c byte, ok bool) {
	switch text[0] {
	case '=':
		return quotedPrintable(text)
	case '\\':
		return backslash(text)
	case '%':
		return percent(text)
	case '&':
		return entity(text)
	case '<', ']':
		if m := markup.Find(text); m != nil {
			return len(m), ' ', true
		}
	case '"', '\'', '`':
		if m := pieceEnd.Find(text); m != nil {
			return len(m), ' ', true
		}
	case 0xef, 0xc2, 0xe2: // byte order mark, and white space beyond ASCII
		for _, space := range []string{"\ufeff", "\u00a0", "\u200b", "\u2028", "\u2029", "\u2060", "\u0085"} {
			if bytes.HasPrefix(text, []byte(space)) {
				return len(space), ' ', true
			}
		}
	case 0:
		return 1, ' ', true
	}
	return 0, 0, false
}

var (
	// pieceEnd matches what is between two pieces of a string in programs: quotes, and
	// an operator of concatenation.
	pieceEnd = regexp.MustCompile("^(?s:[\"'`]\\s*(?:\\\\\\s*|[+.&]\\s*_?\\s*)?[\"'`])")
	// markup matches comments, processing instructions, borders of CDATA sections and
	// line breaks of XML and HTML.
	markup = regexp.MustCompile(`^(?s:<!--.*?-->|<\?.*?\?>|\]\]><!\[CDATA\[|<!\[CDATA\[|</?w?br ?/?>)`)
	// listItem matches what is between two lines in a list of JSON, as in notebooks.
	listItem = regexp.MustCompile(`^\\+n"\s*,\s*"`)
)

// character returns what escaped returns for n bytes that stand for a code point.
func character(n int, code uint64) (int, byte, bool) {
	switch {
	case code < 0x80 && (charValue[code] <= blank || code == '=' || inURLAlphabet(byte(code))):
		return n, byte(code), true
	case code == 0xfeff, code == 0xa0, code == 0x85, code >= 0x2000 && code <= 0x200b, code == 0x2028, code == 0x2029:
		return n, ' ', true
	}
	return 0, 0, false
}

// quotedPrintable reads an escape of quoted-printable (RFC 2045, 6.7): an equals sign
// and two digits, or a soft line break.
func quotedPrintable(text []byte) (int, byte, bool) {
	if code, ok := hexdigit.Pair(text[1:]); ok && code < 0x80 {
		n, c, ok := character(3, uint64(code))
		if ok && (code <= ' ' || strings.IndexByte("+/=-_", code) >= 0) {
			return n, c, true
		}
	}
	rest := bytes.TrimLeft(text[1:], " \t")
	if len(rest) > 2 && (rest[0] == '\n' || rest[0] == '\r' && rest[1] == '\n') {
		end := len(text) - len(rest) + 1
		if rest[0] == '\r' {
			end++
		}
		// Behind the last character an equals sign is padding.
		if inAlphabet(text[end]) {
			return end, ' ', true
		}
	}
	return 0, '=', true
}

// digits returns how many digits of a base text begins with, at most so many.
func digits(text []byte, base, most int) int {
	n := 0
	for n < len(text) && n < most {
		value := hexdigit.Value(text[n])
		if value < 0 || value >= base {
			break
		}
		n++
	}
	return n
}

// backslash reads an escape of JSON, JavaScript, Python, C or CSS. In a text within a
// text, more than one backslash precedes it.
func backslash(text []byte) (int, byte, bool) {
	if m := listItem.Find(text); m != nil {
		return len(m), '\n', true
	}
	at := len(text) - len(bytes.TrimLeft(text, `\`))
	if at == len(text) {
		return 0, 0, false
	}
	rest := text[at:]
	switch c := rest[0]; {
	case strings.IndexByte("/+=-_", c) >= 0:
		return at + 1, c, true
	case isControlEscape(rest):
		n := at + 1
		if c == '\r' && len(rest) > 1 && rest[1] == '\n' {
			n++
		}
		return n, '\n', true
	}
	if from, size := codeDigits(rest); size > 0 {
		return codePoint(text, at+from, size)
	}
	if n, c, ok := octal(text, at); ok {
		return n, c, true
	}
	return cssEscape(text, at)
}

// isControlEscape reports whether what follows a backslash stands for a control
// character, or continues a line. In CSS, f and b may be hexadecimal digits.
func isControlEscape(rest []byte) bool {
	const maxDigits = 6
	c := rest[0]
	return strings.IndexByte("nrtv\n\r", c) >= 0 || (c == 'f' || c == 'b') && digits(rest, 16, maxDigits) < 2
}

// codeDigits returns where the hexadecimal digits are in \uXXXX, \UXXXXXXXX, \xXX and
// \u{X}, of which rest is what follows the backslash. size is 0 for other escapes.
func codeDigits(rest []byte) (from, size int) {
	switch c := rest[0]; {
	case c == 'u' && len(rest) > 2 && rest[1] == '{':
		size = digits(rest[2:], 16, 16)
		if end := 2 + size; end >= len(rest) || rest[end] != '}' {
			return 0, 0
		}
		return 2, size
	case c == 'u' && digits(rest[1:], 16, 4) == 4:
		return 1, 4
	case c == 'U' && digits(rest[1:], 16, 8) == 8:
		return 1, 8
	case c == 'x' && digits(rest[1:], 16, 2) == 2:
		return 1, 2
	}
	return 0, 0
}

// codePoint reads an escape whose hexadecimal digits are at an offset, and the brace
// behind them.
func codePoint(text []byte, from, size int) (int, byte, bool) {
	code, err := strconv.ParseUint(string(text[from:from+size]), 16, 32)
	if err != nil {
		return 0, 0, false
	}
	end := from + size
	if text[from-1] == '{' {
		end++
	}
	return character(end, code)
}

// octal reads an escape of C whose octal digits are at an offset.
func octal(text []byte, at int) (int, byte, bool) {
	for size := digits(text[at:], 8, 3); size >= 2; size-- {
		code, err := strconv.ParseUint(string(text[at:at+size]), 8, 8)
		if err == nil && strings.IndexByte("+/=", byte(code)) >= 0 {
			return at + size, byte(code), true
		}
	}
	return 0, 0, false
}

// cssEscape reads an escape of CSS whose hexadecimal digits are at an offset. White
// space behind them belongs to it.
func cssEscape(text []byte, at int) (int, byte, bool) {
	const maxDigits = 6
	size := digits(text[at:], 16, maxDigits)
	code, err := strconv.ParseUint(string(text[at:at+size]), 16, 32)
	if err != nil {
		return 0, 0, false
	}
	n, c, ok := character(at+size, code)
	if ok && n < len(text) && charValue[text[n]] == blank {
		n++
	}
	return n, c, ok
}

// percent reads an escape of URIs, of which the percent sign may itself be escaped.
func percent(text []byte) (int, byte, bool) {
	at := 1
	for bytes.HasPrefix(text[at:], []byte("25")) && at < len(text)-2 {
		at += 2
	}
	code, ok := hexdigit.Pair(text[at:])
	if !ok {
		return 0, 0, false
	}
	return character(at+2, uint64(code))
}

// entity reads a character reference of HTML or XML, of which the ampersand may itself
// be escaped. Browsers also read it without the semicolon.
func entity(text []byte) (int, byte, bool) {
	at := 1
	for bytes.HasPrefix(text[at:], []byte("amp;")) {
		at += len("amp;")
	}
	rest := text[at:]
	if len(rest) > 2 && rest[0] == '#' {
		from, base := 1, 10
		if rest[1]|0x20 == 'x' {
			from, base = 2, 16
		}
		size := digits(rest[from:], base, 32)
		code, err := strconv.ParseUint(string(rest[from:from+size]), base, 32)
		if err != nil {
			return 0, 0, false
		}
		n := at + from + size
		if n < len(text) && text[n] == ';' {
			n++
		}
		return character(n, code)
	}
	for name, c := range map[string]byte{
		"plus;": '+', "sol;": '/', "equals;": '=', "lowbar;": '_', "UnderBar;": '_', "Tab;": ' ', "NewLine;": '\n',
		"nbsp;": ' ', "ZeroWidthSpace;": ' ', "shy;": ' ',
	} {
		if bytes.HasPrefix(rest, []byte(name)) {
			return at + len(name), c, true
		}
	}
	return 0, 0, false
}
