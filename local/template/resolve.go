package template

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
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
	naming     []string            // logical ids whose names are being resolved
}

// removed is what AWS::NoValue resolves to. Its property or list element goes with it.
type removed struct{}

// errUnsupported marks functions that this package does not know. They are an error in resources that the local stack
// runs, and ignored in others.
var errUnsupported = errors.New("function is not supported")

// resolve returns v with every intrinsic function replaced by its value.
func (s *scope) resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := call(v); ok {
			value, err := s.apply(name, argument)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return value, nil
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

func (s *scope) apply(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		id, ok := argument.(string)
		if !ok {
			return nil, fmt.Errorf("want a name, got %s", shape(argument))
		}
		return s.ref(id)
	case "Fn::If": // the other branch may refer to what does not exist
		return s.choose(argument)
	case "Fn::Sub":
		return s.sub(argument)
	}
	v, err := s.resolve(argument)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	switch name {
	case "Fn::GetAtt":
		written, _ := v.(string)
		id, attribute, dotted := strings.Cut(written, ".")
		if !dotted {
			return nil, errors.New("want Resource.Attribute")
		}
		return s.attribute(id, attribute)
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

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub resolves both forms of Fn::Sub: text, and [text, variables].
func (s *scope) sub(argument any) (any, error) {
	variables := map[string]any{}
	if list, ok := argument.([]any); ok && len(list) == 2 {
		v, err := s.resolve(list[1])
		if err != nil {
			return nil, err
		}
		argument = list[0]
		variables, _ = v.(map[string]any)
	}
	text, ok := argument.(string)
	if !ok || variables == nil {
		return nil, errors.New("want text or [text, variables]")
	}
	var failed error
	result := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		value, err := s.variable(name, variables)
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", match, err)
		}
		return value
	})
	return result, failed
}

func (s *scope) variable(name string, variables map[string]any) (string, error) {
	v, ok := variables[name]
	var err error
	switch id, attribute, dotted := strings.Cut(name, "."); {
	case ok:
	case dotted:
		v, err = s.attribute(id, attribute)
	default:
		v, err = s.ref(name)
	}
	if err != nil {
		return "", err
	}
	return asText(v)
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
