package logs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// pattern reports whether a log line is wanted. Of CloudWatch's filter patterns
// it knows the empty one, terms that must all be there, and comparisons of JSON
// fields joined by && and ||, without parentheses:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
type pattern func(line string) bool

// comparison is "$.field OPERATOR value".
var comparison = regexp.MustCompile(`^\$((?:\.[A-Za-z0-9_-]+)+)\s*(=|!=|<=|>=|<|>)\s*("[^"]*"|[^\s"]+)$`)

// words are terms: in quotes, with spaces in them, or without.
var words = regexp.MustCompile(`"[^"]*"|\S+`)

// parse reads a filter pattern. Its error names what is not understood.
func parse(text string) (pattern, error) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		inner, ok = strings.CutSuffix(inner, "}")
		if !ok {
			return nil, fmt.Errorf("the pattern %s has no } at its end", text)
		}
		return parseJSON(inner)
	}
	if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "%") {
		return nil, fmt.Errorf("the local stack does not know the kind of filter pattern %s", text)
	}
	var terms []string
	for _, term := range words.FindAllString(text, -1) {
		if strings.HasPrefix(term, "-") || strings.HasPrefix(term, "?") {
			return nil, fmt.Errorf("the local stack does not know the term %s of a filter pattern", term)
		}
		terms = append(terms, strings.Trim(term, `"`))
	}
	return func(line string) bool {
		for _, term := range terms {
			if !strings.Contains(line, term) {
				return false
			}
		}
		return true
	}, nil
}

// parseJSON reads what stands between the braces. && binds closer than ||.
func parseJSON(text string) (pattern, error) {
	var alternatives [][]func(map[string]json.RawMessage) bool
	for alternative := range strings.SplitSeq(text, "||") {
		var all []func(map[string]json.RawMessage) bool
		for part := range strings.SplitSeq(alternative, "&&") {
			m := comparison.FindStringSubmatch(strings.TrimSpace(part))
			if m == nil {
				return nil, fmt.Errorf("the local stack does not understand %q in a filter pattern: want $.field OPERATOR value", strings.TrimSpace(part))
			}
			path, operator, want := strings.Split(m[1][1:], "."), m[2], m[3]
			all = append(all, func(line map[string]json.RawMessage) bool { return compare(field(line, path), operator, want) })
		}
		alternatives = append(alternatives, all)
	}
	return func(line string) bool {
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(line), &fields) != nil {
			return false
		}
		for _, all := range alternatives {
			holds := true
			for _, condition := range all {
				holds = holds && condition(fields)
			}
			if holds {
				return true
			}
		}
		return false
	}, nil
}

// field is the value at path, nil where there is none.
func field(line map[string]json.RawMessage, path []string) json.RawMessage {
	value := line[path[0]]
	if len(path) == 1 {
		return value
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(value, &inner) != nil {
		return nil
	}
	return field(inner, path[1:])
}

// compare reports whether a field is as wanted. A field that is not there is
// neither equal nor unequal to anything, as in CloudWatch.
func compare(got json.RawMessage, operator, want string) bool {
	if got == nil {
		return false
	}
	var text string
	if json.Unmarshal(got, &text) != nil {
		text = string(got)
	}
	want = strings.Trim(want, `"`)
	var order int
	g, err := strconv.ParseFloat(text, 64)
	w, wrong := strconv.ParseFloat(want, 64)
	switch {
	case err == nil && wrong == nil:
		order = cmp.Compare(g, w)
	case operator == "=" || operator == "!=":
		if !like(text, want) {
			order = 1
		}
	default:
		return false // < and > are for numbers
	}
	switch operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// like compares a text with one in which * stands for any characters.
func like(text, want string) bool {
	parts := strings.Split(want, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(text)
}
