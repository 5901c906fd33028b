package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/lazaret/lazaret/local/plan"
)

// planOutput is what the command plan prints: a report for each workflow.
type planOutput struct {
	input   plan.Input
	options plan.Options
	planner *plan.Planner // of the last report; prices and times are the same for all
	reports []plan.Report

	canaries   []plan.Canary    // of the first workflow
	retroScans []plan.RetroScan // of the first workflow
}

// planJSON is the output of plan --output json.
type planJSON struct {
	Region string  `json:"region"`
	Prices string  `json:"prices"` // their date
	Times  string  `json:"times"`  // their date
	PerDay float64 `json:"objectsADay"`
	Burst  float64 `json:"burst"`

	// What a month of the canary costs on each schedule, in the first workflow.
	Canary []plan.Canary `json:"canary"`
	// What a month of retro-scans costs with each budget, one a day, in the first workflow.
	RetroScan []plan.RetroScan `json:"retroScan"`

	Reports []plan.Report `json:"workflows"`
}

func (o planOutput) json() planJSON {
	return planJSON{
		Region: o.options.Region, Prices: o.planner.Prices().Date, Times: o.planner.Times().Date,
		PerDay: o.input.PerDay, Burst: o.input.Burst, Reports: o.reports, Canary: o.canaries,
		RetroScan: o.retroScans,
	}
}

func (o planOutput) print(w io.Writer, explain bool) error {
	total, bytes := o.input.Sizes.Total()
	fmt.Fprintf(w, "Estimates for %s at the list prices of %s, without free tiers. Nothing was measured on AWS.\n",
		o.options.Region, o.planner.Prices().Date)
	fmt.Fprintf(w, "Objects of %s on average, %s%% of them infected; MaxConcurrentScans %d, ScanMemory %d MB\n",
		plan.Size(bytes/total), strings.TrimSuffix((*share)(&o.options.InfectedShare).orZero(), "%"),
		o.options.MaxConcurrentScans, o.options.ScanMemory)
	if o.input.PerDay > 0 {
		o.printMonth(w, explain)
	}
	if o.input.Burst > 0 {
		o.printBurst(w, explain)
	}
	fmt.Fprintln(w, "\nthe narrowest, when all engines are warm")
	for _, r := range o.reports {
		for _, c := range r.Capacities[:min(2, len(r.Capacities))] {
			fmt.Fprintf(w, "  %-9s %12s objects an hour: %s\n", r.Workflow, plan.Count(c.PerHour), c.Name)
		}
	}
	fmt.Fprintf(w, "\nthe canary by CanarySchedule, %s: dollars a month, and rounds that start an engine\n",
		o.reports[0].Workflow)
	for _, c := range o.canaries {
		fmt.Fprintf(w, "  %-16s %8s %5.0f %%\n", c.Schedule, plan.Dollars(c.Dollars), 100*c.Cold)
	}
	fmt.Fprintf(w, "\na retro-scan a day by RetroScanBudget, %s: dollars a month, "+
		"and %s more for each million versions in a look\n", o.reports[0].Workflow, plan.Dollars(o.retroScans[0].Looks))
	for _, r := range o.retroScans {
		fmt.Fprintf(w, "  %-16s %8s\n", plan.Count(r.Budget), plan.Dollars(r.Dollars))
	}
	_, err := fmt.Fprintln(w, "\n--explain shows the arithmetic; docs/cost.md has the sources of prices and times.")
	return err
}

// orZero returns the share with its percent sign, also if it is zero.
func (s *share) orZero() string {
	if *s == 0 {
		return "0%"
	}
	return s.String()
}

func (o planOutput) printMonth(w io.Writer, explain bool) {
	fmt.Fprintf(w, "\n%s objects a day, evenly: dollars a month\n", plan.Count(o.input.PerDay))
	bills := make([]plan.Bill, len(o.reports))
	for i, r := range o.reports {
		bills[i] = r.Month.Bill
	}
	o.printBills(w, bills, explain)
	for _, r := range o.reports {
		printUsed(w, r, o.options.MaxConcurrentScans)
	}
}

// mostScans is the largest MaxConcurrentScans that the template takes.
const mostScans = 1000

