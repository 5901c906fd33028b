package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count returns a number for people: "1,234,567", or with decimals where it is small.
func Count(n float64) string {
	switch {
	case n >= 100 || n == math.Trunc(n):
		return grouped(strconv.FormatFloat(math.Round(n), 'f', -1, 64))
	case n >= 1:
		return strconv.FormatFloat(n, 'f', 2, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}

// Dollars returns an amount for people, in whole dollars from 1,000 on.
func Dollars(d float64) string {
	if d >= 1000 {
		return "$" + grouped(strconv.FormatFloat(math.Round(d), 'f', -1, 64))
	}
	return "$" + strconv.FormatFloat(d, 'f', 2, 64)
}

// Size returns a number of bytes for people.
func Size(bytes float64) string {
	for _, u := range []struct {
		name  string
		bytes float64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}} {
		if bytes >= u.bytes {
			return strconv.FormatFloat(bytes/u.bytes, 'g', 3, 64) + " " + u.name
		}
	}
	return Count(bytes) + " bytes"
}

// Price returns a unit price for people, to two to ten decimals: "$0.0000166667".
func Price(dollars float64) string {
	text := strings.TrimRight(strconv.FormatFloat(dollars, 'f', 10, 64), "0")
	if cents := strings.IndexByte(text, '.') + 3; len(text) < cents {
		text += strings.Repeat("0", cents-len(text))
	}
	return "$" + text
}

// Hours returns a duration for people, as seconds, minutes, hours or days.
func Hours(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	case d < 72*time.Hour:
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// price returns the price of a term: "$0.025 per 1,000".
func (t Term) price() string {
	dollars := Price(t.Price)
	if t.Per != 1 {
		dollars += " per " + Count(t.Per)
	}
	if t.Tiers {
		dollars += ", the mean of the tiers"
	}
	return dollars
}

// String returns the arithmetic of a term: "5,000,000 state transitions x $0.025 per 1,000".
func (t Term) String() string { return fmt.Sprintf("%s %s x %s", Count(t.Quantity), t.Unit, t.price()) }

// Arithmetic returns what a line is the sum of.
func (l Line) Arithmetic() string {
	terms := make([]string, len(l.Terms))
	for i, t := range l.Terms {
		terms[i] = t.String()
	}
	return strings.Join(terms, " + ")
}

// grouped puts commas into a whole number.
func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
