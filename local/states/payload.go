package states

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// expression computes a value of a payload template.
type expression func(*scope) (any, error)

// compileTemplate compiles a payload template (Parameters, ResultSelector,
// ItemSelector): JSON in which a member "name.$" is replaced by "name" with what
// its path or intrinsic function yields.
func compileTemplate(raw json.RawMessage) (expression, error) {
	if raw == nil {
		return nil, nil
	}
	v, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return compileValue(v)
}

func compileValue(v any) (expression, error) {
	switch v := v.(type) {
	case map[string]any:
		return compileObject(v)
	case []any:
		items := make([]expression, len(v))
		for i, item := range v {
			var err error
			if items[i], err = compileValue(item); err != nil {
				return nil, err
			}
		}
		return func(sc *scope) (any, error) { return evaluateAll(items, sc) }, nil
	}
	return func(*scope) (any, error) { return v, nil }, nil
}

func compileObject(object map[string]any) (expression, error) {
	members := make(map[string]expression, len(object))
	for key, v := range object {
		name, dynamic := strings.CutSuffix(key, ".$")
		var member expression
		var err error
		if dynamic {
			member, err = compileField(key, v)
		} else {
			member, err = compileValue(v)
		}
		if err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("field %q is given both with and without .$", name)
		}
		members[name] = member
	}
	return func(sc *scope) (any, error) {
		out := make(map[string]any, len(members))
		for name, member := range members {
			v, err := member(sc)
			if err != nil {
				return nil, err
			}
			out[name] = v
		}
		return out, nil
	}, nil
}

func compileField(key string, v any) (expression, error) {
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("field %q is not a string", key)
	}
	e, err := compileExpression(text, key)
	if err != nil {
		return nil, fmt.Errorf("field %q: %w", key, err)
	}
	return e, nil
}

// compileExpression compiles the text of one field: a path or an intrinsic
// function.
func compileExpression(text, field string) (expression, error) {
	if !strings.HasPrefix(text, "$") {
		return compileIntrinsic(text)
	}
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	return func(sc *scope) (any, error) {
		v, ok := p.get(sc)
		if !ok {
			return nil, fail(errParameterPath, "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", text, field, encode(sc.input))
		}
		return v, nil
	}, nil
}

func evaluateAll(list []expression, sc *scope) ([]any, error) {
	out := make([]any, len(list))
	for i, e := range list {
		var err error
		if out[i], err = e(sc); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decode reads one JSON value. Whole numbers become int64, so that sizes and
// versions are not rounded; other numbers float64.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("data after the JSON value at offset %d", d.InputOffset())
	}
	return plain(v), nil
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v // out of range: kept as it was written
	}
	return v
}

// encode is AWS's compact JSON: <, > and & stay as they are.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("%q", err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
