package plan

import "github.com/lazaret/lazaret/local/plan/workload"

// RetroScanBudgets are values of the template's parameter RetroScanBudget, of which plans say the price.
var RetroScanBudgets = []float64{1_000, 10_000, 100_000}

// RetroScan is what a month of retro-scans costs, one a day, with a budget that each of them spends.
type RetroScan struct {
	Budget  float64 `json:"budget"`  // versions scanned again a day
	Dollars float64 `json:"dollars"` // of their scans
	Looks   float64 `json:"looks"`   // dollars for each million versions whose tags a run reads
}

// RetroScans returns the price of retro-scans of objects of these sizes. What is scanned again stays where it is and
// has its tags already; almost all of it is clean again.
func (p *Planner) RetroScans(sizes *workload.Objects) (all []RetroScan) {
	q := *p
	q.ThreeBuckets, q.InfectedShare = false, 0
	for _, budget := range RetroScanBudgets {
		bill := q.Bill(sizes.Scaled(budget*month/86400), month, false)
		tags, _ := bill.Line(lineTags)
		all = append(all, RetroScan{
			Budget: budget, Dollars: bill.Dollars - tags.Dollars, Looks: q.Sweep(1e6, 0).Dollars * month / 86400,
		})
	}
	return all
}
