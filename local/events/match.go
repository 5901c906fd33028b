package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// matcher tells whether one leaf of an event is what it asks for.
type matcher func(leaf any) bool

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
			matchers = append(matchers, func(leaf any) bool { return leaf == v })
		}
	}
	return matchers, nil
}

// compileMatcher knows the kinds that the template's rules have, and suffixes,
// which rules about keys have as often.
func compileMatcher(object map[string]any) (matcher, error) {
	if len(object) != 1 {
		return nil, errors.New("a matcher has one key")
	}
	for kind, arg := range object {
		switch want, isText := arg.(string); {
		case kind == "anything-but":
			return anythingBut(arg)
		case kind != "prefix" && kind != "suffix":
			return nil, fmt.Errorf("match type %s is unknown, or not supported here", kind)
		case !isText:
			return nil, fmt.Errorf("%s: must be a string", kind)
		default:
			holds := map[string]func(s, part string) bool{"prefix": strings.HasPrefix, "suffix": strings.HasSuffix}[kind]
			return func(leaf any) bool {
				s, ok := leaf.(string)
				return ok && holds(s, want)
			}, nil
		}
	}
	return nil, nil
}

// anythingBut compiles a value or a list of them, of which a leaf must be none.
func anythingBut(arg any) (matcher, error) {
	but, isList := arg.([]any)
	if !isList {
		but = []any{arg}
	}
	for _, v := range but {
		if _, isObject := v.(map[string]any); isObject {
			return nil, errors.New("anything-but: only values are supported here")
		}
	}
	if len(but) == 0 {
		return nil, errors.New("anything-but: empty list")
	}
	return func(leaf any) bool { return !slices.Contains(but, leaf) }, nil
}
