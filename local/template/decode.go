package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decode turns YAML, and JSON, which is YAML, into maps, lists and scalars, with CloudFormation's short tags in their
// long form: !Ref X becomes {"Ref": "X"}. Numbers are json.Number; dates are text, because policies have one in
// Version.
func decode(text []byte) (v any, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if err := expand(&document); err != nil {
		return nil, err
	}
	if err := document.Decode(&v); err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return v, d.Decode(&v)
}

// expand puts a map of one function in the place of each node that has a tag of CloudFormation.
func expand(n *yaml.Node) error {
	for _, child := range n.Content {
		if err := expand(child); err != nil {
			return err
		}
	}
	tag := n.ShortTag()
	switch {
	case tag == "!!merge":
		return fmt.Errorf("line %d: CloudFormation has no merge keys (<<)", n.Line)
	case tag == "!!timestamp", (tag == "!!int" || tag == "!!float") && !json.Valid([]byte(n.Value)):
		n.Tag = "!!str" // 0123 and 1_000 are not numbers in JSON
	case strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") && tag != "!":
		name := tag[1:]
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		argument := *n
		argument.Tag, argument.Anchor = "", ""
		if n.Kind == yaml.ScalarNode {
			argument.Tag = "!!str"
		}
		function := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}
		*n = yaml.Node{
			Kind: yaml.MappingNode, Tag: "!!map", Anchor: n.Anchor, Line: n.Line, Content: []*yaml.Node{&function, &argument},
		}
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

// CloudFormation takes a scalar of any type for a property of another: '30' for 30, true for "true". These types read
// each of them.
type (
	text   string
	number int
	truth  bool
)

func (t *text) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	*t = text(s)
	return err
}

func (n *number) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if err != nil {
		return err
	}
	v, err := strconv.Atoi(s)
	*n = number(v)
	return err
}

func (t *truth) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if err != nil {
		return err
	}
	v, err := strconv.ParseBool(s)
	*t = truth(v)
	return err
}

func (n number) seconds() time.Duration { return time.Duration(n) * time.Second }

func scalar(b []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	return asText(v)
}

// asText writes a resolved scalar as CloudFormation does where it wants text.
func asText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("want text, a number or a boolean, got %s", shape(v))
}

// shape describes a value for errors.
func shape(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case removed:
		return "AWS::NoValue"
	}
	return fmt.Sprint(v)
}
