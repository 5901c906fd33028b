package events

import (
	"fmt"
	"strings"

	"github.com/ohler55/ojg/jp"

	"github.com/lazaret/lazaret/local/template"
)

// body is what a target receives. Event is the event as text, decoded the same
// for paths.
func body(t template.Target, r template.Rule, event []byte, decoded map[string]any) (string, error) {
	switch {
	case t.Input != "":
		return t.Input, nil
	case t.InputPath != "":
		value, err := lookUp(t.InputPath, decoded)
		if err != nil {
			return "", err
		}
		out, err := encode(value)
		return string(out), err
	case t.Template != nil:
		return transform(*t.Template, r, decoded)
	default:
		return string(event), nil
	}
}

func lookUp(path string, event map[string]any) (any, error) {
	expr, err := jp.ParseString(path)
	if err != nil {
		return nil, fmt.Errorf("read path %q: %w", path, err)
	}
	found := expr.Get(event)
	if strings.Contains(path, "*") {
		return found, nil
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}
