package terminal_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

func TestQuoteAndMask(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ quoted, masked string }{
		"año 1/a b.txt":   {quoted: "año 1/a b.txt", masked: "año 1/a b.txt"},
		"\x1b[31m":        {quoted: `"\x1b[31m"`, masked: "?[31m"},
		"a\nb":            {quoted: `"a\nb"`, masked: "a?b"},
		"\u009b31m\x7f":   {quoted: `"\u009b31m\x7f"`, masked: "?31m?"},
		"turned\u202etxt": {quoted: `"turned\u202etxt"`, masked: "turned\u202etxt"},
	} {
		if got := terminal.Quote(text); got != want.quoted {
			t.Errorf("Quote(%q) = %q, want %q", text, got, want.quoted)
		}
		if got := terminal.Mask(text); got != want.masked {
			t.Errorf("Mask(%q) = %q, want %q", text, got, want.masked)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{text: "ñandú", n: 5, want: "ñandú"},
		{text: "ñandúes", n: 5, want: "ñand…"},
		{text: strings.Repeat("x", 10), n: 1, want: "…"},
	} {
		if got := terminal.Shorten(test.text, test.n); got != test.want {
			t.Errorf("Shorten(%q, %d) = %q, want %q", test.text, test.n, got, test.want)
		}
	}
}

// TestIs tells a terminal from a file, a pipe and a buffer.
func TestIs(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"/dev/ptmx": true, "/dev/null": false} {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := terminal.Is(f); got != want {
			t.Errorf("Is(%s) = %t, want %t", path, got, want)
		}
	}
	if terminal.Is(&bytes.Buffer{}) {
		t.Error("Is(a buffer) = true, want false")
	}
}
