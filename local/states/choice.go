package states

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
)

// condition is a compiled condition of a Choice state.
type condition func(*scope) (bool, error)

// rule is one entry of Choices.
type rule struct {
	when condition
	next string
}

// UnmarshalJSON compiles a rule: a condition with a Next beside it.
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
	r.when, err = compileCondition(fields)
	return err
}

// UnmarshalJSON compiles a condition inside And, Or and Not.
func (c *condition) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(data, &fields)
	if err == nil {
		*c, err = compileCondition(fields)
	}
	return err
}

func compileCondition(fields map[string]json.RawMessage) (condition, error) {
	delete(fields, "Comment")
	if fields["Variable"] != nil {
		return compileComparison(fields)
	}
	if len(fields) == 1 {
		for name, raw := range fields {
			switch name {
			case "Not":
				var inner condition
				err := json.Unmarshal(raw, &inner)
				return func(sc *scope) (bool, error) {
					yes, err := inner(sc)
					return !yes, err
				}, err
			case "And", "Or":
				return compileList(raw, name == "Or")
			}
		}
	}
	return nil, errors.New("a condition has either Variable and one operator, or one of And, Or, Not")
}

// compileList joins conditions; the first that yields decisive ends it, so that
// an IsPresent can guard what follows.
func compileList(raw json.RawMessage, decisive bool) (condition, error) {
	var list []condition
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("And or Or is empty")
	}
	return func(sc *scope) (bool, error) {
		for _, c := range list {
			if yes, err := c(sc); err != nil || yes == decisive {
				return yes, err
			}
		}
		return !decisive, nil
	}, nil
}

// compileComparison compiles Variable with its one operator, whose operand is a
// constant. A value of another type than the operator's is unequal, and no error.
func compileComparison(fields map[string]json.RawMessage) (condition, error) {
	var variable path
	if err := variable.UnmarshalJSON(fields["Variable"]); err != nil {
		return nil, err
	}
	delete(fields, "Variable")
	if len(fields) != 1 {
		return nil, fmt.Errorf("variable %s has %d operators, not one", variable.text, len(fields))
	}
	for name, raw := range fields {
		operand, err := decode(raw)
		if err != nil {
			return nil, err
		}
		holds, err := compileOperator(name, operand)
		if name == "IsPresent" {
			return func(sc *scope) (bool, error) {
				_, present := variable.get(sc)
				return present == operand, nil
			}, err
		}
		return func(sc *scope) (bool, error) {
			v, ok := variable.get(sc)
			if !ok { // only IsPresent may ask for what may not be there
				return false, fail(errRuntime, "Invalid path '%s': The choice state's condition path references an invalid value.", variable.text)
			}
			return holds(v), nil
		}, err
	}
	return nil, nil
}

// compileOperator compiles the part of the language's operators that is here: the
// types of our job's members, without timestamps and operands by path.
func compileOperator(name string, operand any) (holds func(any) bool, err error) {
	fits := false
	switch name {
	case "IsPresent", "BooleanEquals":
		_, fits = operand.(bool)
		holds = func(v any) bool { return v == operand }
	case "StringEquals":
		_, fits = operand.(string)
		holds = func(v any) bool { return v == operand }
	default:
		var right float64
		right, fits = number(operand)
		inOrder := orders[name]
		if inOrder == nil {
			return nil, fmt.Errorf("operator %q is unknown or not supported", name)
		}
		holds = func(v any) bool {
			left, ok := number(v)
			return ok && inOrder(cmp.Compare(left, right))
		}
	}
	if !fits {
		return nil, fmt.Errorf("%s cannot be compared with %s", name, encode(operand))
	}
	return holds, nil
}

var orders = map[string]func(order int) bool{
	"NumericEquals":            func(o int) bool { return o == 0 },
	"NumericLessThan":          func(o int) bool { return o < 0 },
	"NumericLessThanEquals":    func(o int) bool { return o <= 0 },
	"NumericGreaterThan":       func(o int) bool { return o > 0 },
	"NumericGreaterThanEquals": func(o int) bool { return o >= 0 },
}

func number(v any) (float64, bool) {
	text, ok := v.(json.Number)
	n, err := text.Float64()
	return n, ok && err == nil
}
