package terminal

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, line, want string }{
		{"short", "  ok         alarms        none rings", "  ok         alarms        none rings"},
		{"empty", "", ""},
		{"spaces", "   ", "   "},
		{
			"a line of a table", "  WRONG      definitions   daily 27826, 8 days 0 h old: nothing is scanned",
			"  WRONG      definitions   daily 27826,\n                           8 days 0 h\n" +
				"                           old: nothing\n                           is scanned",
		},
		{
			"an item", "                           - the mapping is disabled now",
			"                           - the mapping\n                             is disabled\n" +
				"                             now",
		},
		{"prose", "one two three four five six seven eight nine ten", "one two three four five six seven eight\nnine ten"},
		{
			"a command", "if it is a false positive: lazaret release 's3://q/08 ba' --reason TEXT",
			"if it is a false positive:\nlazaret release 's3://q/08 ba' --reason TEXT",
		},
		{
			"an address", "It was moved to quarantine, to 's3://quarantine/a b c d e f' today",
			"It was moved to quarantine, to\n's3://quarantine/a b c d e f' today",
		},
		{"an apostrophe", "the stack's own rule is that one two three four", "the stack's own rule is that one two\nthree four"},
		{"a long word", "see " + strings.Repeat("x", 50) + " there", "see\n" + strings.Repeat("x", 50) + "\nthere"},
		{"not ASCII", "ä ö ü " + strings.Repeat("ß", 34), "ä ö ü " + strings.Repeat("ß", 34)},
	} {
		if got := wrap(tt.line, 40); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestWrappedPieces writes a line in pieces.
func TestWrappedPieces(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := &wrapper{w: &b, width: 40}
	for _, piece := range []string{"one two three ", "four five six seven eight nine ten\nsecond", " line\n"} {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", piece, n, err)
		}
	}
	if got, want := b.String(), "one two three four five six seven eight\nnine ten\nsecond line\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWidth sets the width of a terminal. Other programs get whole lines.
func TestWidth(t *testing.T) {
	t.Parallel()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	if got := Width(terminal); got != 80 {
		t.Errorf("got a width of %d, want 80", got)
	}
	var b bytes.Buffer
	if Width(&b) != 0 || Wrapped(&b) != &b {
		t.Error("lines for a program are wrapped, want whole ones")
	}
	if _, ok := Wrapped(terminal).(*wrapper); !ok {
		t.Error("lines for a terminal are not wrapped")
	}
}
