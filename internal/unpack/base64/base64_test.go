package base64_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func long(b []byte) string  { return base64.StdEncoding.EncodeToString(b) }
func lined(b []byte) string { return strings.Join(unpacktest.Base64Lines(b), "\n") }

// content returns bytes whose base64 has every character of the alphabet, and no
// padding.
func content() []byte {
	b := unpacktest.Pages(300)
	for i := range 300 {
		b = append(b, byte(i*7), byte(i>>2), 0xfb, 0xff)
	}
	return b
}

// shown checks that content is shown byte for byte in each text.
func shown(t *testing.T, content []byte, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, []byte(text), unpacktest.Exact(content))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the content shown byte for byte", got)
			}
		})
	}
}

// referable matches a plus that can be written as a reference without a semicolon.
var referable = regexp.MustCompile(`\+([^0-9])`)

// prose is text in front of base64 and behind it.
const prose = "The quick brown fox, said he; jumps over the lazy dog. "

// TestMarks checks base64 behind each mark, in spellings that programs decode.
func TestMarks(t *testing.T) {
	t.Parallel()
	b, lines := long(content()), lined(content())
	folded := strings.ReplaceAll(lines, "\n", "\r\n ")
	short := strings.Join(strings.Split(b, ""), "\n")
	shown(t, content(), map[string]string{
		"data URI":                     `<a href="data:a/b;base64,` + b + `">x</a>`,
		"data URI, a space":            `<a href="data:a/b; base64,` + b + `">x</a>`,
		"data URI, spaces":             `<a href="data:a/b;  base64 ,` + b + `">x</a>`,
		"data URI, mixed case":         `<a href="DaTa:a/b;BaSe64,` + b + `">x</a>`,
		"data URI, parameters":         `<a href="data:a/b;charset=x;name=y.exe;base64,` + b + `">x</a>`,
		"data URI, no type":            `<a href="data:;base64,` + b + `">x</a>`,
		"data URI, a space first":      `<a href="data:a/b;base64, ` + b + `">x</a>`,
		"data URI, a character a line": `<a href="data:a/b;base64,` + short + `">x</a>`,
		"second of two":                `data:a/b;base64,` + long(unpacktest.Pages(90)) + `" "data:x/y;base64,` + b + `"`,
		"srcset":                       `<img srcset="data:image/png;base64,` + b + ` 2x">`,
		"certificate": "-----BEGIN CERTIFICATE-----\r\n" + strings.ReplaceAll(lines, "\n", "\r\n") +
			"\r\n-----END CERTIFICATE-----\r\n",
		"PEM of any label":        "-----BEGIN X-----\n" + lines + "\n-----END X-----\n",
		"PEM in small letters":    "-----begin x-----\n" + lines + "\n-----end x-----\n",
		"PEM, carriage returns":   "-----BEGIN X-----\r" + strings.ReplaceAll(lines, "\n", "\r") + "\r-----END X-----\r",
		"PEM on one line":         "-----BEGIN X----- " + strings.ReplaceAll(lines, "\n", " ") + " -----END X-----",
		"PEM with fields":         "-----BEGIN X-----\nProc-Type: 4\nDEK-Info: x,y\n\n" + lines + "\n-----END X-----\n",
		"PEM in text":             prose + "\n-----BEGIN X-----\n" + lines + "\n-----END X-----\n" + prose,
		"PEM, a character a line": "-----BEGIN X-----\n" + short + "\n-----END X-----\n",
		"SSH2":                    "---- BEGIN SSH2 X ----\nComment: a\n\n" + lines + "\n---- END SSH2 X ----\n",
		"calendar": "BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:" + folded +
			"\r\nEND:VCALENDAR\r\n",
		"calendar, small letters": "attach;value=binary;encoding=base64:" + folded + "\r\nend:vcalendar\r\n",
		"contact":                 "BEGIN:VCARD\r\nPHOTO;TYPE=JPEG;ENCODING=b:" + folded + "\r\nEND:VCARD\r\n",
		"contact, another order":  "PHOTO;ENCODING=B;TYPE=\"a:b\":" + folded + "\r\nEND:VCARD\r\n",
		"contact, quotes":         "PHOTO;encoding=\"b\":" + folded + "\r\nEND:VCARD\r\n",
		"contact of version 2.1":  "BEGIN:VCARD\r\nPHOTO;BASE64;JPEG:" + b + "\r\n\r\nEND:VCARD\r\n",
		"LDIF":                    "dn: cn=a\njpegPhoto:: " + strings.ReplaceAll(lines, "\n", "\n ") + "\nsn: b\n",
		"LDIF, an option":         "userCertificate;binary::" + b + "\nsn: b\n",
		"property list": "<plist><dict><key>a</key><data>\n\t" + strings.ReplaceAll(lines, "\n", "\n\t") +
			"\n\t</data></dict></plist>",
		"property list, capitals": "<plist><DATA x='y'>" + b + "</DATA></plist>",
		"FictionBook":             `<FictionBook><binary id="a" content-type="image/png">` + b + "</binary></FictionBook>",
		"flat OpenDocument":       "<office:binary-data>" + lines + "</office:binary-data>",
		"flat OPC":                "<pkg:binaryData>" + lines + "</pkg:binaryData>",
		"flat OPC, other prefix":  "<x:binaryData>" + lines + "</x:binaryData>",
		"Word 2003":               `<w:binData w:name="oledata.mso">` + lines + "</w:binData>",
		"XML-RPC":                 "<value><base64>" + lines + "</base64></value>",
		"SOAP":                    `<a xsi:type="xsd:base64Binary">` + b + "</a>",
		"XML, CDATA":              "<base64><![CDATA[" + b + "]]></base64>",
		"XML, comments":           "<data>" + b[:40] + "<!-- x -->" + b[40:] + "</data>",
		"notebook":                `{"data":{"image/png":"` + b + `"}}`,
		"notebook, lines": `{"data":{"application/x": [` + "\n  \"" + strings.ReplaceAll(lines, "\n",
			"\\n\",\n  \"") + `"]}}`,
		"YAML":                      "a: !!binary |\n  " + strings.ReplaceAll(lines, "\n", "\n  ") + "\nb: c\n",
		"YAML, folded":              "a: !!binary >-\n  " + strings.ReplaceAll(lines, "\n", "\n  ") + "\nb: c\n",
		"YAML, quoted":              `a: !!binary "` + b + "\"\nb: c\n",
		"JavaScript":                `x = atob("` + b + `"); y()`,
		"JavaScript, pieces":        `x = atob("` + b[:70] + "\" +\n  '" + b[70:] + `'); y()`,
		"JavaScript, encoding last": `x = Buffer.from('` + b + `', 'base64'); y()`,
		"Python":                    `x = base64.b64decode(b"""` + lines + `""")`,
		"Python, pieces":            "x = b64decode('" + strings.ReplaceAll(lines, "\n", "'\n  '") + "')",
		"PowerShell":                `[Convert]::FromBase64String("` + b + `")`,
		"PowerShell, command line":  "powershell -NoP -eNc " + b + "\r\n",
		"PHP":                       `eval(BASE64_DECODE('` + b[:90] + `' . '` + b[90:] + `'));`,
		"shell":                     "echo " + b + " | base64 -d > x\n",
		"shell, openssl":            "openssl enc -base64 -d <<E\n" + lines + "\nE\n",
		"shell, here document":      "base64 -d <<EOF | sh\n" + lines + "\nEOF\nexit\n",
		"shell, one line":           "base64 -d <<EOF | sh\n" + b + "\nEOF\nexit\n",
		"header fields in text": prose + "\nContent-Transfer-Encoding: Base64\nContent-Disposition: x; y=z\n\n" +
			short + "\n--x\n",
		"alone":                  lines,
		"alone, one line":        b,
		"alone, byte order mark": "\xef\xbb\xbf" + lines,
		"alone, URL alphabet":    base64.URLEncoding.EncodeToString(content()),
		"b64 in JSON":            `{"b64_json": "` + b + `"}`,
	})
}

