// Package page writes docs/cost.md: the prose is in cost.md.tmpl, and every figure is computed.
package page

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/plan/workload"
)

//go:embed cost.md.tmpl
var text string

// million is how many objects the bills of the page are for.
const million = 1_000_000

// aim and dispatchAim are the most dollars that a million clean objects of 10 KB should cost with EXPRESS: all lines,
// and those of state machine, dispatch and queues.
const aim, dispatchAim = 45, 15

// Write writes the page.
func Write(w io.Writer) error {
	f := figures{bursts: map[string]*plan.Burst{}}
	page, err := template.New("cost.md").Funcs(template.FuncMap{
		"months": months, "bill": f.bill, "drains": f.drains, "largest": f.largest, "idle": f.idle, "canary": canary,
		"guardDutyEvents": f.guardDutyEvents, "object": object,
		"total": f.total, "dispatched": f.dispatched, "guardDuty": f.guardDuty, "slower": slower, "evenly": evenly,
		"prices": prices, "quotas": quotas, "processor": processor, "latencies": latencies,
		"date": date, "machine": machine,
	}).Parse(text)
	if err != nil {
		return fmt.Errorf("read the template of the page: %w", err)
	}
	if err := page.Execute(w, nil); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// planner returns a planner for the template's defaults, with another workflow and MaxConcurrentScans, and a quota of
// Lambda that is large enough for both.
func planner(workflow plan.Workflow, permits int) (*plan.Planner, error) {
	o := plan.Defaults()
	o.Workflow, o.MaxConcurrentScans, o.AccountConcurrency = workflow, permits, max(1000, 4*permits+1)
	return plan.New(o)
}

// usual is the template's MaxConcurrentScans.
var usual = plan.Defaults().MaxConcurrentScans

// figures computes bursts, each once.
type figures struct {
	bursts map[string]*plan.Burst
}

// burst plans a million objects of a size that come at once.
func (f figures) burst(workflow plan.Workflow, permits, bytes int) (*plan.Burst, error) {
	id := fmt.Sprint(workflow, permits, bytes)
	if b, known := f.bursts[id]; known {
		return b, nil
	}
	p, err := planner(workflow, permits)
	if err != nil {
		return nil, err
	}
	sizes, err := size(bytes)
	if err != nil {
		return nil, err
	}
	r, err := p.Report(plan.Input{Sizes: sizes, Burst: million})
	f.bursts[id] = r.Burst
	return r.Burst, err
}

// size returns one object of a size in bytes.
func size(bytes int) (*workload.Objects, error) { return workload.Uniform(1, int64(bytes)) }

// table writes a Markdown table.
type table struct {
	strings.Builder
}

func newTable(names ...string) *table {
	t := &table{}
	t.row(names...)
	t.row(strings.Split(strings.TrimSuffix(strings.Repeat("---,", len(names)), ","), ",")...)
	return t
}

func (t *table) row(cells ...string) { t.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

// text returns the table without its last line break.
func (t *table) text() string { return strings.TrimSuffix(t.String(), "\n") }
