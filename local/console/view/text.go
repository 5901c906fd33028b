package view

import (
	"fmt"
	"strings"
	"unicode"
)

// Segment is a part of a text of others. Escaped says that it stands for one character that cannot be shown, or that
// would change how the text around it is shown.
type Segment struct {
	Text    string
	Escaped bool
}

// hides reports whether a character is shown as an escape: it does not print, as control characters and those that
// change the direction of writing do, or it is a space that looks like another one.
func hides(r rune) bool {
	return !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
}

// escape returns a character as Go writes it in a string.
func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// Segments splits a text of others, such as a key, into what is shown as it is and what is shown escaped. Bytes that
// are not UTF-8 are shown as \ufffd.
func Segments(s string) (all []Segment) {
	var plain strings.Builder
	end := func() {
		if plain.Len() > 0 {
			all = append(all, Segment{Text: plain.String()})
			plain.Reset()
		}
	}
	for _, r := range s {
		if !hides(r) {
			plain.WriteRune(r)
			continue
		}
		end()
		all = append(all, Segment{Text: escape(r), Escaped: true})
	}
	end()
	return all
}

// Plain returns a text of others for an attribute: Segments without their difference.
func Plain(s string) string {
	var b strings.Builder
	for _, segment := range Segments(s) {
		b.WriteString(segment.Text)
	}
	return b.String()
}

// Middle cuts the middle out of a text that is longer than n characters: the beginning and the end of a key say the
// most.
func Middle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1) * 2 / 3
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}
