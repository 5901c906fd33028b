package encoded_test

import (
	"bytes"
	"encoding/ascii85"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/encoded"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// content returns bytes whose base64 has every character of the alphabet.
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

// prose is text in front of encoded files and behind them.
const prose = "The quick brown fox, said he; jumps over the lazy dog. "

// spaced returns content in uuencode with spaces for zero bits, of which mail servers
// remove those at the ends of lines.
func spaced(content []byte) string {
	text := strings.ReplaceAll(string(unpacktest.UuOf(content)), "`", " ")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// xxOf returns content in xxencode.
func xxOf(content []byte) string {
	const alphabet = "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	head, text, _ := strings.Cut(string(unpacktest.UuOf(content)), "\n")
	text = strings.TrimSuffix(text, "`\nend\n")
	return head + "\n" + strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return rune(alphabet[int(r-' ')&63])
	}, text) + "+\nend\n"
}

func ascii85Of(content []byte) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(content)))
	return "<~" + string(out[:ascii85.Encode(out, content)]) + "~>"
}

// TestText checks files in text, in several spellings.
func TestText(t *testing.T) {
	t.Parallel()
	c := append(content(), 0, 0, 0, 0, 0, 0)
	uu, yenc := string(unpacktest.UuOf(c)), string(unpacktest.YencOf(c))
	base64Text := "begin-base64 644 a\n" + strings.Join(unpacktest.Base64Lines(c), "\n") + "\n====\n"
	long := append(c, unpacktest.Pages(6000)...)
	longLine := "begin-base64 644 a\n" + base64.StdEncoding.EncodeToString(long) + "\n====\n"
	shown(t, long, map[string]string{"uuencode in base64, a long line": longLine})
	parts := strings.Replace(yenc, "=ybegin line", "=ybegin part=1 total=3 line", 1)
	shown(t, c, map[string]string{
		"uuencode":                   uu,
		"uuencode in text":           prose + "\n" + uu + prose,
		"uuencode, CRLF":             strings.ReplaceAll(uu, "\n", "\r\n"),
		"uuencode, carriage returns": strings.ReplaceAll(uu, "\n", "\r"),
		"uuencode, spaces":           spaced(c),
		"uuencode, tabs, capitals":   strings.Replace(uu, "begin 644 a", "Begin  0644\ta b.exe", 1),
		"uuencode in base64":         base64Text,
		"xxencode":                   xxOf(c),
		"yEnc":                       yenc,
		"yEnc, size first":           strings.Replace(yenc, "=ybegin line", "=ybegin size=9 line", 1),
		"yEnc, one part": strings.Replace(
			parts, "name=a\r\n", "name=a\r\n=ypart begin=1 end=9\r\n", 1),
		"Ascii85":         ascii85Of(c),
		"Ascii85 in text": prose + ascii85Of(c)[:200] + "\n" + ascii85Of(c)[200:] + prose,
		"BinHex":          string(encoded.BinHexOf(c, nil)),
	})
	packed := unpacktest.GzipOf(t, unpacktest.Pages(300))
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "uuencode, harmless", Content: unpacktest.UuOf(packed), Want: unpacktest.Clean},
		{Name: "yEnc, harmless", Content: unpacktest.YencOf(packed), Want: unpacktest.Clean},
		{Name: "uuencode, cut", Content: unpacktest.UuOf(packed)[:150], Want: unpacktest.Clean},
		{
			Name:    "text about uuencode and yEnc",
			Content: []byte("begin 644 is where\nit begins; =ybegin line=1 <~ and\nbegin-base64 644 x\n\n"),
			Want:    unpacktest.Clean,
		},
		{Name: "uuencode, EICAR", Content: unpacktest.UuOf(unpacktest.Eicar()), Want: unpacktest.Infected},
	})
}

// TestBinHex checks both forks of BinHex (RFC 1741), alone and in mails.
func TestBinHex(t *testing.T) {
	t.Parallel()
	infected, text := unpacktest.ZstdOf(t, unpacktest.Eicar()), unpacktest.Pages(1000)
	runs := bytes.Repeat([]byte("aaaaaaaa\x90\x90\x90\x00"), 50)
	hqx := encoded.BinHexOf(infected, nil)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "data", Content: hqx, Want: unpacktest.Infected},
		{Name: "EICAR", Content: encoded.BinHexOf(unpacktest.Eicar(), nil), Want: unpacktest.Infected},
		{Name: "resources", Content: encoded.BinHexOf(text, infected), Want: unpacktest.Infected},
		{
			Name:    "wrong checksum of the header",
			Content: bytes.Replace(hqx, []byte(":!@"), []byte(":!A"), 1),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "runs",
			Content: encoded.BinHexOf(unpacktest.GzipOf(t, runs), unpacktest.ZstdOf(t, runs)),
			Want:    unpacktest.Clean,
		},
		{Name: "harmless", Content: encoded.BinHexOf(unpacktest.ZstdOf(t, text), text), Want: unpacktest.Clean},
		{Name: "cut", Content: encoded.BinHexOf(text, nil)[:900], Want: "damaged"},
		{Name: "behind text", Content: unpacktest.Join(text, []byte("\n"), hqx), Want: unpacktest.Infected},
		{Name: "carriage returns", Content: bytes.ReplaceAll(hqx, []byte("\r\n"), []byte("\r")), Want: unpacktest.Infected},
		{Name: "in a mail", Content: unpacktest.PartOf("X-A: b", string(hqx)), Want: unpacktest.Infected},
		{
			Name:    "in a mail, harmless",
			Content: unpacktest.PartOf("X-A: b", string(encoded.BinHexOf(text, nil))),
			Want:    unpacktest.Clean,
		},
		{
			Name:    "text about BinHex",
			Content: []byte("It begins with\n(This file must be converted with BinHex 4.0)\n: and then comes the file.\n"),
			Want:    unpacktest.Clean,
		},
	})
}

func containers() []unpacktest.Container {
	text := func(format string, encode func([]byte) string) func(testing.TB, []byte) []byte {
		return func(_ testing.TB, b []byte) []byte { return fmt.Appendf(nil, format, encode(b)) }
	}
	return []unpacktest.Container{
		{Name: "uuencode", Pack: text("%s", func(b []byte) string { return string(unpacktest.UuOf(b)) }), Endless: true},
		{Name: "xxencode", Pack: text("%s", xxOf), Endless: true},
		{Name: "yEnc", Pack: text("%s", func(b []byte) string { return string(unpacktest.YencOf(b)) }), Endless: true},
		{Name: "Ascii85", Pack: text("%s", ascii85Of), Endless: true},
		{Name: "BinHex", Pack: text("%s", func(b []byte) string { return string(encoded.BinHexOf(b, nil)) }), Head: 300},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzEncoded(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }

// TestCost checks that many first lines do not cost the square of their number.
func TestCost(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	for name, text := range map[string]string{
		"begin":       repeat("begin 644 ", 60000),
		"base64":      repeat("begin-base64 644 a\nAAAAAAAA\n", 20000),
		"lines of uu": repeat("begin 644 a\n#AAAA\n", 9000),
		"Ascii85":     repeat("<~"+repeat("a", 64), 9000),
		"BinHex":      repeat("(This file must be converted with BinHex 4.0)\n:", 9000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unpacktest.Bounded(t, formats.All(), []byte(text))
		})
	}
}
