package template

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub resolves both forms of Fn::Sub: text, and [text, variables].
func (s *scope) sub(argument any) (any, error) {
	source, variables := argument, map[string]any{}
	if list, ok := argument.([]any); ok && len(list) == 2 {
		v, err := s.resolve(list[1])
		if err != nil {
			return nil, err
		}
		source = list[0]
		if variables, ok = v.(map[string]any); !ok {
			return nil, errors.New("want [text, variables]")
		}
	}
	template, ok := source.(string)
	if !ok {
		return nil, errors.New("want text or [text, variables]")
	}
	var failed error
	result := placeholder.ReplaceAllStringFunc(template, func(match string) string {
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
