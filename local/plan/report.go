package plan

import (
	"fmt"
	"math"

	"github.com/lazaret/lazaret/local/plan/workload"
)

// Input is what is to be scanned.
type Input struct {
	Sizes  *workload.Objects // their shares count, not their number
	PerDay float64           // objects that come evenly, 0 for none
	Burst  float64           // objects that come at once, 0 for none
}

// Report is a plan for one workflow.
type Report struct {
	Workflow   Workflow   `json:"workflow"`
	Capacities []Capacity `json:"capacities"` // the narrowest first
	Month      *Month     `json:"month,omitempty"`
	Burst      *Burst     `json:"burst,omitempty"`
	Reserved   int        `json:"reservedConcurrency"` // invocations at once that the account must allow
}

// Month is a month of 30 days with objects that come evenly.
type Month struct {
	Bill
	PerSecond float64    `json:"objectsASecond"`
	Used      float64    `json:"used"`               // share of the narrowest capacity; from 1 on the queue grows for ever
	Permits   int        `json:"maxConcurrentScans"` // what these objects need at least
	Exceeded  []Capacity `json:"exceeded,omitempty"` // quotas that are to be raised
}

// Burst is what comes at once.
type Burst struct {
	Bill
	Drain Drain `json:"drain"`
}

// Report plans what is to be scanned.
func (p *Planner) Report(in Input) (Report, error) {
	if total, _ := in.Sizes.Total(); total <= 0 || in.PerDay < 0 || in.Burst < 0 || in.PerDay+in.Burst <= 0 {
		return Report{}, fmt.Errorf("%w: no object is to be scanned", errOptions)
	}
	r := Report{Workflow: p.Workflow, Capacities: p.Capacities(in.Sizes), Reserved: p.Reserved()}
	if in.PerDay > 0 {
		r.Month = p.month(in, r.Capacities)
	}
	if in.Burst > 0 {
		drain, err := p.Drain(in.Sizes.Scaled(in.Burst))
		if err != nil {
			return r, err
		}
		bill := p.Bill(in.Sizes.Scaled(in.Burst), math.Max(1, drain.Took.Seconds()), true)
		r.Burst = &Burst{Bill: bill, Drain: drain}
	}
	return r, nil
}

// most is the largest share of a capacity to be used: a queue that is nearly full grows with each small disturbance.
const most = 0.8

func (p *Planner) month(in Input, capacities []Capacity) *Month {
	m := &Month{Bill: p.Bill(in.Sizes.Scaled(in.PerDay*month/86400), month, false), PerSecond: in.PerDay / 86400}
	perHour := m.PerSecond * 3600
	m.Used = perHour / capacities[0].PerHour
	permits, _ := p.usable()
	for _, c := range capacities {
		switch {
		case c.scans:
			m.Permits = int(math.Ceil(permits * perHour / c.PerHour / most))
		case perHour > c.PerHour*most:
			m.Exceeded = append(m.Exceeded, c)
		}
	}
	return m
}
