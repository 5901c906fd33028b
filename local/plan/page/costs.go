package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/plan"
)

// months returns a table of what a month costs for objects of a size, by their number a day.
func months(bytes int) (string, error) {
	t := newTable("objects a day", "`STANDARD`", "`EXPRESS`", "GuardDuty", "`MaxConcurrentScans`", "raise as well")
	sizes, err := size(bytes)
	if err != nil {
		return "", err
	}
	for _, n := range []float64{1e4, 1e6, 1e8} {
		row := []string{plan.Count(n)}
		var needs []string
		raise := map[string][]string{}
		var guardDuty float64
		for _, w := range plan.Workflows {
			m, permits, err := monthOf(w, plan.Input{Sizes: sizes, PerDay: n})
			if err != nil {
				return "", err
			}
			row = append(row, plan.Dollars(m.Dollars))
			needs, guardDuty = append(needs, permits), m.GuardDuty
			for _, c := range m.Exceeded {
				raise[c.Raise] = append(raise[c.Raise], string(w))
			}
		}
		t.row(append(row, plan.Dollars(guardDuty), strings.Join(needs, ", "), exceeded(raise))...)
	}
	return t.text(), nil
}

// exceeded lists what is to be raised, and for which workflow unless it is for both.
func exceeded(raise map[string][]string) string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(raise)) {
		if workflows := raise[what]; len(workflows) < len(plan.Workflows) {
			what = fmt.Sprintf("`%s`: %s", workflows[0], what)
		}
		all = append(all, what)
	}
	return strings.Join(all, "<br>")
}

// mostScans is the largest MaxConcurrentScans that the template takes.
const mostScans = 1000

// monthOf plans a month with as many permits as it needs, and says how many these are.
func monthOf(w plan.Workflow, in plan.Input) (*plan.Month, string, error) {
	p, err := planner(w, usual)
	if err != nil {
		return nil, "", err
	}
	r, err := p.Report(in)
	if err != nil || r.Month.Permits <= usual {
		return r.Month, fmt.Sprint(usual), err
	}
	needs := r.Month.Permits
	text := plan.Count(float64(needs))
	if needs > mostScans {
		text += fmt.Sprintf(" in %s stacks", plan.Count(float64((needs+mostScans-1)/mostScans)))
	}
	if p, err = planner(w, min(needs, mostScans)); err != nil {
		return nil, "", err
	}
	r, err = p.Report(in)
	return r.Month, text, err
}

// bill returns a table of what a million objects of a size cost when they come at once, with the arithmetic.
func (f figures) bill(bytes int) (string, error) {
	t := newTable("line", "`STANDARD`", "`EXPRESS`", "arithmetic")
	bills := map[plan.Workflow]plan.Bill{}
	var names []string
	for _, w := range plan.Workflows {
		b, err := f.burst(w, usual, bytes)
		if err != nil {
			return "", err
		}
		bills[w] = b.Bill
		for _, l := range b.Lines {
			if !l.Idle && l.Dollars > 0 {
				names = append(names, l.Name)
			}
		}
	}
	for _, name := range distinct(names) {
		row := []string{name}
		var sums []string
		for _, w := range plan.Workflows {
			l, there := bills[w].Line(name)
			if !there {
				row = append(row, "")
				continue
			}
			row = append(row, plan.Dollars(l.Dollars))
			sums = append(sums, arithmetic(l))
		}
		if len(sums) == 2 && sums[0] != sums[1] {
			for i, w := range plan.Workflows {
				sums[i] = fmt.Sprintf("`%s`: %s", w, sums[i])
			}
		}
		t.row(append(row, strings.Join(distinct(sums), "<br>"))...)
	}
	sum := []string{"**in all**"}
	for _, w := range plan.Workflows {
		sum = append(sum, "**"+plan.Dollars(bills[w].Dollars)+"**")
	}
	t.row(append(sum, "GuardDuty: "+plan.Dollars(bills[plan.Express].GuardDuty))...)
	return t.text(), nil
}

