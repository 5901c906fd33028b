package template

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
		return nil, "", err
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
	declared, _ := section(document, "Outputs")[name].(map[string]any)
	value, err := s.resolve(declared["Value"])
	if err != nil {
		return nil, "", fmt.Errorf("output %s of %s: %w", name, p.Location, err)
	}
	resolved, ok := value.(string)
	if !ok {
		return nil, "", fmt.Errorf("output %s of %s: %w", name, p.Location, errors.New("it is missing, or no text"))
	}
	return s, resolved, nil
}
