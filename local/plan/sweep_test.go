package plan

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSweep: a million versions cost half a dollar, and what matches a few cents more (ADR 25).
func TestSweep(t *testing.T) {
	t.Parallel()
	p, err := New(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		versions, matched, dollars float64
		took                       time.Duration
	}{
		{1e6, 0, 0.4 + 2000*0.005/1000 + 2009*0.025/1000 + 1009*0.2e-6 + 1500*0.0000166667, 13 * time.Minute},
		{1e6, 1e6, 0.4 + 3000*0.005/1000 + 2009*0.025/1000 + 1009*0.2e-6 + 1500*0.0000166667 + 0.04, 13 * time.Minute},
		{1, 0, 0.00025, time.Second},
	} {
		got := p.Sweep(test.versions, test.matched)
		if math.Abs(got.Dollars-test.dollars) > 0.001 {
			t.Errorf("%v versions, %v match: got %v dollars, want %v: %s",
				test.versions, test.matched, got.Dollars, test.dollars, got.Arithmetic())
		}
		if got.Took < test.took/2 && test.versions > 1 || got.Took > 2*test.took {
			t.Errorf("%v versions: got %v, want about %v", test.versions, got.Took, test.took)
		}
	}
}

// TestSweepIsThatOfTheMachine holds the constants to the machine and to the function.
func TestSweepIsThatOfTheMachine(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../statemachine/sweep.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	var machine struct {
		States map[string]struct{ MaxConcurrency int }
	}
	if err := json.Unmarshal(text, &machine); err != nil {
		t.Fatal(err)
	}
	// Purpose, NotAsked or Definitions, Begin, List, HasPages, Pages, Count, More and Report.
	if got := machine.States["Pages"].MaxConcurrency; got != sweepParallel || len(machine.States) != sweepStates+1 {
		t.Errorf("got MaxConcurrency %d, %d states, want %d and %d", got, len(machine.States), sweepParallel, sweepStates+1)
	}
	code, err := os.ReadFile("../../functions/sweep/judge.go")
	if err != nil || !strings.Contains(string(code), "const atOnce = 32\n") || sweepAtOnce != 32 {
		t.Errorf("functions/sweep reads another number of tags at once than %d: %v", sweepAtOnce, err)
	}
	if got := stack.memory["sweep"]; got != 1024*sweepMemory {
		t.Errorf("got %d MB, want %v GB", got, sweepMemory)
	}
}
