package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// definition is a state machine as it is written.
type definition struct {
	StartAt        string
	TimeoutSeconds int64 // zero for none
	States         map[string]json.RawMessage

	states map[string]*state
}

// state is one state as it is written. Which fields are used depends on Type.
type state struct {
	name string
	kind

	Type, Next string // Next is empty at an end
	End        bool
	OutputPath path

	Parameters     payload // Task, to Catch, of which Map has the last two
	ResultPath     place   // and Pass
	Resource       string
	TimeoutSeconds *int64
	Retry          []retrier
	Catch          []catcher

	Result    json.RawMessage // Pass
	Choices   []rule          // Choice
	Default   string
	Error     string // Fail
	CausePath path

	distributed // Map
}

// kind is what the Type of a state decides: the fields that it may have beside Type and Comment, and how it runs.
type kind struct {
	fields string
	run    func(v *visit, input any) (output any, next string, err error)
}

func kindOf(stateType string) (kind, bool) {
	k, known := map[string]kind{
		"Task": {
			fields: "Resource TimeoutSeconds Parameters ResultPath Retry Catch OutputPath Next End",
			run:    (*visit).runTask,
		},
		"Map": {
			fields: "ItemReader ItemSelector MaxConcurrency ToleratedFailurePercentage ItemProcessor ResultWriter " +
				"ResultPath Retry Catch OutputPath Next End",
			run: (*visit).runMap,
		},
		"Pass":    {fields: "Result ResultPath OutputPath Next End", run: (*visit).runPass},
		"Choice":  {fields: "Choices Default OutputPath", run: (*visit).runChoice},
		"Succeed": {fields: "OutputPath", run: (*visit).runPass},
		"Fail":    {fields: "Error CausePath", run: (*visit).runFail},
	}[stateType]
	return k, known
}

// strict decodes an object that has no other members than those allowed. It compares names exactly: encoding/json would
// skip a misspelt name and take "next" for Next.
func strict(data []byte, allowed string, into any) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	known := strings.Fields(allowed)
	for name := range members {
		if !slices.Contains(known, name) {
			return fmt.Errorf("field %q is unknown or not supported", name)
		}
	}
	return json.Unmarshal(data, into)
}

// parse reads a machine and checks all of it, so that an error shows when the machine is loaded and not in the one
// execution that gets so far.
func parse(data []byte) (*definition, error) {
	d := &definition{states: map[string]*state{}}
	if err := strict(data, "Comment StartAt States TimeoutSeconds", d); err != nil {
		return nil, fmt.Errorf("parse definition: %w", err)
	}
	if d.TimeoutSeconds < 0 {
		return nil, fmt.Errorf("TimeoutSeconds %d is negative", d.TimeoutSeconds)
	}
	return d, d.parseStates()
}

// parseStates reads the states of a machine or of an ItemProcessor.
func (d *definition) parseStates() error {
	for name, raw := range d.States {
		s, err := parseState(name, raw)
		if err != nil {
			return fmt.Errorf("state %q: %w", name, err)
		}
		d.states[name] = s
	}
	if d.states[d.StartAt] == nil {
		return fmt.Errorf("StartAt names state %q, which does not exist", d.StartAt)
	}
	for name, s := range d.states {
		for _, next := range s.targets() {
			if d.states[next] == nil {
				return fmt.Errorf("state %q: leads to state %q, which does not exist", name, next)
			}
		}
	}
	return nil
}

func parseState(name string, raw json.RawMessage) (*state, error) {
	var head struct{ Type string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	k, known := kindOf(head.Type)
	if !known {
		return nil, fmt.Errorf("type %q is unknown or not supported", head.Type)
	}
	s := &state{name: name, kind: k}
	if err := strict(raw, "Type Comment "+k.fields, s); err != nil {
		return nil, fmt.Errorf("%s: %w", head.Type, err)
	}
	return s, s.check()
}

// check holds the rules that are about more than one field's type.
func (s *state) check() error {
	switch {
	case strings.HasSuffix(s.fields, "Next End") && (s.Next != "") == s.End:
		return errors.New("exactly one of Next and End must be given")
	case s.Type == "Choice" && len(s.Choices) == 0:
		return errors.New("Choices is missing or empty")
	case s.TimeoutSeconds != nil && *s.TimeoutSeconds <= 0:
		return fmt.Errorf("TimeoutSeconds is %d, not positive", *s.TimeoutSeconds)
	case s.Type == "Map":
		return errors.Join(s.distributed.check(), wildcardLast("Retry", s.Retry), wildcardLast("Catch", s.Catch))
	case s.Type == "Task":
		return errors.Join(s.checkIntegration(), wildcardLast("Retry", s.Retry), wildcardLast("Catch", s.Catch))
	}
	return nil
}

// targets are the states that this one can lead to.
func (s *state) targets() []string {
	out := slices.DeleteFunc([]string{s.Next, s.Default}, func(name string) bool { return name == "" })
	for _, r := range s.Choices {
		out = append(out, r.next)
	}
	for _, c := range s.Catch {
		out = append(out, c.Next)
	}
	return out
}
