package plan

import (
	"math"
	"testing"

	"github.com/lazaret/lazaret/local/plan/workload"
)

// TestRetroScans: what is scanned again costs what as many uploads cost, less their tags, and each look at a million
// versions half a dollar (ADR 32).
func TestRetroScans(t *testing.T) {
	t.Parallel()
	sizes, err := workload.Uniform(1, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for workflow, want := range map[Workflow]float64{Standard: 49, Express: 17} {
		o := Defaults()
		o.Workflow = workflow
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		all := p.RetroScans(sizes)
		if len(all) != 3 || all[1].Budget != 10_000 || math.Abs(all[1].Dollars-want) > 2 {
			t.Errorf("%s: got %+v, want about %v dollars a month for 10,000 a day", workflow, all, want)
		}
		if math.Abs(all[1].Looks-30*0.49) > 0.3 || all[2].Dollars < 7*all[1].Dollars || all[0].Dollars > all[1].Dollars/2 {
			t.Errorf("%s: got %+v, want 14.70 for the looks, and prices that grow with the budget", workflow, all)
		}
	}
}
