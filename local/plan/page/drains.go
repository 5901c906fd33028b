package page

import (
	"fmt"

	"github.com/lazaret/lazaret/local/plan"
)

// drains returns a table of how long a million objects take that come at once.
func (f figures) drains() (string, error) {
	t := newTable("a million objects of", "`MaxConcurrentScans`", "`STANDARD`", "held up by", "`EXPRESS`", "held up by")
	for _, bytes := range []int{10_000, 1_000_000, 100_000_000} {
		for _, permits := range []int{20, 100, 500} {
			row := []string{plan.Size(float64(bytes)), fmt.Sprint(permits)}
			for _, w := range plan.Workflows {
				b, err := f.burst(w, permits, bytes)
				if err != nil {
					return "", err
				}
				took := fmt.Sprintf("%s, %s a second", plan.Hours(b.Drain.Took), plan.Count(b.Drain.PerSecond))
				row = append(row, took, b.Drain.Saturated)
			}
			t.row(row...)
		}
	}
	return t.text(), nil
}
