package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pattern says which log lines are wanted. Of CloudWatch's filter patterns it knows the empty one, terms that must all
// be in the line, and comparisons of JSON fields joined by && and ||, without parentheses:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
type pattern struct {
	// parts are texts, of which every wanted line has all those of one list: a long log is searched for them without
	// decoding each line.
	parts [][]string
	fits  func(line []byte) bool
}

// wants reports whether a line is wanted.
func (p pattern) wants(line []byte) bool {
	lacks := func(part string) bool { return !bytes.Contains(line, []byte(part)) }
	hasAll := func(parts []string) bool { return !slices.ContainsFunc(parts, lacks) }
	return (len(p.parts) == 0 || slices.ContainsFunc(p.parts, hasAll)) && (p.fits == nil || p.fits(line))
}

// comparison is "$.field OPERATOR value".
var comparison = regexp.MustCompile(`^\$((?:\.[A-Za-z0-9_-]+)+)\s*(=|!=|>)\s*("[^"]*"|[^\s"]+)$`)

// words are terms: in quotes, with spaces in them, or without.
var words = regexp.MustCompile(`"[^"]*"|\S+`)

// parse reads a filter pattern. Its error names what is not supported.
func parse(text string) (pattern, error) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		inner, ok = strings.CutSuffix(inner, "}")
		if !ok {
			return pattern{}, fmt.Errorf("the pattern %s has no } at its end", text)
		}
		return parseJSON(inner)
	}
	terms := words.FindAllString(text, -1)
	for i, term := range terms {
		if strings.ContainsAny(term[:1], "[%-?") {
			return pattern{}, fmt.Errorf("the local stack does not support %s in a filter pattern", term)
		}
		terms[i] = strings.Trim(term, `"`)
	}
	return pattern{parts: [][]string{terms}}, nil
}

// fields are a log line that is a JSON object.
type fields map[string]json.RawMessage

// parseJSON reads what is between the braces. && binds closer than ||.
func parseJSON(text string) (pattern, error) {
	var p pattern
	var alternatives [][]func(fields) bool
	for alternative := range strings.SplitSeq(text, "||") {
		var parts []string
		var all []func(fields) bool
		for part := range strings.SplitSeq(alternative, "&&") {
			m := comparison.FindStringSubmatch(strings.TrimSpace(part))
			if m == nil {
				return p, fmt.Errorf("the local stack does not support %q in a filter pattern: "+
					"want $.field OPERATOR value, with =, != or >", strings.TrimSpace(part))
			}
			path, operator, want := strings.Split(m[1][1:], "."), m[2], strings.Trim(m[3], `"`)
			if operator == "=" {
				parts = append(parts, literals(want)...)
			}
			holds := compare(operator, want)
			all = append(all, func(line fields) bool {
				got, ok := line.text(path)
				return ok && holds(got)
			})
		}
		// The longest first: it is the least likely one.
		slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
		alternatives, p.parts = append(alternatives, all), append(p.parts, parts)
	}
	p.fits = func(text []byte) bool {
		var line fields
		if json.Unmarshal(text, &line) != nil {
			return false
		}
		return slices.ContainsFunc(alternatives, func(all []func(fields) bool) bool {
			return !slices.ContainsFunc(all, func(holds func(fields) bool) bool { return !holds(line) })
		})
	}
	return p, nil
}

// literals returns the texts that a line has whose field equals want. Numbers can be written in several ways, and so
// can characters that JSON escapes.
func literals(want string) (parts []string) {
	if _, err := strconv.ParseFloat(want, 64); err == nil {
		return nil
	}
	for part := range strings.SplitSeq(want, "*") {
		if part != "" && !strings.ContainsFunc(part, escapable) {
			parts = append(parts, part)
		}
	}
	return parts
}

func escapable(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`\"/<>&`, r) }

// text returns the value at a path as text, and whether there is one.
func (f fields) text(path []string) (string, bool) {
	value, ok := f[path[0]]
	if !ok {
		return "", false
	}
	if len(path) > 1 {
		var inner fields
		if json.Unmarshal(value, &inner) != nil {
			return "", false
		}
		return inner.text(path[1:])
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	return text, true
}

// compare returns a comparison with want: of two numbers, or of a text with one in which * stands for any characters.
func compare(operator, want string) func(got string) bool {
	w, wrong := strconv.ParseFloat(want, 64)
	parts := strings.Split(want, "*")
	return func(got string) bool {
		g, err := strconv.ParseFloat(got, 64)
		switch areNumbers := err == nil && wrong == nil; {
		case operator == ">":
			return areNumbers && g > w
		case areNumbers:
			return (g == w) == (operator == "=")
		}
		return like(got, parts) == (operator == "=")
	}
}

// like reports whether a text is these parts, with anything between two of them.
func like(text string, parts []string) bool {
	last := len(parts) - 1
	if last == 0 {
		return text == parts[0]
	}
	text, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1:last] {
		if !ok {
			return false
		}
		_, text, ok = strings.Cut(text, part)
	}
	return ok && strings.HasSuffix(text, parts[last])
}
