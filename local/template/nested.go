package template

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// output reads the template of a nested application and resolves one of its
// outputs in its own scope.
func (b *builder) output(id, name string) (*scope, string, error) {
	v, err := b.resolve(b.resources[id].properties)
	if err != nil {
		return nil, "", err
	}
	var p struct {
		Location   string
		Parameters map[string]text
	}
	if err := convert(v, &p); err != nil {
		return nil, "", fmt.Errorf("read its properties: %w", err)
	}
	written, err := os.ReadFile(filepath.Join(b.dir, p.Location))
	if err != nil {
		return nil, "", fmt.Errorf("read Location: %w", err)
	}
	given := map[string]string{}
	for parameter, value := range p.Parameters {
		given[parameter] = string(value)
	}
	s, document, _, err := read(written, Options{StackName: b.stack + "-" + id, Parameters: given})
	if err != nil {
		return nil, "", fmt.Errorf("load %s: %w", p.Location, err)
	}
	all, err := s.outputs(section(document, "Outputs"))
	if err != nil {
		return nil, "", fmt.Errorf("load %s: %w", p.Location, err)
	}
	value, ok := all[name]
	if !ok {
		return nil, "", fmt.Errorf("%s has no output %s", p.Location, name)
	}
	return s, value, nil
}

// outputs resolves the outputs whose conditions hold.
func (s *scope) outputs(declared map[string]any) (map[string]string, error) {
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		var o struct{ Condition string }
		body, _ := declared[name].(map[string]any)
		if err := convert(body, &o); err != nil {
			return nil, fmt.Errorf("read output %s: %w", name, err)
		}
		if yes, err := s.condition(o.Condition); err != nil || !yes {
			if err != nil {
				return nil, fmt.Errorf("resolve output %s: %w", name, err)
			}
			continue
		}
		v, err := s.resolve(body["Value"])
		if err == nil {
			values[name], err = asText(v)
		}
		if err != nil {
			return nil, fmt.Errorf("resolve output %s: %w", name, err)
		}
	}
	return values, nil
}
