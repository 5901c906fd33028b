package states

import (
	"cmp"
	"regexp"
	"strings"
	"time"
)

var typeTests = map[string]func(v any, present bool) bool{
	"IsPresent":   func(_ any, present bool) bool { return present },
	"IsNull":      func(v any, _ bool) bool { return v == nil },
	"IsString":    func(v any, _ bool) bool { _, ok := v.(string); return ok },
	"IsBoolean":   func(v any, _ bool) bool { _, ok := v.(bool); return ok },
	"IsNumeric":   func(v any, _ bool) bool { _, ok := number(v); return ok },
	"IsTimestamp": func(v any, _ bool) bool { _, ok := timestamp(v); return ok },
}

// comparison says whether left stands to right as its operator asks, and whether
// both have the operator's type. Values of another type are unequal, no error.
type comparison func(left, right any) (yes, fits bool)

var comparisons = map[string]comparison{
	"StringMatches": wildcard,
	"BooleanEquals": func(left, right any) (bool, bool) {
		l, okL := left.(bool)
		r, okR := right.(bool)
		return okL && okR && l == r, okL && okR
	},
}

func init() {
	text := func(v any) (string, bool) { s, ok := v.(string); return s, ok }
	for suffix, holds := range map[string]func(order int) bool{
		"Equals":            func(o int) bool { return o == 0 },
		"LessThan":          func(o int) bool { return o < 0 },
		"LessThanEquals":    func(o int) bool { return o <= 0 },
		"GreaterThan":       func(o int) bool { return o > 0 },
		"GreaterThanEquals": func(o int) bool { return o >= 0 },
	} {
		comparisons["String"+suffix] = ordered(text, strings.Compare, holds)
		comparisons["Numeric"+suffix] = ordered(number, cmp.Compare[float64], holds)
		comparisons["Timestamp"+suffix] = ordered(timestamp, time.Time.Compare, holds)
	}
}

func ordered[T any](read func(any) (T, bool), order func(a, b T) int, holds func(int) bool) comparison {
	return func(left, right any) (bool, bool) {
		l, okL := read(left)
		r, okR := read(right)
		if !okL || !okR {
			return false, false
		}
		return holds(order(l, r)), true
	}
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// timestamp reads the RFC 3339 profile of the language: an upper-case T, and Z
// or a numeric offset.
func timestamp(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// wildcard matches * with any characters; \* and \\ stand for themselves.
func wildcard(left, right any) (bool, bool) {
	text, okL := left.(string)
	pattern, okR := right.(string)
	if !okL || !okR {
		return false, false
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	escaped := false
	for _, c := range pattern {
		switch {
		case c == '\\' && !escaped:
			escaped = true
			continue
		case c == '*' && !escaped:
			b.WriteString(`.*`)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
		escaped = false
	}
	b.WriteString(`$`)
	return regexp.MustCompile(b.String()).MatchString(text), true
}