// TestEscapes checks escapes for characters of base64, and what may be between them.
func TestEscapes(t *testing.T) {
	t.Parallel()
	b := long(content())
	json := func(pairs ...string) string {
		return `{"a":"data:x/y;base64,` + strings.NewReplacer(pairs...).Replace(b) + `","b":"c"}`
	}
	page := func(pairs ...string) string {
		return `<a href="data:x/y;base64,` + strings.NewReplacer(pairs...).Replace(b) + `">x</a>`
	}
	every := func(format string) string {
		var out strings.Builder
		for _, c := range b {
			fmt.Fprintf(&out, format, c)
		}
		return `"data:x/y;base64,` + out.String() + `" `
	}
	broken := func(between string) string {
		return `"data:x/y;base64,` + strings.Join(unpacktest.Base64Lines(content()), between) + `" `
	}
	shown(t, content(), map[string]string{
		"JSON, slashes":               json("/", `\/`),
		"JSON, capitals":              json("+", `\u002B`, "/", `\u002F`),
		"JSON, small":                 json("+", `\u002b`, "/", `\u002f`),
		"JSON in JSON":                json("+", `\\u002b`, "/", `\\/`),
		"JSON, every character":       every(`\u%04x`),
		"JSON, line ends":             broken(`\r\n`),
		"JSON in JSON, line ends":     broken(`\\n`),
		"JSON, line ends as numbers":  broken(`\u000d\u000A`),
		"HTML, decimal":               page("+", "&#43;", "/", "&#47;"),
		"HTML, hexadecimal":           page("+", "&#x2B;", "/", "&#X2f;"),
		"HTML, zeros":                 page("+", "&#0000043;", "/", "&#x0000000000002F;"),
		"HTML, no semicolons":         `<a href="data:x/y;base64,` + referable.ReplaceAllString(b, "&#43$1") + `">x</a>`,
		"HTML, names":                 page("+", "&plus;", "/", "&sol;"),
		"HTML, escaped again":         page("+", "&amp;#43;", "/", "&amp;sol;"),
		"HTML, every character":       every("&#%d;"),
		"HTML, line ends":             broken("&#10;"),
		"HTML, names of line ends":    broken("&NewLine;&Tab;"),
		"HTML, escaped by Go":         page("+", html.EscapeString("+")),
		"XML, line ends":              broken("&#xD;&#xA;"),
		"CSS":                         page("+", `\2b `, "/", `\00002F`),
		"CSS, continued lines":        broken("\\\n"),
		"CSS, every character":        every(`\%06x`),
		"JavaScript":                  page("+", `\x2b`, "/", `\x2F`),
		"JavaScript, braces":          page("+", `\u{2b}`, "/", `\u{00002F}`),
		"JavaScript, octal":           page("+", `\53`, "/", `\057`),
		"JavaScript, pieces":          broken(`" + "`),
		"JavaScript, pieces on lines": broken("\" +\n\t'"),
		"Visual Basic":                broken("\" & _\r\n \""),
		"C":                           broken("\"\n\""),
		"URI":                         page("+", "%2B", "/", "%2f"),
		"URI, escaped again":          page("+", "%252B", "/", "%25252f"),
		"URI, every character":        every("%%%02X"),
		"URI, line ends":              broken("%0D%0A"),
		"quoted-printable":            page("+", "=2B", "/", "=2F"),
		"quoted-printable, lines":     broken("=\r\n"),
		"URL alphabet":                page("+", "-", "/", "_"),
		"white space":                 broken("\t \r\n\v\f"),
		"line feeds":                  broken("\n"),
		"carriage returns":            broken("\r"),
		"byte order marks":            broken("\ufeff"),
		"spaces beyond ASCII":         broken("\u00a0\u2028"),
		"zeros":                       broken("\x00"),
	})
	padded := content()[:len(content())-1]
	p := long(padded)
	if !strings.HasSuffix(p, "=") {
		t.Fatalf("got base64 %q, want one with padding", p)
	}
	shown(t, padded, map[string]string{
		"padding as a number":    `{"a":"data:x/y;base64,` + strings.ReplaceAll(p, "=", `\u003d`) + `"}`,
		"padding for a URI":      `<a href="data:x/y;base64,` + strings.ReplaceAll(p, "=", "%3D") + `">`,
		"padding, then a mail's": "data:x/y;base64," + strings.ReplaceAll(p, "=", "=3D") + "\r\n--x\r\n",
		"padding, then text":     "data:x/y;base64," + p + "\nand more text follows here\n",
		"padding, then a word":   "data:x/y;base64," + p + "word",
		"padding, then more":     "data:x/y;base64," + p + long(unpacktest.Pages(99)),
		"no padding":             `"data:x/y;base64,` + strings.TrimRight(p, "=") + `"`,
	})
}

