package template

import (
	"errors"
	"fmt"
)

// condition decides a named condition. Without a name it is true.
func (s *scope) condition(name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	if yes, ok := s.decided[name]; ok {
		return yes, nil
	}
	v, ok := s.conditions[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	delete(s.conditions, name) // so that a condition that refers to itself is not found
	yes, err := s.decide(v)
	if err != nil {
		return false, fmt.Errorf("decide condition %s: %w", name, err)
	}
	s.decided[name] = yes
	return yes, nil
}

func (s *scope) decide(v any) (bool, error) {
	m, _ := v.(map[string]any)
	if len(m) != 1 {
		return false, errors.New("want one condition function")
	}
	if name, ok := m["Condition"].(string); ok {
		return s.condition(name)
	}
	name, argument, _ := call(m)
	list, _ := argument.([]any)
	if name == "Fn::Equals" {
		return s.equal(list)
	}
	answers := make(map[bool]int)
	for _, item := range list {
		yes, err := s.decide(item)
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		answers[yes]++
	}
	switch {
	case name == "Fn::Not" && len(list) == 1:
		return answers[false] == 1, nil
	case name == "Fn::And" && len(list) >= 2:
		return answers[false] == 0, nil
	case name == "Fn::Or" && len(list) >= 2:
		return answers[true] > 0, nil
	}
	return false, errors.New("want Fn::Equals, Fn::Not, Fn::And, Fn::Or or Condition with its arguments")
}

// equal compares as text, as CloudFormation does: 0 is "0".
func (s *scope) equal(list []any) (bool, error) {
	if len(list) != 2 {
		return false, errors.New("Fn::Equals: want two values")
	}
	var sides [2]string
	for i, item := range list {
		v, err := s.resolve(item)
		if err == nil {
			sides[i], err = asText(v)
		}
		if err != nil {
			return false, fmt.Errorf("Fn::Equals: %w", err)
		}
	}
	return sides[0] == sides[1], nil
}
