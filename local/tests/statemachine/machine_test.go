package statemachine_test

import (
	"encoding/json"
	"os"
	"testing"
)

// The files that the tests compare.
const (
	root             = "../../.."
	definitionFile   = root + "/statemachine/scan.asl.json"
	sweepFile        = root + "/statemachine/sweep.asl.json"
	retryFile        = root + "/statemachine/retry.json"
	templateFile     = root + "/template.yaml"
	architectureFile = root + "/docs/architecture.md"
)

// machine has the fields of a state machine that the tests use.
type machine struct {
	StartAt string
	States  map[string]state
}

// state has the fields of all types of states.
type state struct {
	Type, Resource, Next, Default, Error string
	TimeoutSeconds                       int
	Parameters                           map[string]any
	Retry, Catch                         []handler
	Choices                              []struct{ Next string }
}

// handler is an entry of Retry or Catch.
type handler struct {
	ErrorEquals     []string
	Next            string  `json:",omitempty"`
	IntervalSeconds float64 `json:",omitempty"`
	BackoffRate     float64 `json:",omitempty"`
	MaxDelaySeconds float64 `json:",omitempty"`
	MaxAttempts     float64 `json:",omitempty"`
	JitterStrategy  string  `json:",omitempty"`
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// readMachine reads the state machine, and fails the test if it has no states.
func readMachine(t *testing.T) (text string, m machine) {
	t.Helper()
	text = readFile(t, definitionFile)
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("read %s: %v", definitionFile, err)
	}
	if len(m.States) == 0 {
		t.Fatalf("%s has no states", definitionFile)
	}
	return text, m
}

func (s state) invokes() bool { return s.Resource == "arn:aws:states:::lambda:invoke" }

// next returns the states to which s can lead.
func (s state) next() []string {
	all := []string{s.Next, s.Default}
	for _, c := range s.Catch {
		all = append(all, c.Next)
	}
	for _, c := range s.Choices {
		all = append(all, c.Next)
	}
	return all
}

// leads reports whether there is a path from one state to another.
func (m machine) leads(from, to string) bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range m.States[queue[0]].next() {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return seen[to]
}
