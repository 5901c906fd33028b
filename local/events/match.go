package events

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// test looks at one leaf of an event.
type test func(leaf any) bool

// onAny matches when one of the leaves passes.
func onAny(t test) matcher {
	return func(leaves []any) bool { return slices.ContainsFunc(leaves, t) }
}

func compileMatchers(list []any) ([]matcher, error) {
	if len(list) == 0 {
		return nil, errors.New("empty array")
	}
	var matchers []matcher
	for _, v := range list {
		switch v := v.(type) {
		case []any:
			return nil, errors.New("array in an array")
		case map[string]any:
			m, err := compileMatcher(v)
			if err != nil {
				return nil, err
			}
			matchers = append(matchers, m)
		default:
			matchers = append(matchers, onAny(func(leaf any) bool { return leaf == v }))
		}
	}
	return matchers, nil
}

func compileMatcher(object map[string]any) (matcher, error) {
	kind, arg, err := single(object)
	if err != nil {
		return nil, err
	}
	if kind == "exists" {
		want, ok := arg.(bool)
		if !ok {
			return nil, errors.New("exists: must be true or false")
		}
		return func(leaves []any) bool { return (len(leaves) > 0) == want }, nil
	}
	compile := map[string]func(any) (test, error){"anything-but": anythingBut, "numeric": numeric}[kind]
	if compile == nil {
		compile = func(arg any) (test, error) { return text(kind, arg) }
	}
	t, err := compile(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return onAny(t), nil
}

func single(object map[string]any) (kind string, arg any, err error) {
	if len(object) != 1 {
		return "", nil, errors.New("a matcher has one key")
	}
	for kind, arg = range object {
	}
	return kind, arg, nil
}

// anythingBut compiles values, a list of them, or a comparison of strings, of
// which a leaf must be none.
func anythingBut(arg any) (test, error) {
	kind := "equal"
	if object, ok := arg.(map[string]any); ok {
		var err error
		if kind, arg, err = single(object); err != nil {
			return nil, err
		}
	}
	list, ok := arg.([]any)
	if !ok {
		list = []any{arg}
	}
	if len(list) == 0 {
		return nil, errors.New("empty list")
	}
	var but []test
	for _, v := range list {
		t := func(leaf any) bool { return leaf == v }
		if kind != "equal" {
			var err error
			if t, err = text(kind, v); err != nil {
				return nil, err
			}
		}
		but = append(but, t)
	}
	return func(leaf any) bool {
		return !slices.ContainsFunc(but, func(t test) bool { return t(leaf) })
	}, nil
}

var comparisons = map[string]func(a, b float64) bool{
	"=":  func(a, b float64) bool { return a == b },
	"<":  func(a, b float64) bool { return a < b },
	"<=": func(a, b float64) bool { return a <= b },
	">":  func(a, b float64) bool { return a > b },
	">=": func(a, b float64) bool { return a >= b },
}

// numeric compiles one comparison or the two of a range: [">", 0, "<=", 5].
func numeric(arg any) (test, error) {
	parts, _ := arg.([]any)
	if len(parts) != 2 && len(parts) != 4 {
		return nil, errors.New("must be one or two comparisons")
	}
	var all []func(float64) bool
	for pair := range slices.Chunk(parts, 2) {
		operator, _ := pair[0].(string)
		bound, isNumber := pair[1].(float64)
		compare := comparisons[operator]
		if compare == nil || !isNumber {
			return nil, fmt.Errorf("%v %v is no comparison", pair[0], pair[1])
		}
		all = append(all, func(n float64) bool { return compare(n, bound) })
	}
	return func(leaf any) bool {
		n, ok := leaf.(float64)
		return ok && !slices.ContainsFunc(all, func(c func(float64) bool) bool { return !c(n) })
	}, nil
}

// text compiles the comparisons of strings. In a wildcard, * stands for any
// characters; that it could be escaped is not served.
func text(kind string, arg any) (test, error) {
	want, ok := arg.(string)
	if !ok {
		return nil, errors.New("must be a string")
	}
	var holds func(string) bool
	switch kind {
	case "prefix":
		holds = func(s string) bool { return strings.HasPrefix(s, want) }
	case "suffix":
		holds = func(s string) bool { return strings.HasSuffix(s, want) }
	case "wildcard":
		if strings.Contains(want, "**") || strings.Contains(want, `\`) {
			return nil, errors.New("consecutive or escaped wildcard characters")
		}
		expr := strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, ".*")
		holds = regexp.MustCompile(`(?s)\A` + expr + `\z`).MatchString
	default:
		return nil, errors.New("unrecognized match type " + kind)
	}
	return func(leaf any) bool {
		s, ok := leaf.(string)
		return ok && holds(s)
	}, nil
}
