package plan

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/plan/workload"
)

// TestReport compares the parts of a report with each other.
func TestReport(t *testing.T) {
	t.Parallel()
	p := fixed(t, func(o *Options) { o.Workflow = Express })
	sizes := objects(t, 1, 10_000)
	r, err := p.Report(Input{Sizes: sizes, PerDay: 10_000, Burst: 500})
	if err != nil {
		t.Fatal(err)
	}
	if r.Month.Objects != 300_000 || r.Burst.Objects != 500 || r.Burst.Drain.Objects != 500 {
		t.Errorf("got %g objects a month and %g at once, want 300,000 and 500", r.Month.Objects, r.Burst.Objects)
	}
	if m := r.Month; m.Used <= 0 || m.Used > 0.1 || m.Permits != 1 || len(m.Exceeded) > 0 {
		t.Errorf("10,000 a day use %g of what is possible, need %d permits and more of %v, want little, 1 and nothing",
			m.Used, m.Permits, m.Exceeded)
	}
	if r, err = p.Report(Input{Sizes: sizes, PerDay: 100e6}); err != nil {
		t.Fatal(err)
	}
	if r.Burst != nil || r.Month.Used < 1 {
		t.Errorf("100 million a day use %g of what is possible, want more than all, and no burst", r.Month.Used)
	}
	enough := fixed(t, func(o *Options) {
		o.Workflow, o.MaxConcurrentScans, o.AccountConcurrency = Express, r.Month.Permits, 10_000
	})
	again, err := enough.Report(Input{Sizes: sizes, PerDay: 100e6})
	if err != nil {
		t.Fatal(err)
	}
	if again.Month.Used > 0.8 || again.Month.Permits != r.Month.Permits {
		t.Errorf("with MaxConcurrentScans %d, %g is used, and %d needed, want at most 0.8 and the same",
			r.Month.Permits, again.Month.Used, again.Month.Permits)
	}
	// 1,157 a second are more than 300 StartExecution.
	standard := fixed(t, func(o *Options) { o.MaxConcurrentScans, o.AccountConcurrency = 1000, 10_000 })
	if again, err = standard.Report(Input{Sizes: sizes, PerDay: 100e6}); err != nil {
		t.Fatal(err)
	}
	var exceeded []string
	for _, c := range again.Month.Exceeded {
		exceeded = append(exceeded, c.Raise)
	}
	all := strings.Join(exceeded, "; ")
	if !strings.Contains(all, "quota StartExecution") || strings.Contains(all, "parameter") {
		t.Errorf("got quotas to raise %q, want StartExecution's among them and no parameter", all)
	}
	for name, in := range map[string]Input{
		"nothing":        {Sizes: sizes},
		"no sizes":       {Sizes: &workload.Objects{}, PerDay: 1},
		"less than none": {Sizes: sizes, PerDay: -1, Burst: 2},
	} {
		if _, err := p.Report(in); err == nil {
			t.Errorf("%s: Report() has no error, want one", name)
		}
	}
}

// Every line that is no idle one says what would halve it.
func TestAdvice(t *testing.T) {
	t.Parallel()
	p := fixed(t, func(o *Options) { o.Workflow, o.InfectedShare, o.ThreeBuckets = Express, 0.5, true })
	seen := map[string]bool{}
	for _, size := range []int64{10_000, 1e8} {
		for _, l := range p.Bill(objects(t, 1000, size), month, false).Largest() {
			seen[l.Name] = true
			if l.HalvedBy() == "" || l.HalvedBy() == "nothing" && l.Name != lineEvents {
				t.Errorf("%s has no advice", l.Name)
			}
		}
	}
	for name := range advice {
		if !seen[name] {
			t.Errorf("there is advice about %q, and no such line", name)
		}
	}
	if b := p.Bill(objects(t, 1000, 10_000), month, false); strings.HasPrefix(b.Largest()[0].Name, "idle") {
		t.Error("an idle line is among the largest")
	}
}
