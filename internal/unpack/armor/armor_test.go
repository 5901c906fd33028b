package armor_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name:    "armor",
			Pack:    func(_ testing.TB, b []byte) []byte { return unpacktest.Armored("PGP MESSAGE", b) },
			Endless: true,
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzArmor(f *testing.F) {
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		[]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -a\nb\n-----BEGIN"),
	)
}

// TestSpellings checks spellings of armor that gpg, openssl or certutil decode, or a
// program that reads the text around the armor.
func TestSpellings(t *testing.T) {
	t.Parallel()
	payload := unpacktest.Join(unpacktest.Pages(200), unpacktest.Eicar())
	plain := string(unpacktest.Armored("PGP X", payload))
	lines := strings.Split(plain, "\n")
	one := strings.Join(
		append(append([]string{lines[0]}, strings.Join(lines[3:len(lines)-3], "")), lines[len(lines)-3:]...),
		"\n",
	)
	for name, text := range map[string]string{
		"plain":                     plain,
		"CRLF":                      strings.ReplaceAll(plain, "\n", "\r\n"),
		"CR":                        strings.ReplaceAll(plain, "\n", "\r"),
		"after text":                "Dear all,\n\n" + plain + "\nRegards\n",
		"without fields":            lines[0] + "\n\n" + strings.Join(lines[3:], "\n"),
		"without an empty line":     lines[0] + "\n" + strings.Join(lines[3:], "\n"),
		"in one line":               one,
		"indented":                  strings.ReplaceAll(plain, "\n", "\n    "),
		"in a string":               `{"key": "` + strings.ReplaceAll(plain, "\n", `\n`) + `"}`,
		"in a string, CRLF":         `{"key": "` + strings.ReplaceAll(plain, "\n", `\r\n`) + `"}`,
		"without its end":           strings.Join(lines[:len(lines)-3], "\n"),
		"without a checksum":        strings.Replace(plain, "=abcd\n", "", 1),
		"other label":               strings.ReplaceAll(plain, "PGP X-", "PGP x.509/Key #1-"),
		"behind another first line": "The line -----BEGIN PGP X----- begins it.\n" + plain,
		"field without a value":     strings.Replace(plain, "\n", "\nComment:\n", 1),
		"space in a line":           strings.Replace(plain, lines[4], lines[4][:9]+" "+lines[4][9:], 1),
		"asterisk in a line":        strings.Replace(plain, lines[4], lines[4][:9]+"*"+lines[4][9:], 1),
		"dashes behind base64":      strings.Replace(plain, "\n=abcd\n", "", 1),
		"without its end, in text":  strings.Join(lines[:len(lines)-3], "\n") + "\n\n(This was all, as far as I know.)\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, []byte(text), unpacktest.Exact(payload))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the content shown byte for byte", got)
			}
		})
	}
}

func TestSignedText(t *testing.T) {
	t.Parallel()
	text := "first\n- second\n-----third\n\nlast\n"
	escaped := strings.ReplaceAll(text, "\n-", "\n- -")
	for name, breaks := range map[string]string{"LF": "\n", "CRLF": "\r\n"} {
		content := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + escaped + "-----BEGIN PGP SIGNATURE-----\n\n"
		content = strings.ReplaceAll(content, "\n", breaks)
		want := []byte(strings.ReplaceAll(text, "\n", breaks))
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, []byte(content), unpacktest.Exact(want))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want the text shown without its dashes", name, got)
		}
	}
}

func TestArmor(t *testing.T) {
	t.Parallel()
	text := []byte("A message begins with -----BEGIN PGP MESSAGE-----, a key with -----BEGIN PRIVATE KEY-----.\n")
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "text about it", Content: text, Want: unpacktest.Clean},
		{Name: "much text about it", Content: bytes.Repeat(text, 2000), Want: unpacktest.Clean},
		{
			Name:    "zip64 in armor",
			Content: unpacktest.Armored("PGP MESSAGE", unpacktest.Wide64(t)),
			Want:    unpacktest.Infected,
		},
	})
}
