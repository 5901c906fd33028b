package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// definition is a state machine as it was written.
type definition struct {
	StartAt        string
	TimeoutSeconds int64 // zero for none
	States         map[string]json.RawMessage

	states map[string]*state
}

// state is one state as it was written. Which fields are used depends on Type.
type state struct {
	name string
	kind

	Type, Next                 string // Next is empty at an end
	End                        bool
	InputPath, OutputPath      filter
	Parameters, ResultSelector *payload
	ResultPath                 place

	Resource       string // Task, to TimeoutSeconds
	Retry          []retrier
	Catch          []catcher
	TimeoutSeconds *int64

	Result               value  // Pass
	Choices              []rule // Choice
	Default              string
	Seconds              *int64 // Wait
	Error, Cause         string // Fail
	ErrorPath, CausePath *path
}

// kind is what a state's Type decides: the fields that it may have here beside
// Type and Comment, and how it runs.
type kind struct {
	fields string
	run    func(v *visit, input any) (output any, next string, err error)
}

var kinds = map[string]kind{
	"Task":    {"Resource TimeoutSeconds Parameters ResultSelector ResultPath Retry Catch InputPath OutputPath Next End", (*visit).runTask},
	"Pass":    {"Result Parameters ResultPath InputPath OutputPath Next End", (*visit).runPass},
	"Wait":    {"Seconds InputPath OutputPath Next End", (*visit).runWait},
	"Choice":  {"Choices Default InputPath OutputPath", (*visit).runChoice},
	"Succeed": {"InputPath OutputPath", (*visit).runPass},
	"Fail":    {"Error ErrorPath Cause CausePath", (*visit).runFail},
}

// strict decodes an object whose members must all be allowed. Names are compared
// exactly: encoding/json alone would drop what is misspelt and take "next" for Next.
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

// parse reads a machine and compiles its paths, so that a typing error is found
// at load and not in the one execution that gets that far.
func parse(data []byte) (*definition, error) {
	d := &definition{states: map[string]*state{}}
	if err := strict(data, "Comment StartAt States TimeoutSeconds", d); err != nil {
		return nil, fmt.Errorf("parse definition: %w", err)
	}
	if d.TimeoutSeconds < 0 {
		return nil, fmt.Errorf("TimeoutSeconds %d is negative", d.TimeoutSeconds)
	}
	for name, raw := range d.States {
		s, err := parseState(name, raw)
		if err != nil {
			return nil, fmt.Errorf("state %q: %w", name, err)
		}
		d.states[name] = s
	}
	if d.states[d.StartAt] == nil {
		return nil, fmt.Errorf("StartAt names state %q, which does not exist", d.StartAt)
	}
	for name, s := range d.states {
		for _, next := range s.targets() {
			if d.states[next] == nil {
				return nil, fmt.Errorf("state %q: leads to state %q, which does not exist", name, next)
			}
		}
	}
	return d, nil
}

func parseState(name string, raw json.RawMessage) (*state, error) {
	var head struct{ Type string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	k, ok := kinds[head.Type]
	if !ok {
		return nil, fmt.Errorf("type %q is unknown or not supported", head.Type)
	}
	s := &state{name: name, kind: k}
	if err := strict(raw, "Type Comment "+k.fields, s); err != nil {
		return nil, fmt.Errorf("%s: %w", head.Type, err)
	}
	return s, s.check()
}

// check holds what the fields' own types cannot.
func (s *state) check() error {
	switch {
	case strings.HasSuffix(s.fields, "Next End") && (s.Next != "") == s.End:
		return errors.New("exactly one of Next and End must be given")
	case s.Type == "Wait" && (s.Seconds == nil || *s.Seconds < 0):
		return errors.New("Seconds is missing or negative")
	case s.Type == "Choice" && len(s.Choices) == 0:
		return errors.New("Choices is missing or empty")
	case s.Error != "" && s.ErrorPath != nil || s.Cause != "" && s.CausePath != nil:
		return errors.New("Error and ErrorPath, Cause and CausePath exclude each other")
	case s.TimeoutSeconds != nil && *s.TimeoutSeconds <= 0:
		return fmt.Errorf("TimeoutSeconds is %d, not positive", *s.TimeoutSeconds)
	case s.Type == "Task":
		return errors.Join(s.checkIntegration(), wildcardLast("Retry", s.Retry), wildcardLast("Catch", s.Catch))
	}
	return nil
}

// timeout of a Task; zero for none.
func (s *state) timeout() time.Duration {
	if s.TimeoutSeconds == nil {
		return 0
	}
	return time.Duration(*s.TimeoutSeconds) * time.Second
}

// targets are the states that this one can lead to.
func (s *state) targets() []string {
	var out []string
	for _, next := range []string{s.Next, s.Default} {
		if next != "" {
			out = append(out, next)
		}
	}
	for _, r := range s.Choices {
		out = append(out, r.next)
	}
	for _, c := range s.Catch {
		out = append(out, c.Next)
	}
	return out
}
