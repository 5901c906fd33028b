package states

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// scope is what paths are read from: "$" is input, "$$" the context object,
// which is built only when a path asks for it.
type scope struct {
	input   any
	context func() any
}

// path leads through members of objects to one place: $.scan.verdict. The rest of
// JSONPath (indices, wildcards, filters) is refused at load: no machine of ours
// uses it, and what is left needs no library.
type path struct {
	text        string
	fromContext bool
	members     []string
}

var supported = regexp.MustCompile(`^\$\$?(\.[\pL_][\pL\pN_-]*)*$`)

// parsePath reads a path from what a definition has for it.
func parsePath(v any) (*path, error) {
	text, _ := v.(string)
	if !supported.MatchString(text) {
		return nil, fmt.Errorf("path %s is more than members of $ or $$, which is all that is supported", encode(v))
	}
	return &path{text, strings.HasPrefix(text, "$$"), strings.Split(text, ".")[1:]}, nil
}

// UnmarshalJSON reads a path from a definition.
func (p *path) UnmarshalJSON(data []byte) error {
	v, err := decode(data)
	if err != nil {
		return err
	}
	parsed, err := parsePath(v)
	if err == nil {
		*p = *parsed
	}
	return err
}

// get returns what the path finds and whether it finds anything: a null that is
// there is found. The value is shared with the input and must not be changed.
func (p *path) get(sc *scope) (any, bool) {
	v := sc.input
	if p.fromContext {
		v = sc.context()
	}
	for _, name := range p.members {
		object, _ := v.(map[string]any)
		member, found := object[name]
		if !found {
			return nil, false
		}
		v = member
	}
	return v, true
}

// filter is an InputPath or OutputPath: absent it passes everything, null gives
// an empty object.
type filter struct {
	path *path
	null bool
}

// UnmarshalJSON tells null from a path.
func (f *filter) UnmarshalJSON(data []byte) error {
	f.null = string(data) == "null"
	return json.Unmarshal(data, &f.path)
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
		return nil, fail(errRuntime, "Invalid path '%s' : No results for path", f.path.text)
	}
	return v, nil
}

// place is a ResultPath: where a result goes in the state's raw input. Absent it
// replaces the input, null leaves the input as it is.
type place struct {
	filter
}

// UnmarshalJSON refuses what cannot be written to.
func (p *place) UnmarshalJSON(data []byte) error {
	if err := p.filter.UnmarshalJSON(data); err != nil {
		return err
	}
	if p.path != nil && p.path.fromContext {
		return fmt.Errorf("result path %q is in the context object", p.path.text)
	}
	return nil
}

func (p place) put(input, result any) (any, error) {
	switch {
	case p.null:
		return input, nil
	case p.path == nil:
		return result, nil
	}
	output, ok := put(p.path.members, input, result)
	if !ok {
		return nil, fail(errResultPathMatch, "Unable to apply step \"ResultPath\" to input %s: path %s leads into a value that is no object", encode(input), p.path.text)
	}
	return output, nil
}

// put returns root with value at the end of the members; missing objects are made.
// Only the objects on the way are copied: root itself may still be asked for.
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
