package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// pattern is a compiled event pattern, or a nested object of one: all fields
// and all groups of alternatives have to match.
type pattern struct {
	fields map[string]field
	anyOf  [][]pattern // one for "$or"
}

// field is what a pattern says of one field: a nested pattern, or matchers of
// which one has to match.
type field struct {
	nested   *pattern
	matchers []matcher
}

// compile reads an event pattern. An error says what EventBridge would refuse,
// or what this package does not know; nothing is passed over.
func compile(raw json.RawMessage) (*pattern, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("read event pattern: %w", err)
	}
	return compileObject(object)
}

func compileObject(object map[string]any) (*pattern, error) {
	if len(object) == 0 {
		return nil, errors.New("read event pattern: empty object")
	}
	p := &pattern{fields: make(map[string]field)}
	for name, value := range object {
		var err error
		switch v := value.(type) {
		case map[string]any:
			var f field
			f.nested, err = compileObject(v)
			p.fields[name] = f
		case []any:
			if name == "$or" {
				err = p.addAlternatives(v)
				break
			}
			var f field
			f.matchers, err = compileMatchers(v)
			p.fields[name] = f
		default:
			err = errors.New("must be an object or an array")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p, nil
}

func (p *pattern) addAlternatives(list []any) error {
	if len(list) < 2 {
		return errors.New("needs at least two alternatives")
	}
	var group []pattern
	for _, alternative := range list {
		object, ok := alternative.(map[string]any)
		if !ok {
			return errors.New("alternatives must be objects")
		}
		one, err := compileObject(object)
		if err != nil {
			return err
		}
		group = append(group, *one)
	}
	p.anyOf = append(p.anyOf, group)
	return nil
}

// match tells whether an event, or an object in it, is what the pattern asks
// for. Nested patterns look into arrays of objects one object at a time, so two
// fields of a pattern are never met by two different objects.
func (p *pattern) match(event map[string]any) bool {
	for name, f := range p.fields {
		value, present := event[name]
		if !present || !f.match(value) {
			return false
		}
	}
	for _, group := range p.anyOf {
		if !slices.ContainsFunc(group, func(one pattern) bool { return one.match(event) }) {
			return false
		}
	}
	return true
}

func (f field) match(value any) bool {
	if f.nested == nil {
		return slices.ContainsFunc(leaves(value), func(leaf any) bool {
			return slices.ContainsFunc(f.matchers, func(m matcher) bool { return m(leaf) })
		})
	}
	switch v := value.(type) {
	case map[string]any:
		return f.nested.match(v)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return f.match(e) })
	default:
		return false
	}
}

// leaves are the scalars of a field. An object has none: only its own fields
// can be matched.
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
	default:
		return []any{v}
	}
}
