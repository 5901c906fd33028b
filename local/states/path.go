package states

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// scope is what paths are read from: "$" is input, "$$" the context object,
// which is built only when a path asks for it.
type scope struct {
	input   any
	context func() any
}

// path is a JSONPath. Values found by it are shared with the input and must not
// be changed.
type path struct {
	text        string
	expr        jp.Expr
	fromContext bool
	definite    bool // finds one value; otherwise always an array
}

// parsePath compiles a path once, at load, so that a typing error is found there
// and not in the one execution that gets that far.
func parsePath(text string) (*path, error) {
	body, fromContext := text, false
	if strings.HasPrefix(text, "$$") {
		body, fromContext = text[1:], true
	}
	if !strings.HasPrefix(body, "$") {
		return nil, fmt.Errorf("path %q does not begin with $", text)
	}
	expr, err := jp.ParseString(body)
	if err != nil {
		return nil, fmt.Errorf("parse path %q: %w", text, err)
	}
	if _, open := expr[len(expr)-1].(jp.Descent); open {
		return nil, fmt.Errorf("path %q ends in ..", text)
	}
	return &path{text: text, expr: expr, fromContext: fromContext, definite: expr.Normal()}, nil
}

// get returns what the path finds and whether it finds anything: a null that is
// there is found. A path that can match many values always finds an array.
func (p *path) get(sc *scope) (any, bool) {
	root := sc.input
	if p.fromContext {
		root = sc.context()
	}
	switch {
	case len(p.expr) == 1: // "$" itself, which may be null
		return root, true
	case p.definite:
		return p.expr.FirstFound(root)
	}
	found := p.expr.Get(root)
	if found == nil {
		found = []any{}
	}
	return found, true
}

// filter is an InputPath or OutputPath: absent it passes everything, null gives
// an empty object.
type filter struct {
	path *path
	null bool
}

func (f filter) apply(sc *scope) (any, error) {
	switch {
	case f.null:
		return map[string]any{}, nil
	case f.path == nil:
		return sc.input, nil
	}
	v, ok := f.path.get(sc)
	if !ok {
		return nil, fail(errRuntime, "Invalid path '%s' : No results for path: %s", f.path.text, f.path.expr.BracketString())
	}
	return v, nil
}

// reference is a reference path: the steps, member names and array indices, to
// the one place that a ResultPath writes.
type reference []any

// parseReference accepts only paths to one place: ResultPath must be able to
// create it.
func parseReference(text string) (reference, error) {
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	if p.fromContext || !p.definite {
		return nil, fmt.Errorf("path %q is not a reference path", text)
	}
	steps := reference{}
	for _, frag := range p.expr[1:] {
		switch frag := frag.(type) {
		case jp.Child:
			steps = append(steps, string(frag))
		case jp.Nth:
			if frag < 0 {
				return nil, fmt.Errorf("path %q has a negative index", text)
			}
			steps = append(steps, int(frag))
		}
	}
	return steps, nil
}

var errNoPlace = errors.New("the place is inside a value that is neither an object nor an array that long")

// put returns root with value at the reference. Only the containers on the way
// are copied: root itself may be in use by other branches and by the history.
func (r reference) put(root, value any) (any, error) {
	if len(r) == 0 {
		return value, nil
	}
	switch step := r[0].(type) {
	case string:
		object, ok := root.(map[string]any)
		if !ok {
			return nil, errNoPlace
		}
		child, present := object[step]
		if !present {
			child = map[string]any{}
		}
		changed, err := r[1:].put(child, value)
		if err != nil {
			return nil, err
		}
		object = maps.Clone(object)
		object[step] = changed
		return object, nil
	case int:
		array, ok := root.([]any)
		if !ok || step >= len(array) {
			return nil, errNoPlace
		}
		changed, err := r[1:].put(array[step], value)
		if err != nil {
			return nil, err
		}
		array = slices.Clone(array)
		array[step] = changed
		return array, nil
	}
	return nil, errNoPlace
}
