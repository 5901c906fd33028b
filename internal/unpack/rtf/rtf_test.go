package rtf_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// ole1 returns an embedded object of OLE 1.
func ole1(class string, data []byte) []byte {
	counted := func(text string) []byte {
		return unpacktest.Join(unpacktest.LE(uint32(len(text)+1)), []byte(text), []byte{0})
	}
	return unpacktest.Join(
		unpacktest.LE(uint32(0x501), uint32(2)), counted(class),
		unpacktest.LE(uint32(0), uint32(0), uint32(len(data))), data,
		unpacktest.LE(uint32(0x501), uint32(0)))
}

// packaged returns a file as Windows' packager writes it.
func packaged(content []byte) []byte {
	return unpacktest.Join(
		[]byte("\x02\x00a.exe\x00C:\\a.exe\x00\x00\x00\x03\x00"),
		unpacktest.LE(uint32(9)),
		[]byte("C:\\a.exe\x00"),
		unpacktest.LE(uint32(len(content))), content, unpacktest.LE(uint32(0)))
}

// document returns rich text with an object.
func document(digits string) []byte {
	return []byte(`{\rtf1\ansi hello {\object\objemb{\*\objclass Package}{\*\objdata ` + digits +
		`}{\result x}} and {\b more}}`)
}

func content() []byte { return append([]byte("MZ"), unpacktest.Pages(700)...) }

// TestObjects checks spellings of an object's digits that Word reads.
func TestObjects(t *testing.T) {
	t.Parallel()
	object := ole1("Package", packaged(content()))
	digits := hex.EncodeToString(object)
	at := len(digits) / 2 &^ 1
	with := func(between string) []byte { return document(digits[:at] + between + digits[at:]) }
	every := func(between string) []byte { return document(strings.Join(strings.Split(digits, ""), between)) }
	for name, text := range map[string][]byte{
		"plain":                       document(digits),
		"capitals":                    document(strings.ToUpper(digits)),
		"lines":                       every("\r\n"),
		"spaces and zeros":            every(" \t\x00\x0b"),
		"other letters":               every("xyz!?\xff"),
		"no space behind the word":    []byte(`{\rtf1{\object{\objdata` + "\r\n" + digits + `}}}`),
		"digits of the word itself":   []byte(`{\rtf1{\object{\objdata` + digits + `}}}`),
		"argument of the word":        []byte(`{\rtf1{\object{\objdata-12345 ` + digits + `}}}`),
		"control words":               with(`\par\b0\anything1234 `),
		"control symbols":             with(`\*\~\-\_`),
		"control word cut by a group": with(`\foo{}`),
		"empty groups":                with(`{}{{}}`),
		"optional group":              with(`{\*\foo 414141}`),
		"groups in an optional group": with(`{\*\foo 41{41}41}`),
		"group that counts":           document(digits[:at] + "{" + digits[at:at+200] + "}" + digits[at+200:]),
		"optional group that counts":  document(digits[:at] + `{\*\foo ` + digits[at:at+200] + "}" + digits[at+200:]),
		"group that does not count":   with(`{\foo 414141}`),
		"every byte in a group":       document(strings.Join(strings.Split(digits, ""), "{}")),
		"raw bytes":                   document(digits[:at] + `\bin20 ` + string(object[at/2:at/2+20]) + digits[at+40:]),
		"raw bytes skipped":           with(`\bin3 }a{`),
		"no raw bytes":                with(`\bin0 \bin-0 \bin `),
		"escaped byte":                with(`\'41`),
		"escaped byte behind a digit": with(`e\'41`),
		"escaped byte that counts":    document(digits[:at] + `\'` + digits[at:]),
		"odd digit at the end":        document(digits + "4"),
		"no end":                      document(digits)[:strings.Index(string(document(digits)), `}{\result`)],
		"object in an object":         []byte(`{\rtf1{\object{\*\objdata 01{\*\objdata ` + digits + `}}}}`),
		"word twice in a row":         []byte(`{\rtf1{\object{\*\objdata\objdata ` + digits + `}}}`),
		"short first word":            []byte(`{\rt` + string(document(digits)[5:])),
		"behind blank lines":          append([]byte("\r\n "), document(digits)...),
		"behind other text":           append([]byte("%text\n"), document(digits)...),
		"in a mail":                   unpacktest.MailOf(document(digits)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, text, unpacktest.Exact(content()))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the file shown byte for byte", got)
			}
		})
	}
}

