// Package graph draws a state machine from its definition in the Amazon States Language, as an SVG whose appearance
// comes from classes alone: a page with a strict Content-Security-Policy can hold it. It knows nothing of executions
// but what a Look says about states and the ways between them.
package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lazaret/lazaret/local/console/view"
)

// Machine is a state machine, or the part of one that a Map or Parallel state runs.
type Machine struct {
	StartAt string
	States  []State // in the order in which they are written
}

// State is one state, with what a drawing shows of it. Which fields are set depends on Type.
type State struct {
	Name     string
	Type     string // as in the definition, such as Task
	Comment  string
	Resource string // ARN of what a Task calls
	Next     string // empty if the state ends the machine or is a Choice
	End      bool   // also of Succeed and Fail
	Default  string // of a Choice
	Choices  []Rule
	Catch    []Catcher
	Inner    []Machine // of Map and Parallel
	Mode     string    // of a Map: DISTRIBUTED or INLINE, or empty
}

// Rule leads to a state if a condition holds.
type Rule struct {
	Condition, Short string // as text, with all paths in full and short
	Next             string
}

// Catcher leads to a state after some errors.
type Catcher struct {
	Errors []string
	Next   string
}

const (
	mostStates = 2000 // a definition has 1 MB at most on AWS
	mostDepth  = 20   // of Map and Parallel states in each other
)

// Parse reads a definition. The error says what in it is wrong.
func Parse(definition []byte) (Machine, error) {
	var w written
	if err := json.Unmarshal(definition, &w); err != nil {
		return Machine{}, fmt.Errorf("parse the definition of a state machine: %w", err)
	}
	left := mostStates
	m, err := w.machine(mostDepth, &left)
	if err != nil {
		return Machine{}, fmt.Errorf("parse the definition of a state machine: %w", err)
	}
	return m, nil
}

// written is a machine as it is written.
type written struct {
	StartAt string
	States  ordered
	// Of an ItemProcessor:
	ProcessorConfig struct{ Mode string }
}

// ordered are the members of an object in their order.
type ordered []member

type member struct {
	name string
	raw  json.RawMessage
}

// UnmarshalJSON keeps the order, which encoding/json's maps do not.
func (o *ordered) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("States is no object: %w", errors.Join(err))
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		m := member{name: fmt.Sprint(name)}
		if err := d.Decode(&m.raw); err != nil {
			return err
		}
		*o = append(*o, m)
	}
	return nil
}

// writtenState is a state as it is written.
type writtenState struct {
	Type, Comment, Resource, Next, Default string
	End                                    bool
	Choices                                []json.RawMessage
	Catch                                  []struct {
		ErrorEquals []string
		Next        string
	}
	Branches      []written
	ItemProcessor *written
	Iterator      *written // the name of ItemProcessor until 2022
}

// machine checks what is written. Depth and left bound what it reads.
func (w written) machine(depth int, left *int) (Machine, error) {
	m := Machine{StartAt: w.StartAt}
	if depth == 0 {
		return m, fmt.Errorf("more than %d states are within each other", mostDepth)
	}
	known := map[string]bool{}
	for _, member := range w.States {
		if *left--; *left < 0 {
			return m, fmt.Errorf("it has more than %d states", mostStates)
		}
		if known[member.name] {
			return m, fmt.Errorf("state %q is written twice", member.name)
		}
		known[member.name] = true
		var ws writtenState
		if err := json.Unmarshal(member.raw, &ws); err != nil {
			return m, fmt.Errorf("state %q: %w", member.name, err)
		}
		s, err := ws.state(member.name, depth, left)
		if err != nil {
			return m, fmt.Errorf("state %q: %w", member.name, err)
		}
		m.States = append(m.States, s)
	}
	if !known[m.StartAt] {
		return m, fmt.Errorf("StartAt names state %q, which does not exist", m.StartAt)
	}
	for _, s := range m.States {
		for _, e := range s.edges() {
			if !known[e.to] {
				return m, fmt.Errorf("state %q: leads to state %q, which does not exist", s.Name, e.to)
			}
		}
	}
	return m, nil
}

func (ws writtenState) state(name string, depth int, left *int) (State, error) {
	s := State{
		Name: name, Type: ws.Type, Comment: ws.Comment, Resource: ws.Resource, Next: ws.Next, Default: ws.Default,
		End: ws.End || ws.Type == "Succeed" || ws.Type == "Fail",
	}
	for _, raw := range ws.Choices {
		var next struct{ Next string }
		if err := json.Unmarshal(raw, &next); err != nil {
			return s, fmt.Errorf("Choices: %w", err)
		}
		s.Choices = append(s.Choices, Rule{
			Condition: view.Plain(conditionText(raw, false)), Short: view.Plain(conditionText(raw, true)), Next: next.Next,
		})
	}
	for _, c := range ws.Catch {
		s.Catch = append(s.Catch, Catcher{c.ErrorEquals, c.Next})
	}
	inner := ws.Branches
	for _, w := range []*written{ws.ItemProcessor, ws.Iterator} {
		if w != nil {
			s.Mode = w.ProcessorConfig.Mode
			inner = append(inner, *w)
		}
	}
	for _, w := range inner {
		m, err := w.machine(depth-1, left)
		if err != nil {
			return s, err
		}
		s.Inner = append(s.Inner, m)
	}
	return s, nil
}

// edge is a way from a state to another, by one or several rules or catchers.
type edge struct {
	to          string
	caught      bool
	label, full string // short and in full
}

// edges returns the ways from a state in their order: one for each other state that Next, rules and Default lead to,
// and one for each that catchers lead to.
func (s State) edges() []edge {
	var all []edge
	add := func(e edge) {
		if e.to == "" {
			return
		}
		for i, other := range all {
			if other.to == e.to && other.caught == e.caught {
				all[i].label = strings.Join([]string{other.label, e.label}, " or ")
				all[i].full = strings.Join([]string{other.full, e.full}, "\nor ")
				return
			}
		}
		all = append(all, e)
	}
	add(edge{to: s.Next})
	for _, r := range s.Choices {
		add(edge{to: r.Next, label: r.Short, full: r.Condition})
	}
	add(edge{to: s.Default, label: "Default", full: "Default"})
	for _, c := range s.Catch {
		text := view.Plain(strings.Join(c.Errors, " or "))
		add(edge{to: c.Next, caught: true, label: text, full: text})
	}
	return all
}

// Kind says what a state is in the words of Step Functions: "Lambda: Invoke" for a task, or its type.
func (s State) Kind() string {
	switch s.Type {
	case "Task":
		if strings.HasPrefix(s.Resource, "arn:aws:lambda:") {
			return "Lambda: Invoke"
		}
		parts := strings.Split(s.Resource, ":")
		if len(parts) < 7 {
			return view.Plain(s.Type)
		}
		action, _, _ := strings.Cut(parts[len(parts)-1], ".")
		return view.Plain(service(parts[len(parts)-2]) + ": " + title(action))
	case "Map":
		if s.Mode == "DISTRIBUTED" {
			return "Distributed map"
		}
	}
	return view.Plain(s.Type)
}

// service returns the name of a service as AWS's console writes it.
func service(name string) string {
	known := map[string]string{
		"lambda": "Lambda", "states": "Step Functions", "dynamodb": "DynamoDB", "events": "EventBridge", "batch": "Batch",
		"glue": "Glue",
	}[name]
	if known != "" {
		return known
	}
	return strings.ToUpper(name)
}

// title returns a text with a capital first letter.
func title(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
