package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parameter is one entry of Parameters.
type parameter struct {
	Type, AllowedPattern string
	Default              *text
	AllowedValues        []text
	MinValue, MaxValue   *json.Number
}

// readParameters returns the value of every parameter, as text, from the
// overrides and the template's defaults, all checked.
func readParameters(section any, options Options) (map[string]string, map[string]any, error) {
	overrides := options.Parameters
	var declared map[string]parameter
	if err := convert(section, &declared); err != nil {
		return nil, nil, fmt.Errorf("read Parameters: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if _, ok := declared[name]; !ok {
			return nil, nil, fmt.Errorf("set parameter %s: the template has none of that name (it has %s)",
				name, strings.Join(slices.Sorted(maps.Keys(declared)), ", "))
		}
	}
	given, values := make(map[string]string, len(declared)), make(map[string]any, len(declared))
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		p := declared[name]
		value, ok := overrides[name]
		if !ok {
			value, ok = options.Defaults[name]
		}
		if !ok && p.Default == nil {
			return nil, nil, fmt.Errorf("set parameter %s: it has no default and no value was given", name)
		}
		if !ok {
			value = string(*p.Default)
		}
		v, err := p.value(value)
		if err != nil {
			return nil, nil, fmt.Errorf("set parameter %s to %q: %w", name, value, err)
		}
		given[name], values[name] = value, v
	}
	return given, values, nil
}

// value is what Ref gives. A list made of an empty text has one empty element,
// as on AWS, where !Select [0, …] of it is how templates ask whether it is empty.
func (p parameter) value(s string) (any, error) {
	switch {
	case strings.HasPrefix(p.Type, "AWS::SSM::"):
		return nil, fmt.Errorf("parameters of type %s are not supported", p.Type)
	case p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<"):
		var list []any
		for item := range strings.SplitSeq(s, ",") {
			item = strings.TrimSpace(item)
			if err := p.check(item); err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, nil
	case p.Type == "Number":
		if err := p.check(s); err != nil {
			return nil, err
		}
		return json.Number(s), nil
	}
	return s, p.check(s)
}

func (p parameter) check(s string) error {
	if p.AllowedValues != nil && !slices.Contains(p.AllowedValues, text(s)) {
		return fmt.Errorf("allowed are %s", joined(p.AllowedValues))
	}
	if p.AllowedPattern != "" {
		pattern, err := regexp.Compile("^(?:" + p.AllowedPattern + ")$")
		if err != nil {
			return fmt.Errorf("read AllowedPattern: %w", err)
		}
		if !pattern.MatchString(s) {
			return fmt.Errorf("it does not match %s", p.AllowedPattern)
		}
	}
	if p.Type != "Number" && p.Type != "List<Number>" {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !json.Valid([]byte(s)) {
		return errors.New("want a number")
	}
	if bound, below := beyond(p.MinValue, f, -1); below {
		return fmt.Errorf("the least allowed is %s", bound)
	}
	if bound, above := beyond(p.MaxValue, f, 1); above {
		return fmt.Errorf("the most allowed is %s", bound)
	}
	return nil
}

// beyond reports whether f lies past the bound in the direction of sign.
func beyond(bound *json.Number, f, sign float64) (json.Number, bool) {
	if bound == nil {
		return "", false
	}
	b, err := bound.Float64()
	return *bound, err == nil && sign*(f-b) > 0
}

func joined(values []text) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	return strings.Join(quoted, ", ")
}