// arithmetic returns the arithmetic of a line with the sign of a product.
func arithmetic(l plan.Line) string { return strings.ReplaceAll(l.Arithmetic(), " x $", " × $") }

// largest returns a table of the largest lines of an EXPRESS bill, and what would halve each.
func (f figures) largest(bytes, n int) (string, error) {
	t := newTable("line", "dollars", "share", "what would halve it")
	b, err := f.burst(plan.Express, usual, bytes)
	if err != nil {
		return "", err
	}
	for _, l := range b.Largest()[:n] {
		t.row(l.Name, plan.Dollars(l.Dollars), fmt.Sprintf("%.0f %%", 100*l.Dollars/b.Dollars), l.HalvedBy())
	}
	return t.text(), nil
}

// total, dispatched and guardDuty return single amounts of a bill for a million objects that come at once.
func (f figures) total(w plan.Workflow, bytes int) (string, error) {
	return f.amount(w, bytes, func(b plan.Bill) float64 { return b.Dollars })
}

func (f figures) dispatched(w plan.Workflow, bytes int) (string, error) {
	return f.amount(w, bytes, func(b plan.Bill) float64 { return b.Dispatch })
}

func (f figures) guardDuty(bytes int) (string, error) {
	return f.amount(plan.Express, bytes, func(b plan.Bill) float64 { return b.GuardDuty })
}

func (f figures) amount(w plan.Workflow, bytes int, of func(plan.Bill) float64) (string, error) {
	b, err := f.burst(w, usual, bytes)
	if err != nil {
		return "", err
	}
	return plan.Dollars(of(b.Bill)), nil
}

// evenly returns what a million objects of a size cost that come evenly over a month: one line, or all if it has no
// name.
func evenly(bytes int, line string) (string, error) {
	p, err := planner(plan.Express, usual)
	if err != nil {
		return "", err
	}
	sizes, err := size(bytes)
	if err != nil {
		return "", err
	}
	r, err := p.Report(plan.Input{Sizes: sizes, PerDay: million / 30.0})
	if err != nil || line == "" {
		return plan.Dollars(r.Month.Dollars), err
	}
	l, there := r.Month.Line(line)
	if !there {
		return "", fmt.Errorf("there is no line %q", line)
	}
	return plan.Dollars(l.Dollars), nil
}

// slower returns what a million objects cost and how long they take if every request to S3 waits several times as long.
func slower(factor float64, bytes int) (string, error) {
	p, err := planner(plan.Express, usual)
	if err != nil {
		return "", err
	}
	sizes, err := size(bytes)
	if err != nil {
		return "", err
	}
	r, err := p.Slower("s3.", factor).Report(plan.Input{Sizes: sizes, Burst: million})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, and %s", plan.Dollars(r.Burst.Dollars), plan.Hours(r.Burst.Drain.Took)), nil
}

// idle returns a table of what is paid without any object.
func (f figures) idle() (string, error) {
	t := newTable("a month without any object", "`STANDARD`", "`EXPRESS`", "arithmetic of `EXPRESS`")
	var bills []plan.Bill
	for _, w := range plan.Workflows {
		b, err := f.burst(w, usual, 10_000)
		if err != nil {
			return "", err
		}
		bills = append(bills, b.Bill)
	}
	for _, l := range bills[1].Lines {
		if l.Idle {
			standard, _ := bills[0].Line(l.Name)
			t.row(strings.TrimPrefix(l.Name, "idle: "), plan.Dollars(standard.Dollars), plan.Dollars(l.Dollars), arithmetic(l))
		}
	}
	t.row("**in all**", "**"+plan.Dollars(bills[0].Idle)+"**", "**"+plan.Dollars(bills[1].Idle)+"**", "")
	return t.text(), nil
}

// distinct returns each text once, in the order in which they first stand.
func distinct(texts []string) []string {
	var some []string
	seen := map[string]bool{}
	for _, text := range texts {
		if !seen[text] {
			seen[text] = true
			some = append(some, text)
		}
	}
	return some
}
