package template

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth stops an anchor that contains its own alias. CloudFormation's own
// documents stay far below it.
const maxDepth = 100

// decode turns YAML (and JSON, which is YAML) into maps, lists and scalars, with
// every short tag in its long form: !Ref X becomes {"Ref": "X"}. Numbers stay as
// they are written (json.Number), because account ids and file modes are numbers
// to YAML; dates are text, because policies have one in Version.
func decode(text []byte) (any, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	return plain(&document, 0)
}

func plain(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested deeper than %d levels", n.Line, maxDepth)
	}
	var v any
	var err error
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0], depth+1)
	case yaml.AliasNode:
		return plain(n.Alias, depth+1)
	case yaml.MappingNode:
		v, err = plainMap(n, depth)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			if list[i], err = plain(item, depth+1); err != nil {
				return nil, err
			}
		}
		v = list
	case yaml.ScalarNode:
		v = plainScalar(n)
	}
	if err != nil || !tagged(n) {
		return v, err
	}
	return intrinsic(strings.TrimPrefix(n.Tag, "!"), v), nil
}

// tagged tells CloudFormation's tags (!Sub) from YAML's own (!!str).
func tagged(n *yaml.Node) bool {
	return strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") && n.Tag != "!"
}

func intrinsic(name string, argument any) map[string]any {
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	return map[string]any{name: argument}
}

func plainMap(n *yaml.Node, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a key is not text", key.Line)
		}
		if key.Tag == "!!merge" {
			return nil, fmt.Errorf("line %d: CloudFormation knows no merge keys (<<)", key.Line)
		}
		if _, twice := m[key.Value]; twice {
			return nil, fmt.Errorf("line %d: key %s stands twice", key.Line, key.Value)
		}
		v, err := plain(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}

func plainScalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) { // 0123 and 1_000 are not numbers in JSON
			return json.Number(n.Value)
		}
	}
	return n.Value
}
