package states

import (
	"encoding/json"
	"errors"
	"fmt"
)

// condition tells whether something holds of a Choice state's input.
type condition func(input any) (bool, error)

// rule is one entry of Choices: a condition with a Next beside it.
type rule struct {
	when condition
	next string
}

func (r *rule) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if err := json.Unmarshal(fields["Next"], &r.next); err != nil || r.next == "" {
		return errors.New("a rule's Next is missing or not a string")
	}
	delete(fields, "Next")
	var err error
	r.when, err = compile(fields)
	return err
}

func (c *condition) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(data, &fields)
	if err == nil {
		*c, err = compile(fields)
	}
	return err
}

func compile(fields map[string]json.RawMessage) (condition, error) {
	switch {
	case fields["Variable"] != nil && len(fields) == 2:
		return compileComparison(fields)
	case fields["Not"] != nil && len(fields) == 1:
		var inner condition
		err := json.Unmarshal(fields["Not"], &inner)
		return func(input any) (bool, error) {
			yes, err := inner(input)
			return !yes, err
		}, err
	case fields["And"] != nil && len(fields) == 1:
		return compileAnd(fields["And"])
	}
	return nil, errors.New("a condition has either Variable and one operator, or And, or Not")
}

// compileAnd joins conditions. The first that does not hold ends the evaluation, so that an IsPresent guards those
// behind it.
func compileAnd(raw json.RawMessage) (condition, error) {
	var all []condition
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("And is empty")
	}
	return func(input any) (bool, error) {
		for _, c := range all {
			if yes, err := c(input); err != nil || !yes {
				return false, err
			}
		}
		return true, nil
	}, nil
}

// compileComparison compiles Variable with its operator, whose operand is a constant. A value of another type than the
// operator's is unequal, and no error.
func compileComparison(fields map[string]json.RawMessage) (condition, error) {
	var variable path
	if err := variable.UnmarshalJSON(fields["Variable"]); err != nil {
		return nil, err
	}
	delete(fields, "Variable")
	for operator, raw := range fields {
		operand, err := decode(raw)
		if err != nil {
			return nil, err
		}
		holds, err := compileOperator(operator, operand)
		if err != nil {
			return nil, err
		}
		return func(input any) (bool, error) {
			v, present := variable.get(input)
			if operator == "IsPresent" {
				return present == operand, nil
			}
			if !present {
				return false, fail(errRuntime,
					"Invalid path '%s': The choice state's condition path references an invalid value.", variable.text)
			}
			return holds(v), nil
		}, nil
	}
	return nil, nil // never: there is one operator
}

// compileOperator knows the operators for the types of our job's members.
func compileOperator(name string, operand any) (holds func(any) bool, err error) {
	fits := false
	switch name {
	case "IsPresent", "BooleanEquals":
		_, fits = operand.(bool)
		holds = func(v any) bool { return v == operand }
	case "StringEquals":
		_, fits = operand.(string)
		holds = func(v any) bool { return v == operand }
	case "NumericEquals", "NumericLessThan", "NumericLessThanEquals":
		right, isNumber := number(operand)
		fits = isNumber
		holds = func(v any) bool {
			left, ok := number(v)
			return ok && (left < right && name != "NumericEquals" || left == right && name != "NumericLessThan")
		}
	default:
		return nil, fmt.Errorf("operator %q is unknown or not supported", name)
	}
	if !fits {
		return nil, fmt.Errorf("%s cannot be compared with %s", name, encode(operand))
	}
	return holds, nil
}

func number(v any) (float64, bool) {
	text, ok := v.(json.Number)
	n, err := text.Float64()
	return n, ok && err == nil
}
