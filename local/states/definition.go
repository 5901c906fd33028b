package states

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// graph is a set of states with a first one: a machine, a branch of a Parallel
// or the processor of a Map.
type graph struct {
	startAt string
	states  map[string]*state
	timeout time.Duration // of a machine; zero for none
}

// state is one compiled state. Which fields are used depends on kind.
type state struct {
	name, kind     string
	next           string // empty at an end
	input, output  filter
	parameters     expression
	resultSelector expression
	resultPath     reference
	discardResult  bool // ResultPath is null
	retry          []retrier
	catch          []catcher

	result   *any                                           // Pass
	rules    []rule                                         // Choice; next is its Default
	duration func(*scope) (time.Duration, error)            // Wait
	failWith [2]expression                                  // Fail: error and cause, nil when not given
	task     *task                                          // Task
	branches []*graph                                       // Parallel, or the one processor of a Map
	items    func(*scope) ([]any, error)                    // Map
	each     expression                                     // Map: ItemSelector
	limit    int                                            // Map: iterations at a time
	run      func(v *visit, input any) (any, string, error) // chosen by kind
}

// fieldsOf lists, beside those of everyState, the fields that each type of state
// may have here. What AWS allows and this interpreter does not is not in it.
var fieldsOf = map[string]string{
	"Task":     "Resource TimeoutSeconds TimeoutSecondsPath Parameters ResultSelector ResultPath Retry Catch InputPath OutputPath Next End",
	"Parallel": "Branches Parameters ResultSelector ResultPath Retry Catch InputPath OutputPath Next End",
	"Map":      "ItemProcessor Iterator ItemsPath ItemSelector MaxConcurrency Parameters ResultSelector ResultPath Retry Catch InputPath OutputPath Next End",
	"Pass":     "Result Parameters ResultPath InputPath OutputPath Next End",
	"Wait":     "Seconds SecondsPath Timestamp TimestampPath InputPath OutputPath Next End",
	"Choice":   "Choices Default InputPath OutputPath",
	"Succeed":  "InputPath OutputPath",
	"Fail":     "Error ErrorPath Cause CausePath",
}

const everyState = " Type Comment QueryLanguage"

// fields are the members of one JSON object of a definition, not yet decoded.
type fields map[string]json.RawMessage

// parseFields reads an object whose members must all be allowed. Names are
// compared exactly: encoding/json alone would take "next" for Next.
func parseFields(raw json.RawMessage, allowed string) (fields, error) {
	var f fields
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, fmt.Errorf("null is not an object")
	}
	known := strings.Fields(allowed)
	for name := range f {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("field %q is unknown or not supported", name)
		}
	}
	return f, nil
}

// into decodes a field, when it is there, and says whether it was.
func (f fields) into(name string, target any) (bool, error) {
	raw, ok := f[name]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, target); err != nil {
		return false, fmt.Errorf("field %q: %w", name, err)
	}
	return true, nil
}

// exactlyOne names which of the fields is there.
func (f fields) exactlyOne(names ...string) (string, error) {
	var found string
	for _, n := range names {
		if _, ok := f[n]; !ok {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("fields %q and %q exclude each other", found, n)
		}
		found = n
	}
	if found == "" {
		return "", fmt.Errorf("one of the fields %s is missing", strings.Join(names, ", "))
	}
	return found, nil
}

// parse reads a whole machine.
func parse(definition []byte) (*graph, error) {
	f, err := parseFields(definition, "Comment Version QueryLanguage TimeoutSeconds StartAt States")
	if err != nil {
		return nil, fmt.Errorf("parse definition: %w", err)
	}
	var version string
	if given, err := f.into("Version", &version); err != nil || given && version != "1.0" {
		return nil, fmt.Errorf("version %q is not 1.0", version)
	}
	g, err := parseGraph(f)
	if err != nil {
		return nil, err
	}
	var seconds int64
	if given, err := f.into("TimeoutSeconds", &seconds); err != nil {
		return nil, err
	} else if given && seconds <= 0 {
		return nil, fmt.Errorf("TimeoutSeconds %d is not positive", seconds)
	}
	g.timeout = time.Duration(seconds) * time.Second
	return g, g.check()
}

func parseGraph(f fields) (*graph, error) {
	if err := f.jsonPath(); err != nil {
		return nil, err
	}
	g := &graph{states: map[string]*state{}}
	if given, err := f.into("StartAt", &g.startAt); err != nil {
		return nil, err
	} else if !given {
		return nil, fmt.Errorf("StartAt is missing")
	}
	var states map[string]json.RawMessage
	if _, err := f.into("States", &states); err != nil {
		return nil, err
	}
	for name, raw := range states {
		s, err := parseState(name, raw)
		if err != nil {
			return nil, fmt.Errorf("state %q: %w", name, err)
		}
		g.states[name] = s
	}
	return g, nil
}

// jsonPath refuses JSONata: the application is written in JSONPath, and half an
// interpreter for another language would be worse than none.
func (f fields) jsonPath() error {
	var language string
	if given, err := f.into("QueryLanguage", &language); err != nil || given && language != "JSONPath" {
		return fmt.Errorf("query language %q is not supported, only JSONPath", language)
	}
	return nil
}

// parseBranch reads a branch or processor; extra are the fields that it may have
// beyond those of a branch.
func parseBranch(raw json.RawMessage, extra string) (*graph, fields, error) {
	f, err := parseFields(raw, "Comment QueryLanguage StartAt States "+extra)
	if err != nil {
		return nil, nil, err
	}
	g, err := parseGraph(f)
	return g, f, err
}
