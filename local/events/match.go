package events

import (
	"errors"
	"slices"
)

// test looks at one leaf of an event.
type test func(leaf any) bool

// onAny matches when one of the leaves passes.
func onAny(t test) matcher {
	return func(leaves []any) bool { return slices.ContainsFunc(leaves, t) }
}

func onText(t func(string) bool) test {
	return func(leaf any) bool {
		text, ok := leaf.(string)
		return ok && t(text)
	}
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
	if kind == "anything-but" {
		t, err := anythingBut(arg)
		return onAny(t), err
	}
	if kind == "numeric" {
		t, err := numeric(arg)
		return onAny(t), err
	}
	t, err := text(kind, arg)
	return onAny(t), err
}

func single(object map[string]any) (kind string, arg any, err error) {
	if len(object) != 1 {
		return "", nil, errors.New("a matcher has one key")
	}
	for kind, arg = range object {
	}
	return kind, arg, nil
}
