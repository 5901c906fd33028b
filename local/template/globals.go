package template

import (
	"maps"
	"slices"
	"strings"
)

// withGlobals merges the section of Globals for the resource's kind into its
// properties by SAM's rules: maps are merged, lists appended, and of two values
// the resource's own counts.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
func withGlobals(globals map[string]any, kind string, properties map[string]any) map[string]any {
	section, ok := strings.CutPrefix(kind, "AWS::Serverless::")
	shared, _ := globals[section].(map[string]any)
	if !ok || len(shared) == 0 {
		return properties
	}
	return merge(shared, properties).(map[string]any)
}

// merge never looks into intrinsic functions: they are values.
func merge(shared, own any) any {
	switch o := own.(type) {
	case map[string]any:
		s, ok := shared.(map[string]any)
		if !ok || isCall(s) || isCall(o) {
			return own
		}
		out := maps.Clone(s)
		for key, v := range o {
			if common, both := s[key]; both {
				v = merge(common, v)
			}
			out[key] = v
		}
		return out
	case []any:
		if s, ok := shared.([]any); ok {
			return slices.Concat(s, o)
		}
	}
	return own
}

func isCall(m map[string]any) bool {
	_, _, ok := call(m)
	return ok
}
