package template

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// output resolves an output of a nested application in that one's own scope.
func (b *builder) output(id, name string) (*scope, string, error) {
	s, document, location, err := b.nested(id)
	if err != nil {
		return nil, "", err
	}
	all, err := s.outputs(section(document, "Outputs"))
	if err != nil {
		return nil, "", fmt.Errorf("load %s: %w", location, err)
	}
	value, ok := all[name]
	if !ok {
		return nil, "", fmt.Errorf("%s has no output %s", location, name)
	}
	return s, value, nil
}

// nested reads the template of a nested application.
func (b *builder) nested(id string) (s *scope, document map[string]any, location string, err error) {
	v, err := b.resolve(b.resources[id].properties)
	if err != nil {
		return nil, nil, "", err
	}
	var p struct {
		Location   string
		Parameters map[string]text
	}
	if err := convert(v, &p); err != nil {
		return nil, nil, "", fmt.Errorf("read its properties: %w", err)
	}
	written, err := os.ReadFile(filepath.Join(b.dir, p.Location))
	if err != nil {
		return nil, nil, "", fmt.Errorf("read Location: %w", err)
	}
	given := map[string]string{}
	for parameter, value := range p.Parameters {
		given[parameter] = string(value)
	}
	if s, document, _, err = read(written, Options{StackName: b.stack + "-" + id, Parameters: given}); err != nil {
		return nil, nil, "", fmt.Errorf("load %s: %w", p.Location, err)
	}
	return s, document, p.Location, nil
}

// alarms takes in the alarms of a nested application, as CloudWatch's API calls
// their properties, which is as CloudFormation does. A Location that is no file
// here has none.
func (b *builder) alarms(id string) error {
	s, _, location, err := b.nested(id)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(s.resources)) {
		r := s.resources[id]
		yes, err := s.condition(r.condition)
		if err == nil && yes && r.kind == kindAlarm {
			var v any
			if v, err = s.resolve(r.properties); err == nil {
				b.app.Alarms = append(b.app.Alarms, v.(map[string]any))
			}
		}
		if err != nil {
			return fmt.Errorf("load %s: resolve resource %s: %w", location, id, err)
		}
	}
	return nil
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
