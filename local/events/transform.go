package events

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

// placeholder is a variable of an input template: the user's own, or one of
// those that EventBridge predefines.
var placeholder = regexp.MustCompile(`<[A-Za-z0-9_.-]+>`)

// transform fills an input template. Outside quotes a variable becomes its JSON,
// inside them its text; one that the event has nothing for becomes an empty
// string, and what is no variable stays as it is.
func transform(t template.InputTemplate, r template.Rule, event map[string]any) (string, error) {
	short := make(map[string]any)
	for name, v := range event {
		if name != "detail" {
			short[name] = v
		}
	}
	variables := map[string]any{
		"aws.events.rule-arn":             ruleARN(r),
		"aws.events.rule-name":            r.Name,
		"aws.events.event":                short,
		"aws.events.event.json":           event,
		"aws.events.event.ingestion-time": event["time"],
	}
	for name, path := range t.Paths {
		value, err := lookUp(path, event)
		if err != nil {
			return "", fmt.Errorf("fill variable %s: %w", name, err)
		}
		if value == nil {
			value = ""
		}
		variables[name] = value
	}
	var out strings.Builder
	last := 0
	for _, at := range placeholder.FindAllStringIndex(t.Template, -1) {
		value, ok := variables[t.Template[at[0]+1:at[1]-1]]
		if !ok {
			continue
		}
		text, err := encode(value)
		if err != nil {
			return "", err
		}
		if inQuotes(t.Template[:at[0]]) {
			if _, isText := value.(string); !isText {
				text, err = encode(string(text))
			}
			if err != nil {
				return "", err
			}
			text = text[1 : len(text)-1]
		}
		out.WriteString(t.Template[last:at[0]])
		out.Write(text)
		last = at[1]
	}
	return out.String() + t.Template[last:], nil
}

func inQuotes(before string) bool {
	in := false
	for i := 0; i < len(before); i++ {
		switch before[i] {
		case '\\':
			i++
		case '"':
			in = !in
		}
	}
	return in
}