// TestBeginnings checks base64 without a mark that begins like a container, a program
// or a script.
func TestBeginnings(t *testing.T) {
	t.Parallel()
	bodies := map[string][]byte{
		"zip": []byte("PK\x03\x04"), "gzip": []byte("\x1f\x8b\x08"), "xz": []byte("\xfd7zXZ\x00"),
		"program":       []byte("MZ\x90\x00"),
		"other program": []byte("MZP\x00"), "ELF": []byte("\x7fELF\x02"), "script": []byte("#!/bin/sh\n"),
		"PHP":  []byte("<?php "),
		"page": []byte("<html>"), "rich text": []byte("{\\rtf1"), "class": []byte("\xca\xfe\xba\xbe"),
	}
	for name, head := range bodies {
		c := unpacktest.Join(head, content())
		shown(t, c, map[string]string{
			name + " in JSON": `{"files":[{"content":"` + strings.ReplaceAll(long(c), "/", `\/`) + `"}]}`,
			name + " in JSON, numbers": `{"content":"` + strings.NewReplacer("/", `\u002F`, "+", `\u002B`).Replace(long(c)) +
				`"}`,
			name + " in a script":    "decode <<EOF\n" + lined(c) + "\nEOF\n",
			name + " behind a break": `{"a":"x\n` + long(c) + `"}`,
		})
	}
}

