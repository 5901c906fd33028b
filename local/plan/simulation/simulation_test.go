package simulation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// same returns objects that arrive at once and take the same steps.
func same(n int, back time.Duration, steps ...Step) []Object {
	objects := make([]Object, n)
	for i := range objects {
		objects[i] = Object{Steps: steps, Return: back}
	}
	return objects
}

// TestByHand holds drains that can be counted on fingers.
func TestByHand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		config  Config
		objects []Object
		want    time.Duration // end of the last object
		waited  map[string]time.Duration
	}{
		{
			name: "one permit: one after the other", config: Config{Permits: 1},
			objects: same(3, 0, Step{Pool: -1, Wait: 10 * ms}),
			want:    30 * ms, waited: map[string]time.Duration{ForPermit: 10*ms + 20*ms},
		},
		{
			name: "a permit that comes back late", config: Config{Permits: 1},
			objects: same(3, 5*ms, Step{Pool: -1, Wait: 10 * ms}),
			want:    40 * ms, waited: map[string]time.Duration{ForPermit: 15*ms + 30*ms},
		},
		{
			name: "two permits, a step before", config: Config{Permits: 2},
			objects: same(4, 0, Step{Pool: -1, Before: 1 * ms, Wait: 9 * ms}),
			want:    20 * ms, waited: map[string]time.Duration{ForPermit: 20 * ms},
		},
		{
			name:    "two new environments, then warm ones",
			config:  Config{Permits: 4, Pools: []Pool{{Name: "scan", Limit: 2, Start: 100 * ms}}},
			objects: same(4, 0, Step{Pool: 0, Wait: 10 * ms}),
			want:    120 * ms, waited: map[string]time.Duration{ForPermit: 0, "scan": 220 * ms},
		},
		{
			name: "warm from the beginning", config: Config{Permits: 2, Pools: []Pool{{Name: "scan", Start: 100 * ms, Warm: 2}}},
			objects: same(4, 0, Step{Pool: 0, Wait: 10 * ms}),
			want:    20 * ms, waited: map[string]time.Duration{ForPermit: 20 * ms},
		},
		{
			name:    "a quota: 2 at once, then one in 10 ms",
			config:  Config{Permits: 9, Buckets: []Bucket{{Name: "starts", Burst: 2, Rate: 100}}},
			objects: same(4, 0, Step{Pool: -1, Wait: 5 * ms, Takes: []Take{{Tokens: 1}}}),
			want:    25 * ms, waited: map[string]time.Duration{ForPermit: 0, "starts": 30 * ms},
		},
		{
			name: "a quota of new environments",
			config: Config{
				Permits: 3, Pools: []Pool{{Name: "scan", Start: 50 * ms, Takes: []Take{{Tokens: 1}}}},
				Buckets: []Bucket{{Name: "scaling", Burst: 1, Rate: 10}},
			},
			objects: same(3, 0, Step{Pool: 0, Wait: 10 * ms}),
			want:    260 * ms, waited: map[string]time.Duration{ForPermit: 0, "scaling": 300 * ms},
		},
		{
			name: "permits that come one by one", config: Config{Permits: 3, PermitsAtOnce: 1, PermitsPerSecond: 100},
			objects: same(3, 0, Step{Pool: -1, Wait: time.Second}),
			want:    time.Second + 20*ms, waited: map[string]time.Duration{ForPermit: 30 * ms},
		},
		{
			name: "arrivals with pauses", config: Config{Permits: 1},
			objects: []Object{
				{Steps: []Step{{Pool: -1, Wait: 10 * ms}}},
				{Arrival: 5 * ms, Steps: []Step{{Pool: -1, Wait: 10 * ms}}},
				{Arrival: time.Second, Steps: []Step{{Pool: -1, Wait: 10 * ms}}},
			},
			want: time.Second + 10*ms, waited: map[string]time.Duration{ForPermit: 5 * ms},
		},
		{name: "no objects", config: Config{Permits: 1}, want: 0, waited: map[string]time.Duration{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(tt.config, tt.objects)
			if err != nil {
				t.Fatal(err)
			}
			if got := last(r); got != tt.want {
				t.Errorf("the last object ended after %s, want %s", got, tt.want)
			}
			if diff := cmp.Diff(tt.waited, r.Waited); diff != "" {
				t.Errorf("waited (-want +got):\n%s", diff)
			}
		})
	}
}

