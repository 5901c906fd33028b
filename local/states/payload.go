package states

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// payload is a payload template (Parameters, ResultSelector): an object in which
// a member "name.$" is replaced by "name" with what its path finds.
type payload struct {
	template any
	names    map[string]any // the members that it makes
}

// UnmarshalJSON keeps a template whose paths can be parsed.
func (p *payload) UnmarshalJSON(data []byte) (err error) {
	if p.template, err = decode(data); err != nil {
		return err
	}
	out, err := replace(p.template, func(_ string, text any) (any, error) { return parsePath(text) })
	if err != nil {
		return err
	}
	var ok bool
	if p.names, ok = out.(map[string]any); !ok {
		return fmt.Errorf("payload template is %s, not an object", data)
	}
	return nil
}

func (p *payload) evaluate(sc *scope) (any, error) {
	return replace(p.template, func(key string, text any) (any, error) {
		path, err := parsePath(text)
		if err != nil {
			return nil, err
		}
		found, ok := path.get(sc)
		if !ok {
			return nil, fail(errParameterPath, "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", path.text, key, encode(sc.input))
		}
		return found, nil
	})
}

// replace copies a template, with what read makes of its members "name.$".
func replace(template any, read func(key string, text any) (any, error)) (out any, err error) {
	switch t := template.(type) {
	case map[string]any:
		object := make(map[string]any, len(t))
		for key, v := range t {
			name, dynamic := strings.CutSuffix(key, ".$")
			if dynamic {
				object[name], err = read(key, v)
			} else {
				object[name], err = replace(v, read)
			}
			if err != nil {
				return nil, err
			}
		}
		return object, nil
	case []any:
		array := make([]any, len(t))
		for i, v := range t {
			if array[i], err = replace(v, read); err != nil {
				return nil, err
			}
		}
		return array, nil
	}
	return template, nil
}

// value is a constant of a definition, which may be null.
type value struct {
	given bool
	v     any
}

// UnmarshalJSON keeps the value as executions have theirs.
func (c *value) UnmarshalJSON(data []byte) (err error) {
	c.given = true
	c.v, err = decode(data)
	return err
}

// decode reads one JSON value. Numbers stay as they were written.
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
	return v, nil
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
