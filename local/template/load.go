package template

import (
	"encoding/json"
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
	Defaults   map[string]string // take the place of the template's defaults, where it has such a parameter
}

// Load reads the template at path as it would be deployed with the options. The
// error names the parameter, condition or resource that is at fault. Resources
// of kinds that are not in the model are looked at for wrong references only.
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
	s, document, given, err := read(written, options)
	if err != nil {
		return nil, err
	}
	b := &builder{scope: s, dir: dir, app: &Application{Name: s.stack, Parameters: given}}
	if err := b.build(); err != nil {
		return nil, err
	}
	b.app.Outputs, err = s.outputs(section(document, "Outputs"))
	return b.app, err
}

// read decides the conditions of a template and knows its resources, all of
// them unresolved.
func read(written []byte, options Options) (s *scope, document map[string]any, given map[string]string, err error) {
	content, err := decode(written)
	if err != nil {
		return nil, nil, nil, err
	}
	document, ok := content.(map[string]any)
	if _, has := document["Resources"].(map[string]any); !ok || !has {
		return nil, nil, nil, errors.New("it is not a CloudFormation template: it has no Resources")
	}
	given, values, err := readParameters(document["Parameters"], options)
	if err != nil {
		return nil, nil, nil, err
	}
	s = &scope{
		stack: options.StackName, parameters: values, decided: map[string]bool{}, resources: map[string]resource{},
		conditions: section(document, "Conditions"),
	}
	for _, name := range slices.Sorted(maps.Keys(s.conditions)) {
		if _, err := s.condition(name); err != nil {
			return nil, nil, nil, err
		}
	}
	return s, document, given, s.readResources(section(document, "Resources"), section(document, "Globals"))
}

// section returns a top-level section, which may be missing.
func section(document map[string]any, name string) map[string]any {
	m, _ := document[name].(map[string]any)
	return m
}

func (s *scope) readResources(resources, globals map[string]any) error {
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		var head struct{ Type, Condition string }
		body, _ := resources[id].(map[string]any)
		if err := convert(body, &head); err != nil {
			return fmt.Errorf("read resource %s: %w", id, err)
		}
		if head.Type == "" {
			return fmt.Errorf("read resource %s: it has no Type", id)
		}
		properties, _ := body["Properties"].(map[string]any)
		s.resources[id] = resource{
			id: id, kind: head.Type, condition: head.Condition, properties: withGlobals(globals, head.Type, properties),
		}
	}
	return nil
}

// builder turns resolved resources into the model.
type builder struct {
	*scope
	dir string // relative paths start here
	app *Application
}

// build goes through the resources in the order of their logical ids; bucket
// policies and subscriptions last, since they complete buckets and topics.
func (b *builder) build() error {
	builders := map[string]func(resource, map[string]any) error{
		kindBucket: b.bucket, kindQueue: b.queue, kindTopic: b.topic, kindFunction: b.function,
		kindMachine: b.machine, kindRule: b.ruleResource,
	}
	completers := map[string]func(resource, map[string]any) error{kindPolicy: b.bucketPolicy, kindSubscription: b.subscription}
	var later []resource
	for _, id := range slices.Sorted(maps.Keys(b.resources)) {
		r := b.resources[id]
		if yes, err := b.condition(r.condition); err != nil || !yes {
			if err != nil {
				return fmt.Errorf("resolve resource %s: %w", id, err)
			}
			continue
		}
		if completers[r.kind] != nil {
			later = append(later, r)
			continue
		}
		if r.kind == kindNested {
			if err := b.alarms(r.id); err != nil {
				return fmt.Errorf("resolve resource %s: %w", r.id, err)
			}
		}
		if err := b.one(r, builders[r.kind]); err != nil {
			return err
		}
	}
	for _, r := range later {
		if err := b.one(r, completers[r.kind]); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) one(r resource, build func(resource, map[string]any) error) error {
	v, err := b.resolve(r.properties)
	if errors.Is(err, errUnsupported) && build == nil {
		return nil
	}
	if err == nil && build != nil {
		err = build(r, v.(map[string]any))
	}
	if err != nil {
		return fmt.Errorf("resolve resource %s: %w", r.id, err)
	}
	return nil
}

// convert reads resolved values into a struct by way of JSON.
func convert(v, into any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
