package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lazaret/lazaret/local/plan/workload"
)

// Capacity is how many objects a second something lets through.
type Capacity struct {
	Name    string  `json:"name"`
	PerHour float64 `json:"objectsAnHour"`
	Raise   string  `json:"raise"` // which parameter or quota to raise
	scans   bool    // whether it is MaxConcurrentScans
}

// Capacities returns what limits these objects, the narrowest first: on average, when all engines are warm.
func (p *Planner) Capacities(o *workload.Objects) []Capacity {
	groups := p.groups(o)
	var all []Capacity
	add := func(name string, available float64, raise string, needs func(g group) float64) {
		var objects, needed float64
		for _, g := range groups {
			objects += g.objects
			needed += g.objects * needs(g)
		}
		if needed > 0 {
			all = append(all, Capacity{Name: name, PerHour: 3600 * available * objects / needed, Raise: raise})
		}
	}
	permits, raise := p.usable()
	add(fmt.Sprintf("MaxConcurrentScans (%d)", p.MaxConcurrentScans), permits, raise, func(g group) float64 {
		work, back := p.cycle(g.object)
		return (work + back).Seconds()
	})
	all[0].scans = true
	for id, needs := range p.needs() {
		q := p.prices.Quota(id)
		add(q.Unit, q.Rate, q.Raise, needs)
	}
	slices.SortFunc(all, func(a, b Capacity) int {
		return cmp.Or(cmp.Compare(a.PerHour, b.PerHour), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// needs says how much of each quota an object takes.
func (p *Planner) needs() map[string]func(group) float64 {
	onlyStandard := func(n float64, g group) float64 {
		if g.lane == Standard {
			return n
		}
		return 0
	}
	requests := func(g group, kind string) (n float64) {
		for _, r := range g.requests() {
			if billedAs[r.Operation] == kind {
				n += float64(r.Number)
			}
		}
		return n
	}
	return map[string]func(group) float64{
		"states.start":      func(g group) float64 { return onlyStandard(1, g) },
		"states.transition": func(g group) float64 { return onlyStandard(float64(len(g.states())), g) },
		"s3.read":           func(g group) float64 { return requests(g, "s3.read") },
		"s3.write":          func(g group) float64 { return requests(g, "s3.write") },
		"efs.write":         func(g group) float64 { written, _ := g.volume().metered(); return written },
		"efs.read":          func(g group) float64 { _, read := g.volume().metered(); return read },
	}
}

// usable returns how many permits can be in use within the account's quota of Lambda invocations, and what to raise for
// more. At any time an object has an invocation of dispatch, which waits, and one of another function.
func (p *Planner) usable() (permits float64, raise string) {
	quota := p.prices.Quota("lambda.concurrency")
	concurrency := cmp.Or(float64(p.AccountConcurrency), quota.Rate)
	permits = float64(p.permits())
	if most := math.Max(1, math.Floor(concurrency/2)); most < permits {
		return most, quota.Raise
	}
	return permits, "parameter MaxConcurrentScans"
}

// Reserved returns how many concurrent invocations of the account the stack takes at most: what fetch, scan and
// freshclam reserve, one of dispatch for each permit on each of the two queues and one for the count, and one of
// another function for each object in work. AWS keeps 100 unreserved.
func (p *Planner) Reserved() int {
	n := p.MaxConcurrentScans
	if n == 0 {
		return 0
	}
	return 2*n + 1 + max(3*n+1, 100)
}
