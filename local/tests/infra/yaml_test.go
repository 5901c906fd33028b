package infra_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The templates, and the documents that describe them.
const (
	root                  = "../../.."
	mainTemplate          = root + "/template.yaml"
	networkTemplate       = root + "/infra/network.yaml"
	observabilityTemplate = root + "/infra/observability.yaml"
	datadogTemplate       = root + "/infra/datadog.yaml"
	deployPage            = root + "/docs/deploy.md"
	operationsPage        = root + "/docs/operations.md"
	securityPage          = root + "/docs/security.md"
)

// parameter is a template's parameter.
type parameter struct {
	Default       *string  `yaml:"Default"`
	Description   string   `yaml:"Description"`
	AllowedValues []string `yaml:"AllowedValues"`
}

// templateFile is a template as it is written: without the values of its parameters, and with its comments.
type templateFile struct {
	Description string `yaml:"Description"`
	Metadata    struct {
		Interface struct {
			ParameterGroups []struct {
				Parameters []string `yaml:"Parameters"`
			} `yaml:"ParameterGroups"`
		} `yaml:"AWS::CloudFormation::Interface"`
	} `yaml:"Metadata"`
	Parameters map[string]parameter `yaml:"Parameters"`
	Mappings   struct {
		Sites map[string]map[string]string `yaml:"Sites"`
	} `yaml:"Mappings"`
	Globals struct {
		Function yaml.Node `yaml:"Function"`
	} `yaml:"Globals"`
	Resources map[string]yaml.Node `yaml:"Resources"`
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// readTemplate reads a template. The tags of intrinsic functions are left out when a node is decoded, and their
// arguments stay: !Ref Name is decoded as "Name".
func readTemplate(t *testing.T, path string) (file templateFile) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, path)), &file); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	if len(file.Resources) == 0 {
		t.Fatalf("%s has no resources", path)
	}
	return file
}

// resourcesOfType returns a template's resources of one type, by logical id. It fails the test if there are none.
func resourcesOfType(t *testing.T, path, want string) map[string]yaml.Node {
	t.Helper()
	found := map[string]yaml.Node{}
	for id, node := range readTemplate(t, path).Resources {
		var r struct {
			Type string `yaml:"Type"`
		}
		if err := node.Decode(&r); err != nil {
			t.Fatalf("%s: %s: %v", path, id, err)
		}
		if r.Type == want {
			found[id] = node
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no %s, want one at least", path, want)
	}
	return found
}

// properties decodes the properties of one resource. It fails the test if there is no such resource, because an absent
// node decodes as if it were empty.
func properties(t *testing.T, path, id string, into any) {
	t.Helper()
	node, there := readTemplate(t, path).Resources[id]
	if !there {
		t.Fatalf("%s has no resource %s", path, id)
	}
	var r struct {
		Properties yaml.Node `yaml:"Properties"`
	}
	if err := node.Decode(&r); err != nil {
		t.Fatalf("%s: %s: %v", path, id, err)
	}
	if r.Properties.IsZero() {
		t.Fatalf("%s: %s has no properties", path, id)
	}
	if err := r.Properties.Decode(into); err != nil {
		t.Fatalf("%s: %s: %v", path, id, err)
	}
}

// substitute returns the text of a scalar, or of a !Sub with the variables that it defines itself. References to the
// stack's resources and parameters stay as they are written.
func substitute(n *yaml.Node) (string, error) {
	n = aliased(n)
	if n.Kind == yaml.ScalarNode {
		return n.Value, nil
	}
	if n.Tag != "!Sub" || len(n.Content) != 2 {
		return "", fmt.Errorf("line %d: want text or a !Sub with variables, got %s", n.Line, n.Tag)
	}
	text, variables := aliased(n.Content[0]).Value, aliased(n.Content[1])
	for i := 0; i < len(variables.Content); i += 2 {
		if value := variables.Content[i+1]; value.Kind == yaml.ScalarNode {
			text = strings.ReplaceAll(text, "${"+variables.Content[i].Value+"}", value.Value)
		}
	}
	return text, nil
}

// aliased returns the node that an alias stands for, and any other node as it is.
func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// commentAbove returns the comment directly above a node, as one line. The YAML library hands it to the node or to the
// first scalar in the node.
func commentAbove(n *yaml.Node) string {
	for ; ; n = n.Content[0] {
		if n.HeadComment != "" {
			var words []string
			for line := range strings.Lines(n.HeadComment) {
				words = append(words, strings.Fields(strings.TrimPrefix(line, "#"))...)
			}
			return strings.Join(words, " ")
		}
		if len(n.Content) == 0 {
			return ""
		}
	}
}

// unexplainedNumbers returns the lines of numbers that have no comment, neither on the line nor directly above, nor
// above a property that contains them. The indexes of !Select are left out.
func unexplainedNumbers(n *yaml.Node) (lines []int) {
	if n.LineComment != "" || n.Tag == "!Select" || n.Kind == yaml.AliasNode {
		return nil
	}
	if n.Tag == "!!int" {
		return []int{n.Line}
	}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(n.Content); i += step {
		if n.Content[i].HeadComment == "" && n.Content[i].LineComment == "" {
			lines = append(lines, unexplainedNumbers(n.Content[i+step-1])...)
		}
	}
	return lines
}

// sortedKeys returns a map's keys in their order.
func sortedKeys[Value any](m map[string]Value) []string { return slices.Sorted(maps.Keys(m)) }
