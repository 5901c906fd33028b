package template

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// output resolves an output of a nested application, and returns the scope that the value belongs to.
func (b *builder) output(id, name string) (*scope, string, error) {
	d, location, err := b.nested(id)
	if err != nil {
		return nil, "", err
	}
	all, err := d.outputs()
	if err != nil {
		return nil, "", fmt.Errorf("load %s: %w", location, err)
	}
	value, ok := all[name]
	if !ok {
		return nil, "", fmt.Errorf("%s has no output %s", location, name)
	}
	return d.scope, value, nil
}

// nested reads the template of a nested application.
func (b *builder) nested(id string) (d *document, location string, err error) {
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
	if d, err = read(written, Options{StackName: b.stack + "-" + id, Parameters: given}); err != nil {
		return nil, "", fmt.Errorf("load %s: %w", p.Location, err)
	}
	return d, p.Location, nil
}

// alarms adds the properties of a nested application's alarms. CloudWatch's API has the same names for them.
func (b *builder) alarms(id string) error {
	d, location, err := b.nested(id)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(d.resources)) {
		r := d.resources[id]
		yes, err := d.condition(r.condition)
		if err == nil && yes && r.kind == kindAlarm {
			var v any
			if v, err = d.resolve(r.properties); err == nil {
				b.app.Alarms = append(b.app.Alarms, v.(map[string]any))
			}
		}
		if err != nil {
			return fmt.Errorf("load %s: resolve resource %s: %w", location, id, err)
		}
	}
	return nil
}
