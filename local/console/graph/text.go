package graph

import (
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// textWidth returns about how wide a line is in a font of this size, in the widest font that a browser may choose.
func textWidth(s string, size float64) float64 {
	width := 0.0
	for _, r := range s {
		width += runeWidth(r)
	}
	return width * size
}

// runeWidth returns the width of a character as a part of the font's size.
func runeWidth(r rune) float64 {
	switch {
	case runewidth.RuneWidth(r) > 1:
		return 1.1
	case strings.ContainsRune("iljI.,:;'|!", r):
		return 0.36
	case strings.ContainsRune("ftr ()[]-/", r):
		return 0.42
	case strings.ContainsRune("mwMW@%—", r):
		return 0.98
	case unicode.IsUpper(r):
		return 0.74
	}
	return 0.64
}

// shorten returns a line that is no wider than this, with "…" at its end if that takes something away.
func shorten(s string, size, width float64) string {
	if textWidth(s, size) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && textWidth(string(runes)+"…", size) > width {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ") + "…"
}

// wrap returns a text in at most this many lines, broken between words. What does not fit is cut off.
func wrap(s string, size, width float64, most int) []string {
	words := strings.Fields(s)
	var lines []string
	line := ""
	for i, word := range words {
		longer := strings.TrimSpace(line + " " + word)
		if line == "" || textWidth(longer, size) <= width {
			line = longer
			continue
		}
		if len(lines) == most-1 {
			line = strings.Join(append([]string{line}, words[i:]...), " ")
			break
		}
		lines, line = append(lines, shorten(line, size, width)), word
	}
	return append(lines, shorten(line, size, width))
}
