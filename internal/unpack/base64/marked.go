// Package base64 opens files that text contains in base64: in data URIs, calendars,
// documents and programs, and anywhere behind a word that announces base64. It refuses
// a member for what is in it, but not for damage, because text does not say where
// base64 ends. Package mail uses its decoder for the parts of mails.
package base64

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Formats returns base64 within text, and text that is base64 from end to end.
func Formats() []unpack.Format { return []unpack.Format{markedFormat(), wholeFormat()} }

func markedFormat() unpack.Format {
	f := unpack.Format{
		Name: "base64 in text",
		Opens: "base64 behind a word that announces it in any of many formats, with the escapes of JSON, JavaScript, CSS, " +
			"HTML, XML, URIs and quoted-printable; without such a word what begins like a container, a program or a script",
	}
	mark := func(text string, open func(*unpack.Visitor, int64) (int64, error)) {
		f.Marks = append(f.Marks, unpack.Mark{Text: text, Fold: true, Start: true, Open: open})
	}
	// Data URIs, calendars and contacts, header fields of mails in other text, function
	// calls, and elements and types of XML.
	mark("base64", behind(`,:>(`))
	mark("binary", behind(`>|`))   // flat OpenDocument and OPC, FictionBook, YAML, SOAP
	mark("bindata", behind(`>`))   // XML of Word 2003
	mark("<data", behind(`>`))     // property lists
	mark(";encoding=", propertyAt) // calendars and contacts
	mark("-----BEGIN ", pemAt)     // PEM
	mark("---- BEGIN ", pemAt)     // keys of SSH2
	mark("::", attributeAt)        // LDIF
	mark("atob", behind(`(`))      // JavaScript
	mark("b64", behind(`(:`))      // Python and others
	mark("-enc", behind(``))       // PowerShell
	mark(`"image/`, behind(`:`))   // notebooks of Jupyter, also the next three
	mark(`"application/`, behind(`:`))
	mark(`"audio/`, behind(`:`))
	mark(`"video/`, behind(`:`))
	for _, begin := range beginnings() {
		f.Marks = append(f.Marks, unpack.Mark{Text: begin, Start: true, Open: bareAt})
	}
	return f
}

// beginnings returns the first characters of containers, programs and scripts in
// base64.
func beginnings() []string {
	return []string{
		"UEsDB", "UEsFB", "N3q8ry", "KLUv", "H4sI", "BCJNGA", "UmFyIR", "Qlpo", "TFpJUA", "H52Q", // archives
		"TVNDRg", "MDcwNzAx", "7avu2w", "ITxhcm", "eGFyIQ", "TVNXSU",
		"0M8R4K", "JVBERi", "e1xydG", "SVRTRg", "eJ8+I", // documents
		"TVo", "TVp", "TVq", "TVr", "f0VMR", "z/rt/", "zvrt/", "yv66v", "AGFzb", "ZGV4Cj", "TAAAAAEUAg", "Q3IyN", // programs
		"IyEv", "QGVja", "PD9wa", "PD94b", "PGh0bW", "PEhUTU", "PCFET0", "PCFkb2", // texts
		"PHNjcm", "PFNDUk", "PHN2Z", "RnJvbT",
		xzWithoutSlash,
	}
}

// xzWithoutSlash is how xz begins in base64, behind a slash, which is often written as
// an escape.
const xzWithoutSlash = "Td6WFo"

// surelyBase64 is how many characters are taken for base64 without a sign of it. Words
// and most names are shorter.
const surelyBase64 = 32

// window returns the text at a mark: less of it where the mark soon comes again, so
// that many marks do not cost much.
func window(c unpack.Content, at int64) []byte {
	head := c.Peek(at, 128)
	if len(head) < 6 || bytes.Contains(bytes.ToLower(head[1:]), bytes.ToLower(head[:6])) {
		return head
	}
	return c.Peek(at, 1<<10)
}

