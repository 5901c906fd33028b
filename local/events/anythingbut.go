package events

import (
	"errors"
	"fmt"
	"slices"
)

// anythingBut compiles values, a list of them, or a string comparison, of which
// a leaf must be none.
func anythingBut(arg any) (test, error) {
	var but []test
	if object, ok := arg.(map[string]any); ok {
		kind, values, err := single(object)
		if err != nil {
			return nil, fmt.Errorf("anything-but: %w", err)
		}
		for _, v := range list(values) {
			t, err := text(kind, v)
			if err != nil {
				return nil, fmt.Errorf("anything-but: %w", err)
			}
			but = append(but, t)
		}
	} else {
		for _, v := range list(arg) {
			switch v.(type) {
			case string, float64:
				but = append(but, func(leaf any) bool { return leaf == v })
			default:
				return nil, errors.New("anything-but: must be strings or numbers")
			}
		}
	}
	if len(but) == 0 {
		return nil, errors.New("anything-but: empty list")
	}
	return func(leaf any) bool {
		return !slices.ContainsFunc(but, func(t test) bool { return t(leaf) })
	}, nil
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}
