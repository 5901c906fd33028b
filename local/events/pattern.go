package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// matcher tells whether a value of an event is one that a pattern asks for.
type matcher func(value any) bool

// compile reads an event pattern. The error says what EventBridge would refuse, or what this package does not know.
func compile(raw json.RawMessage) (matcher, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("read event pattern: %w", err)
	}
	return compileObject(object)
}

// compileObject compiles a pattern all of whose fields must match. It matches an array when one of its objects has all
// fields.
func compileObject(object map[string]any) (matcher, error) {
	if len(object) == 0 {
		return nil, errors.New("read event pattern: empty object")
	}
	var all []matcher
	for name, v := range object {
		m, err := compileField(name, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, m)
	}
	var matches matcher
	matches = func(value any) bool {
		if list, ok := value.([]any); ok {
			return slices.ContainsFunc(list, matches)
		}
		_, ok := value.(map[string]any)
		return ok && !slices.ContainsFunc(all, func(m matcher) bool { return !m(value) })
	}
	return matches, nil
}

// compileField compiles what a pattern says of one field. The matcher takes the object that has the field.
func compileField(name string, pattern any) (matcher, error) {
	var m matcher
	var err error
	switch p := pattern.(type) {
	case map[string]any:
		m, err = compileObject(p)
	case []any:
		if name == "$or" {
			return compileOr(p)
		}
		m, err = compileValues(p)
	default:
		err = errors.New("must be an object or an array")
	}
	return func(object any) bool {
		value, present := object.(map[string]any)[name]
		return present && m(value)
	}, err
}

func compileOr(alternatives []any) (matcher, error) {
	if len(alternatives) < 2 {
		return nil, errors.New("needs at least two alternatives")
	}
	var some []matcher
	for _, alternative := range alternatives {
		object, ok := alternative.(map[string]any)
		if !ok {
			return nil, errors.New("alternatives must be objects")
		}
		m, err := compileObject(object)
		if err != nil {
			return nil, err
		}
		some = append(some, m)
	}
	return func(object any) bool {
		return slices.ContainsFunc(some, func(m matcher) bool { return m(object) })
	}, nil
}

// compileValues compiles a list of which one entry must match one leaf of the field.
func compileValues(list []any) (matcher, error) {
	if len(list) == 0 {
		return nil, errors.New("empty array")
	}
	var some []matcher
	for _, v := range list {
		m, err := compileValue(v)
		if err != nil {
			return nil, err
		}
		some = append(some, m)
	}
	return func(value any) bool {
		return slices.ContainsFunc(leaves(value), func(leaf any) bool {
			return slices.ContainsFunc(some, func(m matcher) bool { return m(leaf) })
		})
	}, nil
}

// compileValue knows values, and the comparisons that the application's rules have.
func compileValue(wanted any) (matcher, error) {
	switch w := wanted.(type) {
	case []any:
		return nil, errors.New("array in an array")
	case map[string]any:
		if prefix, ok := w["prefix"].(string); ok && len(w) == 1 {
			return func(leaf any) bool {
				text, ok := leaf.(string)
				return ok && strings.HasPrefix(text, prefix)
			}, nil
		}
		values, ok := w["anything-but"].([]any)
		if one, single := w["anything-but"].(string); single {
			values, ok = []any{one}, true
		}
		if ok && len(w) == 1 && len(values) > 0 {
			isText := func(v any) bool { _, ok := v.(string); return ok }
			if slices.ContainsFunc(values, func(v any) bool { return !isText(v) }) {
				break
			}
			return func(leaf any) bool { return !slices.Contains(values, leaf) }, nil
		}
	default:
		return func(leaf any) bool { return leaf == w }, nil
	}
	return nil, fmt.Errorf("match type %v is not supported here: want prefix, or anything-but with strings", wanted)
}

// leaves returns the scalars of a field. An object has none: a pattern can ask for its fields alone.
func leaves(value any) []any {
	switch v := value.(type) {
	case map[string]any:
		return nil
	case []any:
		var all []any
		for _, e := range v {
			all = append(all, leaves(e)...)
		}
		return all
	}
	return []any{value}
}
