// Package terminal makes text of others, such as keys and causes, safe to print. Uploaders choose keys, and a key may
// contain control sequences.
package terminal

import (
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-isatty"
)

// Is reports whether a reader or a writer is a terminal.
func Is(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Quote returns s, quoted as a Go string if it contains characters that do not print.
func Quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// Mask returns s with "?" in place of each control character.
func Mask(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}

// Shorten returns s, cut to n characters that end with "…" if it is longer.
func Shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