// TestHarmless checks text about base64, and files that are often in base64.
func TestHarmless(t *testing.T) {
	t.Parallel()
	png := unpacktest.Join([]byte("\x89PNG\r\n\x1a\n"), unpacktest.Pages(60))
	var pictures strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&pictures, "a{background:url(data:image/png;base64,%s)}\n", long(fmt.Appendf(bytes.Clone(png), "%d", i)))
	}
	cut := unpacktest.XzOf(t, unpacktest.Pages(3000))
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{
			Name:    "cut container",
			Content: []byte(`<a href="data:a/b;base64,` + long(cut[:200]) + `">`),
			Want:    unpacktest.Clean,
		},
		{Name: "pictures", Content: []byte(pictures.String()), Want: unpacktest.Clean},
		{Name: "text about base64", Want: unpacktest.Clean, Content: []byte(
			"Write data:text/plain;base64,SGVsbG8= or ;ENCODING=b: or " +
				"<data> or UEsDB, H4sI and Qlpo. atob(x), std::string::npos,\n" +
				"base64: see the binary encoding of a::b or -----BEGIN X-----\n" + strings.Repeat(prose, 50))},
		{Name: "EICAR", Content: []byte("<data>" + lined(unpacktest.Eicar()) + "</data>"), Want: unpacktest.Infected},
		{
			Name:    "zstd",
			Content: []byte("<data>" + lined(unpacktest.ZstdOf(t, unpacktest.Eicar())) + "</data>"),
			Want:    unpacktest.Infected,
		},
	})
}

// TestCost checks that many marks and escapes do not cost the square of their number.
func TestCost(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	for name, text := range map[string]string{
		"marks":          repeat("base64,", 100000),
		"marks in run":   repeat("base64,", 10000) + repeat("A", 1<<20) + repeat(" base64", 10000),
		"runs and marks": repeat(repeat("A", 4000)+" base64 ", 500),
		"colons":         repeat("::", 400000),
		"armor":          repeat("-----BEGIN ", 60000),
		"armor's fields": repeat("-----BEGIN X-----\n"+repeat("A: b\n", 100), 500),
		"escapes":        "data:;base64," + repeat("%25", 200000),
		"entities":       "data:;base64," + repeat("&amp;", 200000),
		"backslashes":    "data:;base64," + repeat("A", 64) + repeat(`\`, 500000),
		"comments":       "data:;base64," + repeat("A", 64) + repeat("<!--", 100000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unpacktest.Bounded(t, formats.All(), []byte(text))
		})
	}
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "data URI", Endless: true, Pack: func(_ testing.TB, b []byte) []byte {
			return []byte(`"data:;base64,` + long(b) + `"`)
		}},
		{Name: "PEM", Endless: true, Pack: func(_ testing.TB, b []byte) []byte {
			return []byte("-----BEGIN X-----\n" + lined(b) + "\n-----END X-----\n")
		}},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzBase64(f *testing.F) {
	unpacktest.Fuzz(f, formats.All(), containers(),
		[]byte("-----BEGIN X-----\nA: b\n\n"+lined(unpacktest.Pages(200))+"\n-----END X-----\n"),
		[]byte(`{"a":"data:;base64,`+strings.ReplaceAll(long(unpacktest.Pages(200)), "b", `\u0062`)+`"}`))
}
