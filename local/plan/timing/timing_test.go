package timing

import (
	"strings"
	"testing"
	"time"
)

// TestFile checks that each figure is above zero, has a name of its own, and either a source or the word that it is a
// guess.
func TestFile(t *testing.T) {
	t.Parallel()
	times := Load()
	if _, err := time.Parse(time.DateOnly, times.Date); err != nil || times.Machine == "" || times.EngineStart <= 0 {
		t.Errorf("date %q, machine %q, engine's start %g, want all three", times.Date, times.Machine, times.EngineStart)
	}
	seen := map[string]bool{}
	check := func(id string, value float64, o Origin) {
		t.Helper()
		if seen[id] || value <= 0 || o.What == "" {
			t.Errorf("%s stands twice, is %g or says nothing", id, value)
		}
		seen[id] = true
		sourced := strings.HasPrefix(o.Address, "http") && strings.HasPrefix(o.From, "20")
		if sourced == o.Guess {
			t.Errorf("%s: %+v, want either a source with its date, or a guess", id, o)
		}
	}
	for _, l := range times.Latency {
		check(l.ID, l.MS, l.Origin)
	}
	for _, x := range times.Throughput {
		check(x.ID, x.MBs, x.Origin)
	}
	for _, p := range times.Processor {
		if seen[p.Function] || p.Base <= 0 || p.PerMB < 0 {
			t.Errorf("processor time of %s: %+v, want one above zero", p.Function, p)
		}
		seen[p.Function] = true
	}
}

func TestWork(t *testing.T) {
	t.Parallel()
	times := &Times{Processor: []Processor{{Function: "fetch", Base: 2, PerMB: 3}}}
	for _, tt := range []struct {
		size   float64
		memory int
		want   time.Duration
	}{
		{size: 0, memory: 1769, want: 2 * time.Millisecond},
		{size: 10e6, memory: 1769, want: 32 * time.Millisecond},
		{size: 10e6, memory: 3538, want: 32 * time.Millisecond}, // one thread: a second core does not help
		{size: 0, memory: 884, want: 4002262 * time.Nanosecond},
	} {
		if got := times.Work("fetch", tt.size, tt.memory); got != tt.want {
			t.Errorf("Work(fetch, %g, %d MB) = %s, want %s", tt.size, tt.memory, got, tt.want)
		}
	}
}
