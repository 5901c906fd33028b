package states

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// path leads through members of objects to one place: $.scan.verdict. The zero path leads to the whole value.
type path struct {
	text    string
	members []string
}

var supported = regexp.MustCompile(`^\$(\.[\pL_][\pL\pN_-]*)*$`)

// parsePath reads a path from a definition. The rest of JSONPath (indices, wildcards, filters) is an error.
func parsePath(v any) (path, error) {
	text, _ := v.(string)
	if !supported.MatchString(text) {
		return path{}, fmt.Errorf("path %s is not supported: only members of $ are", encode(v))
	}
	return path{text: text, members: strings.Split(text, ".")[1:]}, nil
}

func (p *path) UnmarshalJSON(data []byte) error {
	v, err := decode(data)
	if err == nil {
		*p, err = parsePath(v)
	}
	return err
}

// get returns the value at the path and whether there is one: a null is one. The value is shared with root and must not
// be changed.
func (p path) get(root any) (v any, found bool) {
	v = root
	for _, name := range p.members {
		object, _ := v.(map[string]any)
		if v, found = object[name]; !found {
			return nil, false
		}
	}
	return v, true
}

// place is a ResultPath: where a result goes in the state's input. Without one the result replaces the input.
type place struct {
	path
	discard bool // the ResultPath is null: the input stays as it is
}

func (p *place) UnmarshalJSON(data []byte) error {
	if p.discard = string(data) == "null"; p.discard {
		return nil
	}
	return p.path.UnmarshalJSON(data)
}

func (p place) put(input, result any) (any, error) {
	if p.discard {
		return input, nil
	}
	output, ok := put(p.members, input, result)
	if !ok {
		return nil, fail(errResultPathMatch,
			"Unable to apply step \"ResultPath\" to input %s: path %s leads into a value that is no object",
			encode(input), p.text)
	}
	return output, nil
}

// put returns root with value at the end of the members, and makes objects that are missing. It copies the objects on
// the way, because root itself may still be read.
func put(members []string, root, value any) (any, bool) {
	if len(members) == 0 {
		return value, true
	}
	object, ok := root.(map[string]any)
	if !ok {
		return nil, false
	}
	child, present := object[members[0]]
	if !present {
		child = map[string]any{}
	}
	object = maps.Clone(object)
	object[members[0]], ok = put(members[1:], child, value)
	return object, ok
}

// payload is a payload template (Parameters): an object in which a member "name.$" is replaced by "name" with the value
// at its path.
type payload map[string]any

// The paths into the context object that are supported.
const (
	executionID = "$$.Execution.Id"
	itemValue   = "$$.Map.Item.Value" // in an ItemSelector
)

func (p *payload) UnmarshalJSON(data []byte) (err error) {
	*p, err = parsePayload(data, executionID)
	return err
}

// selector is the payload template of an ItemSelector.
type selector map[string]any

func (s *selector) UnmarshalJSON(data []byte) error {
	p, err := parsePayload(data, executionID, itemValue)
	*s = selector(p)
	return err
}

// parsePayload reads a payload template, in which these paths into the context object are known.
func parsePayload(data []byte, known ...string) (payload, error) {
	v, err := decode(data)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("payload template is %s, not an object", data)
	}
	_, err = replace(object, func(_ string, text any) (any, error) {
		if path, _ := text.(string); slices.Contains(known, path) {
			return nil, nil
		}
		return parsePath(text)
	})
	return object, err
}

// evaluate fills in the template. The context object has values by their paths.
func (p payload) evaluate(input any, context map[string]any) (map[string]any, error) {
	v, err := replace(map[string]any(p), func(key string, text any) (any, error) {
		name, _ := text.(string)
		if value, ok := context[name]; ok {
			return value, nil
		}
		path, err := parsePath(text)
		if err != nil {
			return nil, err
		}
		found, ok := path.get(input)
		if !ok {
			return nil, fail(errParameterPath,
				"The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'",
				path.text, key, encode(input))
		}
		return found, nil
	})
	object, _ := v.(map[string]any)
	return object, err
}

// replace copies a template. It puts what read returns in the place of its members "name.$".
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

// decode reads one JSON value. Numbers stay as they are written.
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
