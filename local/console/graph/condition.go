package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// conditionText returns the condition of a rule as text: "$.scan.verdict = INFECTED", or in short "verdict = INFECTED".
func conditionText(raw json.RawMessage, short bool) string {
	return condition(raw, short, 10)
}

func condition(raw json.RawMessage, short bool, depth int) string {
	var c struct {
		And, Or   []json.RawMessage
		Not       json.RawMessage
		Variable  string
		Condition string // of JSONata
	}
	if depth == 0 || json.Unmarshal(raw, &c) != nil {
		return "…"
	}
	switch {
	case c.Condition != "":
		return strings.Trim(c.Condition, "{%} ")
	case c.And != nil:
		return joined(c.And, " and ", short, depth)
	case c.Or != nil:
		return joined(c.Or, " or ", short, depth)
	case c.Not != nil:
		if name, present, ok := presence(c.Not, short); ok {
			return presenceText(name, !present)
		}
		return "not (" + condition(c.Not, short, depth-1) + ")"
	case c.Variable != "":
		return comparison(raw, variable(c.Variable, short), short)
	}
	return "…"
}

// joined joins conditions. In short it leaves out those that only guard a later one: that a variable is present which
// another condition compares.
func joined(all []json.RawMessage, word string, short bool, depth int) string {
	var parts []string
	for i, raw := range all {
		if name, present, ok := presence(raw, short); ok && present && short && word == " and " {
			guarded := false
			for _, later := range all[i+1:] {
				var c struct{ Variable string }
				guarded = guarded || json.Unmarshal(later, &c) == nil && variable(c.Variable, short) == name
			}
			if guarded {
				continue
			}
		}
		text := condition(raw, short, depth-1)
		if strings.Contains(text, " or ") {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, word)
}

// presence returns the variable of a condition that asks whether it is present.
func presence(raw json.RawMessage, short bool) (name string, present, ok bool) {
	var c struct {
		Variable  string
		IsPresent *bool
	}
	if json.Unmarshal(raw, &c) != nil || c.IsPresent == nil {
		return "", false, false
	}
	return variable(c.Variable, short), *c.IsPresent, true
}

func presenceText(name string, present bool) string {
	if present {
		return name + " is present"
	}
	return "no " + name
}

// operators are the signs for the ends of the names of operators, the longest first.
var operators = []struct{ end, sign string }{
	{"GreaterThanEquals", "≥"},
	{"LessThanEquals", "≤"},
	{"GreaterThan", ">"},
	{"LessThan", "<"},
	{"Equals", "="},
	{"Matches", "matches"},
}

// comparison returns a condition with one operator.
func comparison(raw json.RawMessage, name string, short bool) string {
	if name, present, ok := presence(raw, short); ok {
		return presenceText(name, present)
	}
	var members ordered
	if json.Unmarshal(raw, &members) != nil {
		return "…"
	}
	for _, m := range members {
		switch m.name {
		case "Variable", "Next", "Comment", "Assign", "Output":
			continue
		}
		if name, isPath := strings.CutSuffix(m.name, "Path"); isPath {
			m.name = name
		}
		var text string
		if json.Unmarshal(m.raw, &text) != nil {
			var compact bytes.Buffer
			if json.Compact(&compact, m.raw) != nil {
				return "…"
			}
			text = compact.String()
		}
		switch {
		case m.name == "BooleanEquals" && text == "true":
			return name
		case m.name == "BooleanEquals" && text == "false":
			return "not " + name
		case strings.HasPrefix(m.name, "Is"): // IsNull and such
			return fmt.Sprintf("%s %s: %s", name, m.name, text)
		}
		for _, o := range operators {
			if strings.HasSuffix(m.name, o.end) {
				return name + " " + o.sign + " " + text
			}
		}
		return name + " " + m.name + " " + text
	}
	return "…"
}

// variable returns a path, or in short the last member of it.
func variable(path string, short bool) string {
	if !short {
		return path
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}