// TestWords checks each control word behind which digits follow, and each kind of
// object.
func TestWords(t *testing.T) {
	t.Parallel()
	digits := func(b []byte) string { return hex.EncodeToString(b) }
	for name, text := range map[string][]byte{
		"object of another class": document(digits(ole1("Word.Document.8", content()))),
		"object that is not OLE":  document(digits(content())),
		"package with a long path": document(digits(ole1("Package", bytes.Replace(packaged(content()),
			[]byte("C:\\a.exe"), []byte("C:\\"+strings.Repeat("a\\", 8000)+"a.exe"), 1)))),
		"package with its length": document(digits(ole1("Package",
			unpacktest.Join(unpacktest.LE(uint32(len(packaged(content())))), packaged(content()))))),
		"package as a file": unpacktest.Join(unpacktest.LE(uint32(len(packaged(content())))), packaged(content())),
		"picture": []byte(`{\rtf1{\pict{\*\picprop{\sp 41}}\wmetafile8\picw10 ` + digits(content()) +
			`}}`),
		"picture in raw bytes": fmt.Appendf(nil, `{\rtf1{\pict\pngblip\bin%d %s}}`, len(content()), content()),
		"picture with an id":   []byte(`{\rtf1{\pict\pngblip{\*\blipuid 4142}` + digits(content()) + `}}`),
		"theme":                []byte(`{\rtf1{\*\themedata ` + digits(content()) + `}}`),
		"custom XML":           []byte(`{\rtf1{\*\datastore ` + digits(content()) + `}}`),
		"embedded font":        []byte(`{\rtf1{\fonttbl{\f0{\*\fontemb\fttruetype ` + digits(content()) + `}}}}`),
		"colours":              []byte(`{\rtf1{\*\colorschememapping ` + digits(content()) + `}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, text, unpacktest.Exact(content()))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the content shown byte for byte", got)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	of := func(b []byte) []byte { return document(hex.EncodeToString(ole1("Package", packaged(b)))) }
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "EICAR", Content: of(unpacktest.Eicar()), Want: unpacktest.Infected},
		{Name: "harmless", Content: of(unpacktest.Pages(900)), Want: unpacktest.Clean},
		{Name: "gzip", Content: of(unpacktest.GzipOf(t, unpacktest.Eicar())), Want: unpacktest.Infected},
		{Name: "damaged", Content: of(unpacktest.XzOf(t, unpacktest.Pages(900))[:200]), Want: "damaged"},
		{
			Name:    "text about it",
			Content: []byte(`Write \objdata or \pict and then digits, such as 01 05.`),
			Want:    unpacktest.Clean,
		},
		{Name: "no objects", Content: []byte(`{\rtf1 {\pict\wmetafile8 } {\*\objdata } hello}`), Want: unpacktest.Clean},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "object", Endless: true, Unsearched: true, Pack: func(_ testing.TB, b []byte) []byte {
			return document(hex.EncodeToString(ole1("Package", packaged(b))))
		}},
		{Name: "raw object", Endless: true, Unsearched: true, Pack: func(_ testing.TB, b []byte) []byte {
			o := ole1("x", b)
			return document(fmt.Sprintf(`\bin%d %s`, len(o), o))
		}},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// TestCost checks that words and groups without an end do not cost the square of their
// number.
func TestCost(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	for name, text := range map[string]string{
		"objects in objects":    `{\rtf1` + repeat(`{\*\objdata 01`, 20000),
		"objects in other text": "x" + repeat(`{\*\objdata 01`, 20000),
		"groups":                `{\rtf1{\objdata ` + repeat("{", 400000),
		"backslashes":           `{\rtf1{\objdata ` + repeat(`\`, 400000),
		"raw bytes":             `{\rtf1{\objdata ` + repeat(`\bin999999999999999999999 `, 9000),
		"pictures":              `{\rtf1` + repeat(`{\pict 0102030405060708}`, 9000),
		"everything in one":     `{\rtf1{\objdata1 ` + repeat(`{\*\x 41}{41}\bin1 a\'41`, 9000) + "}}",
		"headers of OLE 1":      repeat("\x01\x05\x00\x00\x02\x00\x00\x00", 40000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unpacktest.Bounded(t, formats.All(), []byte(text))
		})
	}
}

func FuzzRTF(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		document(`1{\*\x 41}\bin2 ab\'41`),
		ole1("a", packaged([]byte("abcdefgh"))),
	)
}
