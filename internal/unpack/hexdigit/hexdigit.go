// Package hexdigit reads hexadecimal digits in text of which not every byte is a
// digit. encoding/hex takes only text that is digits from end to end.
package hexdigit

// Value returns the value of a hexadecimal digit in either case, 0 to 15, or -1
// where c is no digit.
func Value(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// Pair returns the byte that the first two digits of text stand for. ok is false
// where text does not begin with two digits.
func Pair(text []byte) (value byte, ok bool) {
	if len(text) < 2 {
		return 0, false
	}
	high, low := Value(text[0]), Value(text[1])
	if high < 0 || low < 0 {
		return 0, false
	}
	return byte(high<<4 | low), true
}