// behind returns what opens a mark that announces base64: it shows the base64 behind
// the first of some characters, or else what is surely base64 shortly behind the mark
// or in front of it.
func behind(ends string) func(*unpack.Visitor, int64) (int64, error) {
	return func(v *unpack.Visitor, at int64) (int64, error) {
		head := window(v.Content(), at)
		if i := bytes.IndexAny(head, ends); i > 0 && !bytes.HasSuffix(head[:i], []byte("/")) {
			end, err := valueAt(v, at+int64(i)+1)
			if err != nil || end > 0 {
				return end, err
			}
		}
		i := max(1, alphabetPrefix(head)) // behind the mark itself
		for i < len(head) {
			n := alphabetPrefix(head[i:])
			if n >= surelyBase64 {
				end, err := Run(v, "base64", at+int64(i))
				if err != nil || end > 0 {
					return end, err
				}
			}
			i += n + 1
		}
		return 0, before(v, at)
	}
}

// before shows base64 that ends shortly in front of a mark, as in function calls with
// the name of the encoding as second argument.
func before(v *unpack.Visitor, at int64) error {
	const maxGap = 48
	c := v.Content()
	from := max(0, at-maxGap)
	text := c.Peek(from, int(at-from))
	i := len(text)
	for i > 0 && !inAlphabet(text[i-1]) {
		i--
	}
	end, last := from+int64(i), int64(-1)
	// A space may be within the base64, or between a command and its argument.
	for _, between := range []string{`\%&;#`, "\\%&;#\r\n", "\\%&;#\r\n \t"} {
		begin := beginning(c, end, between)
		if begin == last || end-begin < surelyBase64 ||
			alphabetPrefix(c.Peek(begin, surelyBase64)) < surelyBase64 &&
				alphabetPrefix(c.Peek(end-surelyBase64, surelyBase64)) < surelyBase64 {
			continue
		}
		last = begin
		if _, err := Run(v, "base64", begin); err != nil {
			return err
		}
	}
	return nil
}

// beginning returns the offset of the first byte of the base64 that ends at an offset.
// It consists of the alphabet and of the characters in between.
func beginning(c unpack.Content, end int64, between string) int64 {
	const most = 16 << 20 // bytes
	begin := end
	for page := int64(64); begin > 0 && end-begin < most; page = min(2*page, 64<<10) {
		from := max(0, begin-page)
		text := c.Peek(from, int(begin-from))
		n := len(text)
		for n > 0 && (inAlphabet(text[n-1]) || strings.IndexByte(between, text[n-1]) >= 0) {
			n--
		}
		begin -= int64(len(text) - n)
		if n > 0 || len(text) == 0 {
			break
		}
	}
	return begin
}

// valueAt shows base64 that begins at an offset, behind what opens a value.
func valueAt(v *unpack.Visitor, at int64) (int64, error) {
	head := v.Content().Peek(at, 64)
	n := len(valueStart.Find(head))
	at += int64(n)
	// Most marks are not followed by base64: return early.
	for i, c := range head[n:] {
		if charValue[c] <= blank || inURLAlphabet(c) {
			continue
		}
		if strings.IndexByte("\\%&=<\"'`\x00\xef\xc2\xe2", c) < 0 || i == 0 && strings.IndexByte(`\%&=`, c) < 0 {
			return 0, nil
		}
		break
	}
	return Run(v, "base64", at)
}

// valueStart matches what may precede the base64 of a value: indicators of YAML, white
// space, CDATA sections, brackets and quotes.
var valueStart = regexp.MustCompile(
	`^(?s:(?:[-+0-9]{1,2}[ \t]*\r?\n)?\s*` +
		`(?:<!\[CDATA\[|[|>][-+0-9]*\s|["'(\[]|b["']|&quot;|\\+["'])*\s*)`)

// propertyAt shows the value of a property in base64 of a calendar (RFC 5545, 3.2.7) or
// a contact (RFC 2426, 2.4.1).
func propertyAt(v *unpack.Visitor, at int64) (int64, error) {
	m := property.FindIndex(window(v.Content(), at))
	if m == nil {
		return 0, nil
	}
	return valueAt(v, at+int64(m[1]))
}