func last(r *Result) time.Duration {
	if len(r.Ended) == 0 {
		return 0
	}
	return slices.Max(r.Ended)
}

// Four pieces of 10 ms on two processors take 20 ms, on one 40, on eight 10: no piece uses two.
func TestProcessors(t *testing.T) {
	t.Parallel()
	for processors, want := range map[float64]time.Duration{0.5: 80 * ms, 1: 40 * ms, 2: 20 * ms, 4: 10 * ms, 8: 10 * ms} {
		r, err := Run(Config{Permits: 4, Processors: processors}, same(4, 0, Step{Pool: -1, Work: 10 * ms}))
		if err != nil {
			t.Fatal(err)
		}
		if got := last(r); math.Abs(float64(got-want)) > float64(time.Microsecond) {
			t.Errorf("%g processors: the last object ended after %s, want %s", processors, got, want)
		}
	}
}

// A short piece that comes later ends first, and slows the long one by what it takes.
func TestShare(t *testing.T) {
	t.Parallel()
	r, err := Run(Config{Permits: 2, Processors: 1}, []Object{
		{Steps: []Step{{Pool: -1, Work: 100 * ms}}},
		{Arrival: 10 * ms, Steps: []Step{{Pool: -1, Work: 20 * ms}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []time.Duration{r.Ended[0].Round(ms), r.Ended[1].Round(ms)}
	if diff := cmp.Diff([]time.Duration{120 * ms, 50 * ms}, got); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
}

// TestInvariants runs random worlds: whatever they are, no more objects are in work than there are permits, objects
// begin in the order of their arrival, every object ends, no work is lost or made, and nothing is faster than its
// parts.
func TestInvariants(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c, objects := world(rand.New(rand.NewPCG(seed, 1)))
			r, err := Run(c, objects)
			if err != nil {
				t.Fatal(err)
			}
			checkInvariants(t, c, objects, r)
			again, err := Run(c, objects)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, again); diff != "" {
				t.Errorf("a second run (-first +second):\n%s", diff)
			}
		})
	}
}

func world(r *rand.Rand) (Config, []Object) {
	c := Config{
		Permits: 1 + r.IntN(8), Processors: float64(r.IntN(5)),
		PermitsAtOnce: r.IntN(3), PermitsPerSecond: float64(r.IntN(100)),
	}
	for i := range 1 + r.IntN(3) {
		c.Pools = append(c.Pools, Pool{
			Name: fmt.Sprint("pool ", i), Limit: r.IntN(4), Start: time.Duration(r.IntN(50)) * ms, Warm: 0,
		})
	}
	for i := range 1 + r.IntN(2) {
		burst, rate := 1+float64(r.IntN(9)), 5+100*r.Float64()
		c.Buckets = append(c.Buckets, Bucket{Name: fmt.Sprint("bucket ", i), Burst: burst, Rate: rate})
	}
	objects := make([]Object, 1+r.IntN(60))
	var arrival time.Duration
	for i := range objects {
		arrival += time.Duration(r.IntN(3)*r.IntN(30)) * ms
		objects[i] = Object{Arrival: arrival, Return: time.Duration(r.IntN(20)) * ms}
		for range r.IntN(4) {
			step := Step{
				Pool: r.IntN(len(c.Pools)+1) - 1, Before: time.Duration(r.IntN(5)) * ms,
				Wait: time.Duration(r.IntN(30)) * ms, Work: time.Duration(r.IntN(30)) * ms,
			}
			if r.IntN(2) == 0 {
				step.Takes = []Take{{Bucket: r.IntN(len(c.Buckets)), Tokens: float64(r.IntN(3))}}
			}
			objects[i].Steps = append(objects[i].Steps, step)
		}
	}
	return c, objects
}

