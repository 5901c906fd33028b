package terminal

import (
	"bytes"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// leastWidth is the narrowest terminal for which lines are wrapped, in columns.
const leastWidth = 40

// Width returns how many columns a terminal has, and 0 for all else.
func Width(stream any) int {
	f, ok := stream.(*os.File)
	if !ok || !Is(f) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// Wrapped returns a writer that wraps long lines between words, if w is a terminal. Other programs get whole lines.
func Wrapped(w io.Writer) io.Writer {
	if width := Width(w); width >= leastWidth {
		return &wrapper{w: w, width: width}
	}
	return w
}

// wrapper wraps the lines that are written to it. A line without an end is kept until its end is written.
type wrapper struct {
	w     io.Writer
	width int
	line  []byte
}

func (w *wrapper) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	for {
		i := bytes.IndexByte(w.line, '\n')
		if i < 0 {
			return len(p), nil
		}
		if _, err := io.WriteString(w.w, wrap(string(w.line[:i]), w.width)+"\n"); err != nil {
			return 0, err
		}
		w.line = w.line[i+1:]
	}
}

// mostIndent is the last column, from 0, at which the text of a table's line begins.
const mostIndent = 30

// wrap breaks a line between words, so that no part is wider than a terminal if that is possible. Further parts begin
// below the text of the first one: after its last two spaces.
func wrap(line string, width int) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if i := strings.LastIndex(line[:min(len(line), mostIndent)], "  "); i >= 0 && strings.TrimLeft(line[i:], " ") != "" {
		indent = len(line) - len(strings.TrimLeft(line[i:], " "))
	}
	if strings.HasPrefix(line[indent:], "- ") {
		indent += 2
	}
	var out strings.Builder
	out.WriteString(line[:indent])
	column, first := indent, true
	for _, word := range words(line[indent:]) {
		n := utf8.RuneCountInString(word)
		switch {
		case first:
		case column+1+n > width:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column, first = column+n, false
	}
	return out.String()
}

// words splits a text at its spaces. A command to its end, and what is in single quotes, is one word: both are pasted.
func words(text string) (all []string) {
	begin, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'':
			quoted = !quoted && i == begin // no apostrophe
		case text[i] == ' ' && !quoted:
			all = append(all, text[begin:i])
			begin = i + 1
			if rest := text[begin:]; strings.HasPrefix(rest, "lazaret ") || strings.HasPrefix(rest, "aws ") {
				return append(all, rest)
			}
		}
	}
	return append(all, text[begin:])
}