var property = regexp.MustCompile(`(?i)^;encoding=\s*["']?(?:b|base64)["']?\s*(?:;(?:"[^"]*"|[^":])*)?:`)

// pemAt shows base64 between lines of dashes (PEM, RFC 7468), behind header fields.
// Package armor opens such lines with labels of OpenPGP.
func pemAt(v *unpack.Visitor, at int64) (int64, error) {
	const openPGP = 2 // index of the group in pemLine
	c := v.Content()
	m := pemLine.FindSubmatchIndex(c.Peek(at, 96))
	if m == nil || m[openPGP] >= 0 {
		return 0, nil
	}
	at += int64(m[1])
	end, err := valueAt(v, at)
	for size := 128; err == nil && end == 0 && size <= 8<<10; size *= 4 {
		head := c.Peek(at, size)
		if n, done := fields(head); done {
			end, err = valueAt(v, at+int64(n))
			break
		}
		if len(head) < size || bytes.Contains(bytes.ToUpper(head), []byte("BEGIN ")) {
			break // the end of the file, or more marks
		}
	}
	return end, err
}

var pemLine = regexp.MustCompile(`(?i)^-----? ?BEGIN (PGP )?[^\r\n]*?-----?`)

// fields returns the offset behind the header fields that text begins with. done says
// that text contains their end.
func fields(text []byte) (n int, done bool) {
	n = len(text) - len(bytes.TrimLeft(text, "\r\n"))
	continued := false
	for {
		end := bytes.IndexAny(text[n:], "\r\n")
		if end < 0 {
			return n, false
		}
		line := text[n : n+end]
		if !continued && bytes.IndexByte(line, ':') < 0 && (end == 0 || line[0] != ' ') {
			return n, true
		}
		continued = bytes.HasSuffix(line, []byte{'\\'})
		n += end + 1
		if text[n-1] == '\r' && n < len(text) && text[n] == '\n' {
			n++
		}
	}
}

// attributeAt shows the value of an attribute of LDIF (RFC 2849), of which the name is
// in front of an offset.
func attributeAt(v *unpack.Visitor, at int64) (int64, error) {
	c := v.Content()
	if prior := c.Peek(at-1, 1); len(prior) == 0 || !attribute.Match([]byte{'a', prior[0]}) {
		return 0, nil
	}
	from := max(0, at-80)
	name := c.Peek(from, int(at-from))
	if i := bytes.LastIndexAny(name, "\r\n"); i >= 0 {
		name = name[i+1:]
	} else if from > 0 {
		return 0, nil
	}
	if !attribute.Match(name) {
		return 0, nil
	}
	return valueAt(v, at+2)
}

var attribute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.;_-]*$`)

// bareAt shows base64 that begins at an offset with one of beginnings. Within a longer
// word it is chance.
func bareAt(v *unpack.Visitor, at int64) (int64, error) {
	const maxPrior = 8 // bytes of an escape
	c := v.Content()
	from := max(0, at-maxPrior)
	prior := c.Peek(from, int(at-from))
	if string(c.Peek(at, len(xzWithoutSlash))) == xzWithoutSlash {
		m := slash.FindIndex(prior)
		if m == nil {
			return 0, nil
		}
		at -= int64(len(prior) - m[0])
		prior = prior[:m[0]]
	}
	if n := len(prior); n > 0 && inAlphabet(prior[n-1]) && !escapeEnd.Match(prior) {
		return 0, nil
	}
	return Run(v, "base64", at)
}

var (
	// slash matches a slash, or an escape for one.
	slash = regexp.MustCompile(`(?i)(?:\\*/|%2F|&#x0*2F;?|&#0*47;?|&sol;|\\u002F|\\x2F|\\57)$`)
	// escapeEnd matches an escape whose last byte looks like a character of base64.
	escapeEnd = regexp.MustCompile(`(?:\\[nrt]|%0[AaDd]|%20|%22|=3D)$`)
)
