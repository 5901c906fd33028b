package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// scope is what intrinsic functions are resolved against.
type scope struct {
	stack      string
	parameters map[string]any
	conditions map[string]any // as written
	decided    map[string]bool
	resources  map[string]resource // by logical id
	naming     []string            // logical ids whose names are being worked out
}

// removed is what AWS::NoValue resolves to; it takes its property or list
// element with it.
type removed struct{}

// errUnsupported marks functions that we do not compute. They fail the resources
// that the local stack runs and are let pass in all others.
var errUnsupported = errors.New("function is not supported")

// resolve returns v with every intrinsic function replaced by its value.
func (s *scope) resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := call(v); ok {
			return s.call(name, argument)
		}
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			r, err := s.resolve(v[key])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			if _, gone := r.(removed); !gone {
				out[key] = r
			}
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for i, item := range v {
			r, err := s.resolve(item)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			if _, gone := r.(removed); !gone {
				out = append(out, r)
			}
		}
		return out, nil
	}
	return v, nil
}

// call reports whether a map is an intrinsic function.
func call(m map[string]any) (name string, argument any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
	}
	return name, argument, name == "Ref" || strings.HasPrefix(name, "Fn::")
}

func (s *scope) call(name string, argument any) (any, error) {
	v, err := s.apply(name, argument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

func (s *scope) apply(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		id, ok := argument.(string)
		if !ok {
			return nil, fmt.Errorf("want a name, got %s", shape(argument))
		}
		return s.ref(id)
	case "Fn::If": // only the branch that is taken is looked at
		return s.choose(argument)
	case "Fn::Sub":
		return s.sub(argument)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
		return nil, errors.New("this function is for Conditions")
	}
	v, err := s.resolve(argument)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	switch name {
	case "Fn::GetAtt":
		return s.getAtt(v)
	case "Fn::Join":
		return join(list)
	case "Fn::Split":
		return split(list)
	case "Fn::Select":
		return pick(list)
	}
	return nil, errUnsupported
}

func (s *scope) choose(argument any) (any, error) {
	list, _ := argument.([]any)
	if len(list) != 3 {
		return nil, errors.New("want [condition, value, value]")
	}
	name, _ := list[0].(string)
	yes, err := s.condition(name)
	if err != nil {
		return nil, err
	}
	if yes {
		return s.resolve(list[1])
	}
	return s.resolve(list[2])
}

func join(list []any) (any, error) {
	if len(list) != 2 {
		return nil, errors.New("want [delimiter, list]")
	}
	delimiter, ok := list[0].(string)
	items, isList := list[1].([]any)
	if !ok || !isList {
		return nil, errors.New("want [delimiter, list]")
	}
	parts := make([]string, len(items))
	for i, item := range items {
		var err error
		if parts[i], err = asText(item); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return strings.Join(parts, delimiter), nil
}

func split(list []any) (any, error) {
	if len(list) != 2 {
		return nil, errors.New("want [delimiter, text]")
	}
	delimiter, _ := list[0].(string)
	source, ok := list[1].(string)
	if delimiter == "" || !ok {
		return nil, errors.New("want [delimiter, text]")
	}
	var parts []any
	for part := range strings.SplitSeq(source, delimiter) {
		parts = append(parts, part)
	}
	return parts, nil
}

func pick(list []any) (any, error) {
	if len(list) != 2 {
		return nil, errors.New("want [index, list]")
	}
	index, err := asText(list[0])
	if err != nil {
		return nil, err
	}
	i, err := strconv.Atoi(index)
	items, ok := list[1].([]any)
	if err != nil || !ok || i < 0 || i >= len(items) {
		return nil, errors.New("want [index, list], and the index within the list")
	}
	return items[i], nil
}
