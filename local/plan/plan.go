// Package plan computes what it costs to scan objects with Lazaret on AWS, how long a burst takes, and what saturates
// first, before anything is deployed. Prices are in package price, times in package timing; this package knows what
// Lazaret does for one object: which states it enters, which requests it sends, how much it logs. Tests hold that to
// the application itself.
package plan

import (
	"errors"
	"fmt"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/local/plan/price"
	"github.com/lazaret/lazaret/local/plan/timing"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// Workflow is the template's parameter Workflow.
type Workflow string

// The values of Workflow.
const (
	Standard Workflow = "STANDARD"
	Express  Workflow = "EXPRESS"
)

// Workflows are all values, in the order in which they are shown.
var Workflows = []Workflow{Standard, Express}

// Options are the deployment to be planned.
type Options struct {
	Region             string
	Workflow           Workflow
	ThreeBuckets       bool
	MaxConcurrentScans int // as the template's parameter: 0 reserves nothing, for accounts with a quota of 10
	ScanMemory         int // MB, as the template's parameter
	AccountConcurrency int // the account's quota of concurrent Lambda invocations; 0 is the default quota
	InfectedShare      float64
	CanarySchedule     string // as the template's parameter
	GuardDutyEvents    bool   // as the template's parameter
}

// Defaults are the template's defaults in us-east-1.
func Defaults() Options {
	return Options{
		Region: price.Default, Workflow: Standard,
		MaxConcurrentScans: stack.maxConcurrentScans, ScanMemory: stack.scanMemory, CanarySchedule: stack.canarySchedule,
	}
}

var errOptions = errors.New("cannot plan this")

func (o Options) check() error {
	switch {
	case o.Workflow != Standard && o.Workflow != Express:
		return fmt.Errorf("%w: Workflow %q, want %s or %s", errOptions, o.Workflow, Standard, Express)
	case o.MaxConcurrentScans < 0 || o.MaxConcurrentScans > 1000:
		return fmt.Errorf("%w: MaxConcurrentScans %d, want 0 to 1000", errOptions, o.MaxConcurrentScans)
	case o.ScanMemory < 2048 || o.ScanMemory > 10240:
		return fmt.Errorf("%w: ScanMemory %d, want 2048 to 10240", errOptions, o.ScanMemory)
	case !(o.InfectedShare >= 0 && o.InfectedShare <= 1):
		return fmt.Errorf("%w: a share of %g infected objects, want 0 to 1", errOptions, o.InfectedShare)
	case o.CanarySchedule != canaryOff && canaryIntervals[o.CanarySchedule] == 0:
		return fmt.Errorf("%w: CanarySchedule %q, want one of %q", errOptions, o.CanarySchedule, CanarySchedules)
	case o.AccountConcurrency < 0:
		return fmt.Errorf("%w: a quota of %d, want 0 or more", errOptions, o.AccountConcurrency)
	}
	return nil
}

// permits is how many objects may be in work at once.
func (o Options) permits() int {
	if o.MaxConcurrentScans == 0 {
		return 2
	}
	return o.MaxConcurrentScans
}

// Planner computes plans for one deployment.
type Planner struct {
	Options
	prices *price.Table
	times  *timing.Times
}

// New returns a planner. Its error says what is wrong with the options.
func New(o Options) (*Planner, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	prices, err := price.Load(o.Region)
	if err != nil {
		return nil, err
	}
	return &Planner{Options: o, prices: prices, times: timing.Load()}, nil
}

// Prices returns the prices and quotas that the plan uses.
func (p *Planner) Prices() *price.Table { return p.prices }

// Times returns the times that the plan uses.
func (p *Planner) Times() *timing.Times { return p.times }

// Slower returns a planner for which all latencies whose ids have this prefix are longer by a factor.
func (p *Planner) Slower(prefix string, factor float64) *Planner {
	return &Planner{Options: p.Options, prices: p.prices, times: p.times.Slower(prefix, factor)}
}

// month is what counts as a month, in seconds: 30 days.
const month = 30 * 24 * 3600.0

// group is a number of equal objects with the same end.
type group struct {
	objects float64
	object
}

// groups divides objects by their ends.
func (p *Planner) groups(o *workload.Objects) []group {
	var all []group
	add := func(n float64, x object) {
		if n > 0 {
			all = append(all, group{objects: n, object: x})
		}
	}
	clean := Kept
	if p.ThreeBuckets {
		clean = Promoted
	}
	for _, c := range o.Classes() {
		n := c.Objects
		x := object{size: c.Size(), lane: Standard, events: p.GuardDutyEvents}
		if c.Archived || x.size > clamav.MaxFileSize {
			x.unread = true
			x.end = Unscannable
			x.lane = p.lane(x)
			add(n, x)
			continue
		}
		for end, share := range map[End]float64{clean: 1 - p.InfectedShare, Infected: p.InfectedShare} {
			x.end = end
			x.lane = p.lane(x)
			add(n*share, x)
		}
	}
	return all
}
