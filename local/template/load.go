package template

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Options are what a deployment adds to a template.
type Options struct {
	StackName  string            // AWS::StackName; "lazaret" when empty
	Parameters map[string]string // overrides of the parameters' defaults
	Defaults   map[string]string // replace the template's defaults of those parameters that it has
}

// Load reads the template at path as it would be deployed with the options. The error names the parameter, condition or
// resource that is wrong. Of resources that the local stack does not run, only the references are checked.
func Load(path string, options Options) (*Application, error) {
	written, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	app, err := load(written, filepath.Dir(path), options)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return app, nil
}

func load(written []byte, dir string, options Options) (*Application, error) {
	if options.StackName == "" {
		options.StackName = "lazaret"
	}
	d, err := read(written, options)
	if err != nil {
		return nil, err
	}
	b := &builder{scope: d.scope, dir: dir, app: &Application{Name: d.stack, Parameters: d.given}}
	if err := b.build(); err != nil {
		return nil, err
	}
	b.app.Outputs, err = d.outputs()
	return b.app, err
}

// document is a template whose conditions are decided and whose resources are known, but not resolved.
type document struct {
	*scope
	given    map[string]string // the parameters' values as text
	sections map[string]any
}

func read(written []byte, options Options) (*document, error) {
	content, err := decode(written)
	if err != nil {
		return nil, err
	}
	sections, _ := content.(map[string]any)
	if section(sections, "Resources") == nil {
		return nil, errors.New("it is not a CloudFormation template: it has no Resources")
	}
	given, values, err := readParameters(sections["Parameters"], options)
	if err != nil {
		return nil, err
	}
	s := &scope{
		stack: options.StackName, parameters: values, decided: map[string]bool{}, resources: map[string]resource{},
		conditions: section(sections, "Conditions"),
	}
	for _, name := range slices.Sorted(maps.Keys(s.conditions)) {
		if _, err := s.condition(name); err != nil {
			return nil, err
		}
	}
	d := &document{scope: s, given: given, sections: sections}
	return d, s.readResources(section(sections, "Resources"), section(sections, "Globals"))
}

// section returns a section of a template, nil when it has none.
func section(sections map[string]any, name string) map[string]any {
	m, _ := sections[name].(map[string]any)
	return m
}

func (s *scope) readResources(resources, globals map[string]any) error {
	for id, body := range resources {
		var head struct{ Type, Condition string }
		if err := convert(body, &head); err != nil {
			return fmt.Errorf("read resource %s: %w", id, err)
		}
		if head.Type == "" {
			return fmt.Errorf("read resource %s: it has no Type", id)
		}
		properties := section(body.(map[string]any), "Properties")
		s.resources[id] = resource{
			id: id, kind: head.Type, condition: head.Condition, properties: withGlobals(globals, head.Type, properties),
		}
	}
	return nil
}

// outputs resolves the outputs whose conditions hold.
func (d *document) outputs() (map[string]string, error) {
	values := map[string]string{}
	for name, body := range section(d.sections, "Outputs") {
		var o struct {
			Condition string
			Value     any
		}
		err := convert(body, &o)
		yes := false
		if err == nil {
			yes, err = d.condition(o.Condition)
		}
		var v any
		if err == nil && yes {
			v, err = d.resolve(o.Value)
		}
		if err == nil && yes {
			values[name], err = asText(v)
		}
		if err != nil {
			return nil, fmt.Errorf("resolve output %s: %w", name, err)
		}
	}
	return values, nil
}

// builder turns resolved resources into the model.
type builder struct {
	*scope
	dir string // relative paths start here
	app *Application
}

// build reads the resources in the order of their logical ids; bucket policies and subscriptions last, because they
// complete buckets and topics.
func (b *builder) build() error {
	type build func(id string, i identity, properties map[string]any) error
	plain := func(f func(identity, map[string]any) error) build {
		return func(_ string, i identity, properties map[string]any) error { return f(i, properties) }
	}
	first := map[string]build{
		kindBucket: plain(b.bucket), kindQueue: plain(b.queue), kindTopic: plain(b.topic), kindRule: plain(b.rule),
		kindFunction: b.function, kindMachine: b.machine,
		kindNested: func(id string, _ identity, _ map[string]any) error { return b.alarms(id) },
	}
	second := map[string]build{kindPolicy: plain(b.bucketPolicy), kindSubscription: plain(b.subscription)}
	for pass, builders := range []map[string]build{first, second} {
		for _, id := range slices.Sorted(maps.Keys(b.resources)) {
			r := b.resources[id]
			run := builders[r.kind]
			if run == nil && (pass > 0 || second[r.kind] != nil) {
				continue
			}
			if err := b.one(r, run); err != nil {
				return fmt.Errorf("resolve resource %s: %w", id, err)
			}
		}
	}
	rank := map[bool]int{true: 1} // of an Express machine
	slices.SortStableFunc(b.app.Machines, func(a, b Machine) int { return rank[a.Express] - rank[b.Express] })
	return b.checkSources()
}

// one resolves a resource and gives it to build, which is nil for resources that the local stack does not run.
func (b *builder) one(r resource, build func(string, identity, map[string]any) error) error {
	yes, err := b.condition(r.condition)
	if err != nil || !yes {
		return err
	}
	v, err := b.resolve(r.properties)
	if build == nil {
		if errors.Is(err, errUnsupported) {
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	i, err := b.identify(r.id)
	if err != nil {
		return err
	}
	return build(r.id, i, v.(map[string]any))
}