func checkInvariants(t *testing.T, c Config, objects []Object, r *Result) {
	t.Helper()
	if r.MostInWork > c.Permits {
		t.Errorf("%d objects were in work at once, want at most %d", r.MostInWork, c.Permits)
	}
	var work, longest time.Duration
	var tokens float64
	for i, o := range objects {
		alone := time.Duration(0)
		for _, s := range o.Steps {
			alone += s.Before + s.Wait + s.Work
			work += s.Work
			for _, take := range s.Takes {
				if take.Bucket == 0 {
					tokens += take.Tokens
				}
			}
		}
		if r.Began[i] < o.Arrival || i > 0 && r.Began[i] < r.Began[i-1] {
			t.Errorf("object %d began at %s, after the one that began at %s, want the order of arrival",
				i, r.Began[i], r.Began[max(0, i-1)])
		}
		if r.Ended[i]-r.Began[i] < alone-time.Microsecond {
			t.Errorf("object %d took %s, want at least the %s of its parts", i, r.Ended[i]-r.Began[i], alone)
		}
		longest = max(longest, r.Ended[i])
	}
	if r.Processor != work {
		t.Errorf("the processors did %s of work, the objects brought %s", r.Processor, work)
	}
	if c.Processors > 0 && work.Seconds() > longest.Seconds()*c.Processors+1e-5 {
		t.Errorf("%s of work was done in %s by %g processors", work, longest, c.Processors)
	}
	if b := c.Buckets[0]; tokens > b.Burst+longest.Seconds()*b.Rate+1e-6 {
		t.Errorf("%g tokens were taken in %s of a bucket of %g with %g a second", tokens, longest, b.Burst, b.Rate)
	}
	for i, p := range c.Pools {
		if p.Limit > 0 && r.Environments[i] > p.Limit {
			t.Errorf("pool %d has %d environments, want at most %d", i, r.Environments[i], p.Limit)
		}
		if limit := time.Duration(r.Environments[i]) * longest; r.Busy[i] > limit {
			t.Errorf("pool %d was busy for %s, want at most %s", i, r.Busy[i], limit)
		}
	}
	atOnce := 0 // counted again, from the times alone
	for i := range objects {
		n := 0
		for j := range objects {
			if r.Began[j] <= r.Began[i] && r.Began[i] < r.Ended[j] {
				n++
			}
		}
		atOnce = max(atOnce, n)
	}
	if atOnce > c.Permits {
		t.Errorf("by their times, %d objects were in work at once, want at most %d", atOnce, c.Permits)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	bucket := []Bucket{{Name: "b", Burst: 1, Rate: 1}}
	for name, tt := range map[string]struct {
		config  Config
		objects []Object
	}{
		"no permit":               {config: Config{}},
		"a bucket without a rate": {config: Config{Permits: 1, Buckets: []Bucket{{Burst: 1}}}},
		"no bucket of a pool":     {config: Config{Permits: 1, Pools: []Pool{{Takes: []Take{{}}}}}},
		"no such pool":            {config: Config{Permits: 1}, objects: same(1, 0, Step{Pool: 0})},
		"no such bucket":          {config: Config{Permits: 1}, objects: same(1, 0, Step{Pool: -1, Takes: []Take{{}}})},
		"tokens below zero": {
			config: Config{Permits: 1, Buckets: bucket}, objects: same(1, 0, Step{Pool: -1, Takes: []Take{{Tokens: -1}}}),
		},
		"time below zero":       {config: Config{Permits: 1}, objects: same(1, 0, Step{Pool: -1, Wait: -1})},
		"arrivals out of order": {config: Config{Permits: 1}, objects: []Object{{Arrival: 1}, {}}},
	} {
		if _, err := Run(tt.config, tt.objects); err == nil {
			t.Errorf("%s: Run() has no error, want one", name)
		}
	}
}
