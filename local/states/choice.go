package states

import (
	"encoding/json"
	"fmt"
	"strings"
)

// predicate is a compiled condition of a Choice state.
type predicate func(*scope) (bool, error)

type rule struct {
	when predicate
	next string
}

func (s *state) parseChoice(f fields) error {
	s.run = (*visit).runChoice
	if _, err := f.into("Default", &s.next); err != nil {
		return err
	}
	var choices []map[string]json.RawMessage
	if _, err := f.into("Choices", &choices); err != nil {
		return err
	}
	if len(choices) == 0 {
		return fmt.Errorf("Choices is missing or empty")
	}
	for i, c := range choices {
		var r rule
		if given, err := fields(c).into("Next", &r.next); err != nil || !given {
			return fmt.Errorf("Choices[%d]: Next is missing or not a string", i)
		}
		delete(c, "Next")
		var err error
		if r.when, err = compileCondition(c); err != nil {
			return fmt.Errorf("Choices[%d]: %w", i, err)
		}
		s.rules = append(s.rules, r)
	}
	return nil
}

// compileCondition compiles a comparison, or And, Or and Not of conditions.
func compileCondition(f fields) (predicate, error) {
	delete(f, "Comment")
	if f["Variable"] != nil {
		return compileComparison(f)
	}
	if len(f) != 1 {
		return nil, fmt.Errorf("a condition has either Variable and one operator or one of And, Or, Not")
	}
	if raw, ok := f["Not"]; ok {
		var inner fields
		if err := json.Unmarshal(raw, &inner); err != nil {
			return nil, fmt.Errorf("Not: %w", err)
		}
		p, err := compileCondition(inner)
		return func(sc *scope) (bool, error) {
			yes, err := p(sc)
			return !yes, err
		}, err
	}
	for name, decisive := range map[string]bool{"And": false, "Or": true} {
		if raw, ok := f[name]; ok {
			return compileList(name, raw, decisive)
		}
	}
	return nil, fmt.Errorf("a condition has neither Variable nor And, Or, Not")
}

// compileList joins conditions; the first that yields decisive ends it, so that
// an IsPresent can guard what follows.
func compileList(name string, raw json.RawMessage, decisive bool) (predicate, error) {
	var inner []fields
	if err := json.Unmarshal(raw, &inner); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(inner) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	list := make([]predicate, len(inner))
	for i, f := range inner {
		var err error
		if list[i], err = compileCondition(f); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	return func(sc *scope) (bool, error) {
		for _, p := range list {
			if yes, err := p(sc); err != nil || yes == decisive {
				return yes, err
			}
		}
		return !decisive, nil
	}, nil
}

// compileComparison compiles Variable with its one operator, whose operand is a
// constant or, in the forms ending in Path, read from the input.
func compileComparison(f fields) (predicate, error) {
	variable, err := fieldPath(f, "Variable")
	if err != nil {
		return nil, err
	}
	if len(f) != 2 {
		return nil, fmt.Errorf("variable %s has %d operators, not one", variable.text, len(f)-1)
	}
	for name, raw := range f {
		if name == "Variable" {
			continue
		}
		if is, ok := typeTests[name]; ok {
			return compileTest(variable, name, raw, is)
		}
		base, byPath := strings.CutSuffix(name, "Path")
		compare, ok := comparisons[base]
		if !ok || byPath && base == "StringMatches" {
			return nil, fmt.Errorf("operator %q is unknown", name)
		}
		operand, err := compileOperand(f, name, byPath, compare)
		if err != nil {
			return nil, err
		}
		return func(sc *scope) (bool, error) {
			left, err := lookUp(variable, sc)
			if err != nil {
				return false, err
			}
			right, err := operand(sc)
			if err != nil {
				return false, err
			}
			yes, _ := compare(left, right)
			return yes, nil
		}, nil
	}
	return nil, nil
}

// compileTest compiles the operators that ask for the type of a value.
func compileTest(variable *path, name string, raw json.RawMessage, is func(any, bool) bool) (predicate, error) {
	var want bool
	if err := json.Unmarshal(raw, &want); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return func(sc *scope) (bool, error) {
		v, present := variable.get(sc)
		if !present && name != "IsPresent" {
			_, err := lookUp(variable, sc)
			return false, err
		}
		return is(v, present) == want, nil
	}, nil
}

// compileOperand checks a constant against itself: a comparison that cannot hold
// the type of its own operand never could.
func compileOperand(f fields, name string, byPath bool, compare comparison) (expression, error) {
	if byPath {
		p, err := fieldPath(f, name)
		return func(sc *scope) (any, error) { return lookUp(p, sc) }, err
	}
	constant, err := decode(f[name])
	if err != nil {
		return nil, err
	}
	if _, fits := compare(constant, constant); !fits {
		return nil, fmt.Errorf("%s cannot be compared with %s", name, f[name])
	}
	return func(*scope) (any, error) { return constant, nil }, nil
}

// lookUp fails where the path finds nothing, as AWS does: only IsPresent may ask
// for what may not be there.
func lookUp(p *path, sc *scope) (any, error) {
	v, ok := p.get(sc)
	if !ok {
		return nil, fail(errRuntime, "Invalid path '%s': The choice state's condition path references an invalid value.", p.text)
	}
	return v, nil
}
