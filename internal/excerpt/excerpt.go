// Package excerpt shortens text that comes from outside, such as the output of a
// program or the body of a message, for errors, logs and answers.
package excerpt

import "strings"

// Cut returns the beginning of s, of at most n bytes, without a part of a
// character at its end. It is empty if n is 0 or less.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n, 0)
	for n > 0 && s[n]&0xC0 == 0x80 { // the second or a later byte of a UTF-8 character
		n--
	}
	return s[:n]
}

// Line returns the beginning of s, of at most n bytes, as one line of valid UTF-8:
// without the control characters that could change what a terminal shows.
func Line(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return Cut(s, n)
}
