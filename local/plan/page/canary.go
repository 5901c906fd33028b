package page

import (
	"fmt"

	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// canary returns a table of what the canary costs on each schedule.
func canary() (string, error) {
	t := newTable("`CanarySchedule`", "`STANDARD`", "`EXPRESS`", "rounds that start an engine")
	var all [][]plan.Canary
	for _, w := range plan.Workflows {
		p, err := planner(w, usual)
		if err != nil {
			return "", err
		}
		all = append(all, p.Canaries())
	}
	for i, c := range all[0] {
		t.row("`"+c.Schedule+"`", plan.Dollars(c.Dollars), plan.Dollars(all[1][i].Dollars), fmt.Sprintf("%.0f %%", 100*c.Cold))
	}
	return t.text(), nil
}

// guardDutyEvents returns what the parameter of that name adds to a million clean objects of 10 KB.
func (f figures) guardDutyEvents() (string, error) {
	sizes, err := workload.Uniform(1, 10_000)
	if err != nil {
		return "", err
	}
	var added []float64
	for _, w := range plan.Workflows {
		without, err := f.burst(w, usual, 10_000)
		if err != nil {
			return "", err
		}
		p, err := planner(w, usual)
		if err != nil {
			return "", err
		}
		o := p.Options
		o.GuardDutyEvents = true
		if p, err = plan.New(o); err != nil {
			return "", err
		}
		with, err := p.Report(plan.Input{Sizes: sizes, Burst: million})
		if err != nil {
			return "", err
		}
		added = append(added, with.Burst.Dollars-without.Dollars)
	}
	return fmt.Sprintf("%s with `STANDARD` and %s with `EXPRESS`", plan.Dollars(added[0]), plan.Dollars(added[1])), nil
}
