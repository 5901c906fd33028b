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
	MinValue, MaxValue   *float64
}

// readParameters returns the checked value of every parameter, as text and as Ref gives it.
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

// value is what Ref gives. A list of an empty text has one empty element, as on AWS: templates find by !Select [0, …]
// out whether a list is empty.
func (p parameter) value(s string) (any, error) {
	switch p.Type {
	case "String":
		return s, p.check(s)
	case "CommaDelimitedList":
		var list []any
		for item := range strings.SplitSeq(s, ",") {
			item = strings.TrimSpace(item)
			if err := p.check(item); err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, nil
	case "Number":
		return json.Number(s), p.check(s)
	}
	return nil, fmt.Errorf("parameters of type %q are not supported", p.Type)
}

func (p parameter) check(s string) error {
	if p.AllowedValues != nil && !slices.Contains(p.AllowedValues, text(s)) {
		return fmt.Errorf("allowed are %q", p.AllowedValues)
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
	if p.Type != "Number" {
		return nil
	}
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || !json.Valid([]byte(s)):
		return errors.New("want a number")
	case p.MinValue != nil && n < *p.MinValue:
		return fmt.Errorf("the least allowed is %v", *p.MinValue)
	case p.MaxValue != nil && n > *p.MaxValue:
		return fmt.Errorf("the most allowed is %v", *p.MaxValue)
	}
	return nil
}
