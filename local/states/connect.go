package states

import (
	"fmt"
	"maps"
	"slices"
)

// check rejects what CreateStateMachine rejects about the shape of a machine:
// transitions to nowhere, states that nothing leads to, a name used twice.
func (g *graph) check() error {
	seen := map[string]bool{}
	return g.connected(seen)
}

func (g *graph) connected(seen map[string]bool) error {
	if _, ok := g.states[g.startAt]; !ok {
		return fmt.Errorf("StartAt names state %q, which does not exist", g.startAt)
	}
	reached := map[string]bool{}
	pending := []string{g.startAt}
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		if reached[name] {
			continue
		}
		reached[name] = true
		for _, next := range g.states[name].targets() {
			if _, ok := g.states[next]; !ok {
				return fmt.Errorf("state %q: leads to state %q, which does not exist", name, next)
			}
			pending = append(pending, next)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.states)) {
		if !reached[name] {
			return fmt.Errorf("state %q: nothing leads to it", name)
		}
		if seen[name] {
			return fmt.Errorf("state %q: the name is used twice in the machine", name)
		}
		seen[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(g.states)) {
		for _, b := range g.states[name].branches {
			if err := b.connected(seen); err != nil {
				return fmt.Errorf("state %q: %w", name, err)
			}
		}
	}
	return nil
}

// targets are the states that this one can lead to.
func (s *state) targets() []string {
	var out []string
	if s.next != "" {
		out = append(out, s.next)
	}
	for _, r := range s.rules {
		out = append(out, r.next)
	}
	for _, c := range s.catch {
		out = append(out, c.next)
	}
	return out
}

// eachState visits all states, those of branches too.
func (g *graph) eachState(visit func(*state) error) error {
	for _, name := range slices.Sorted(maps.Keys(g.states)) {
		s := g.states[name]
		if err := visit(s); err != nil {
			return fmt.Errorf("state %q: %w", name, err)
		}
		for _, b := range s.branches {
			if err := b.eachState(visit); err != nil {
				return err
			}
		}
	}
	return nil
}