// printUsed prints how much of what is possible is used, and what has to be raised.
func printUsed(w io.Writer, r plan.Report, permits int) {
	m := r.Month
	var raise []string
	if m.Permits > permits {
		raise = append(raise, fmt.Sprintf("MaxConcurrentScans to %d", min(m.Permits, mostScans)))
	}
	for _, c := range m.Exceeded {
		raise = append(raise, c.Raise)
	}
	fmt.Fprintf(w, "%s: %s objects a second are ", r.Workflow, plan.Count(m.PerSecond))
	if m.Used >= 1 {
		fmt.Fprintf(w, "%s times what is possible, and the queue grows for ever", plan.Count(m.Used))
	} else {
		fmt.Fprintf(w, "%.1f %% of what is possible", 100*m.Used)
	}
	if len(raise) > 0 {
		fmt.Fprintf(w, "; raise %s", strings.Join(raise, ", "))
	}
	fmt.Fprintln(w)
	if m.Permits > mostScans {
		fmt.Fprintf(w, "%s  MaxConcurrentScans would have to be %s, and %d is the most: use several stacks\n",
			strings.Repeat(" ", len(r.Workflow)), plan.Count(float64(m.Permits)), mostScans)
	}
}

func (o planOutput) printBurst(w io.Writer, explain bool) {
	fmt.Fprintf(w, "\n%s objects at once: dollars for all of them, and a month of their tags\n", plan.Count(o.input.Burst))
	bills := make([]plan.Bill, len(o.reports))
	for i, r := range o.reports {
		bills[i] = r.Burst.Bill
		bills[i].Lines = withoutIdle(r.Burst.Lines)
	}
	o.printBills(w, bills, explain)
	for _, r := range o.reports {
		d := r.Burst.Drain
		fmt.Fprintf(w, "%s: the last verdict comes after %s, at %s objects a second with %d engines\n",
			r.Workflow, plan.Hours(d.Took), plan.Count(d.PerSecond), d.Engines)
		fmt.Fprintf(w, "%s  saturated first: %s; to be faster raise: %s\n",
			strings.Repeat(" ", len(r.Workflow)), d.Saturated, d.Raise)
	}
}

func withoutIdle(lines []plan.Line) []plan.Line {
	var some []plan.Line
	for _, l := range lines {
		if !l.Idle {
			some = append(some, l)
		}
	}
	return some
}

// printBills prints the same lines of several workflows side by side. A line that one of them does not have costs
// nothing there.
func (o planOutput) printBills(w io.Writer, bills []plan.Bill, explain bool) {
	row := func(name string, value func(plan.Bill) (float64, bool)) {
		fmt.Fprintf(w, "  %-34s", name)
		for _, b := range bills {
			text := "-"
			if dollars, there := value(b); there {
				text = plan.Dollars(dollars)
			}
			fmt.Fprintf(w, " %14s", text)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  %-34s", "")
	for _, r := range o.reports {
		fmt.Fprintf(w, " %14s", r.Workflow)
	}
	fmt.Fprintln(w)
	for _, name := range lineNames(bills) {
		row(name, func(b plan.Bill) (float64, bool) {
			l, there := b.Line(name)
			return l.Dollars, there
		})
		if explain {
			o.printArithmetic(w, bills, name)
		}
	}
	row("all lines that objects cause", func(b plan.Bill) (float64, bool) { return b.Dollars, true })
	row("  of it machine, dispatch, queues", func(b plan.Bill) (float64, bool) { return b.Dispatch, true })
	row("GuardDuty for the same objects", func(b plan.Bill) (float64, bool) { return b.GuardDuty, true })
	for i, b := range bills {
		largest := b.Largest()[0]
		fmt.Fprintf(w, "%s: the largest line is %s, %.0f %%; what would halve it: %s\n",
			o.reports[i].Workflow, largest.Name, 100*largest.Dollars/b.Dollars, largest.HalvedBy())
	}
}

// printArithmetic prints how a line was computed, once if it was the same for all workflows.
func (o planOutput) printArithmetic(w io.Writer, bills []plan.Bill, name string) {
	byText := map[string][]string{}
	var texts []string
	for i, b := range bills {
		if l, there := b.Line(name); there {
			text := l.Arithmetic()
			if byText[text] == nil {
				texts = append(texts, text)
			}
			byText[text] = append(byText[text], string(o.reports[i].Workflow))
		}
	}
	for _, text := range texts {
		if workflows := byText[text]; len(workflows) < len(bills) {
			text = workflows[0] + ": " + text
		}
		fmt.Fprintf(w, "      %s\n", text)
	}
}

// lineNames returns the names of all lines, in the order of the bills; idle ones last.
func lineNames(bills []plan.Bill) []string {
	var names, idle []string
	seen := map[string]bool{}
	for _, b := range bills {
		for _, l := range b.Lines {
			if seen[l.Name] {
				continue
			}
			seen[l.Name] = true
			if l.Idle {
				idle = append(idle, l.Name)
			} else {
				names = append(names, l.Name)
			}
		}
	}
	return append(names, idle...)
}
