package statemachine

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
)

// machine is what the tests look at of a state machine.
type machine struct {
	StartAt string
	States  map[string]state
}

// state has the fields of all types of states together.
type state struct {
	Type, Resource, Next, Default string
	TimeoutSeconds                int
	Parameters                    map[string]any
	Retry, Catch                  []handler
	Choices                       []struct{ Next string }
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

func read(t *testing.T) (text string, m machine) {
	t.Helper()
	written, err := os.ReadFile("scan.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, &m); err != nil {
		t.Fatalf("read the machine: %v", err)
	}
	return string(written), m
}

func (s state) invokes() bool { return s.Resource == "arn:aws:states:::lambda:invoke" }

// next lists every state that s can lead to.
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

// leads reports whether any way leads from one state to the other.
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

// names returns what the pattern's group matches, sorted, each once.
func names(pattern, text string) []string {
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found[match[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}
