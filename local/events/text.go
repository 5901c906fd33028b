package events

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// text compiles the comparisons of strings. Prefix and suffix may leave case
// aside: {"prefix": {"equals-ignore-case": "x"}}.
func text(kind string, arg any) (test, error) {
	fold := false
	if inner, ok := arg.(map[string]any); ok && (kind == "prefix" || kind == "suffix") {
		how, value, err := single(inner)
		if err != nil || how != "equals-ignore-case" {
			return nil, fmt.Errorf("%s: only equals-ignore-case can stand in it", kind)
		}
		fold, arg = true, value
	}
	want, ok := arg.(string)
	if !ok {
		return nil, fmt.Errorf("%s: must be a string", kind)
	}
	if fold {
		want = strings.ToLower(want)
	}
	folded := func(s string) string {
		if fold {
			return strings.ToLower(s)
		}
		return s
	}
	switch kind {
	case "prefix":
		return onText(func(s string) bool { return strings.HasPrefix(folded(s), want) }), nil
	case "suffix":
		return onText(func(s string) bool { return strings.HasSuffix(folded(s), want) }), nil
	case "equals-ignore-case":
		return onText(func(s string) bool { return strings.EqualFold(s, want) }), nil
	case "wildcard":
		return wildcard(want)
	default:
		return nil, fmt.Errorf("unrecognized match type %s", kind)
	}
}

// wildcard compiles a string in which * stands for any characters, \* for
// itself.
func wildcard(want string) (test, error) {
	if strings.Contains(want, "**") {
		return nil, errors.New("wildcard: consecutive wildcard characters")
	}
	var expr strings.Builder
	for i := 0; i < len(want); i++ {
		switch c := want[i]; {
		case c == '*':
			expr.WriteString(".*")
		case c == '\\' && i+1 < len(want) && (want[i+1] == '*' || want[i+1] == '\\'):
			i++
			fallthrough
		default:
			expr.WriteString(regexp.QuoteMeta(want[i : i+1]))
		}
	}
	compiled, err := regexp.Compile(`(?s)\A` + expr.String() + `\z`)
	if err != nil {
		return nil, fmt.Errorf("wildcard: %w", err)
	}
	return onText(compiled.MatchString), nil
}
