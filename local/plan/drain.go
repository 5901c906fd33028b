package plan

import (
	"math"
	"time"

	"github.com/lazaret/lazaret/local/plan/simulation"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// Drain is how a burst ends.
type Drain struct {
	Objects   float64       `json:"objects"`
	Simulated int           `json:"simulated"` // of them; the rest continues at the rate of the last quarter
	Took      time.Duration `json:"-"`
	Hours     float64       `json:"hours"`
	PerSecond float64       `json:"objectsASecond"` // at the end, when all engines are warm
	Saturated string        `json:"saturated"`      // what objects waited for most
	Raise     string        `json:"raise"`          // which parameter or quota to raise
	Engines   int           `json:"engines"`
}

// simulated returns how many objects of a burst are simulated: enough for each permit to be used many times after all
// of them are there.
func (p *Planner) simulated(total float64) int {
	return int(math.Min(total, math.Max(20_000, 300*float64(p.permits()))))
}

// Drain simulates a burst: all objects are uploaded at once, and no environment is there.
func (p *Planner) Drain(o *workload.Objects) (Drain, error) {
	total, _ := o.Total()
	d := Drain{Objects: total}
	if total == 0 {
		return d, nil
	}
	w := p.world()
	objects := w.sample(p, p.groups(o), d.Objects)
	d.Simulated = len(objects)
	r, err := simulation.Run(w.config, objects)
	if err != nil {
		return d, err
	}
	var last time.Duration
	for _, end := range r.Ended {
		last = max(last, end)
	}
	d.PerSecond = rate(r.Ended)
	d.Took = last
	if rest := d.Objects - float64(d.Simulated); rest > 0 {
		d.Took += time.Duration(rest / d.PerSecond * float64(time.Second))
	}
	d.Hours = d.Took.Hours()
	d.Engines = r.Environments[w.pools["scan"]]
	d.Saturated, d.Raise = w.narrowest(p, r)
	return d, nil
}

// rate returns how many objects ended in a second in the last quarter of the ends. Lambda begins with five messages at
// a time and adds five in a second, so that it takes minutes until many permits are in use.
func rate(ended []time.Duration) float64 {
	first := len(ended) * 3 / 4
	from, to := ended[first], ended[first]
	for _, e := range ended[first:] {
		from, to = min(from, e), max(to, e)
	}
	if to <= from {
		return float64(len(ended)) / max(to.Seconds(), 1e-3)
	}
	return float64(len(ended)-first-1) / (to - from).Seconds()
}

// world is the simulation's picture of AWS.
type world struct {
	config  simulation.Config
	pools   map[string]int
	buckets map[string]int    // by the quota's id, or by the function that has one of its own
	raise   map[string]string // what to raise, by the same
}

func (p *Planner) world() *world {
	permits, _ := p.usable()
	pollers := p.prices.Quota("sqs.pollers")
	w := &world{
		config: simulation.Config{
			Permits: int(permits), PermitsAtOnce: int(pollers.Burst), PermitsPerSecond: pollers.Rate,
		},
		pools: map[string]int{}, buckets: map[string]int{}, raise: map[string]string{},
	}
	for id := range p.needs() {
		w.bucket(p, id, id)
	}
	for _, f := range []string{"fetch", "scan", "tag", "quarantine", "promote", "notify"} {
		pool := simulation.Pool{Name: f, Start: p.times.Wait("lambda.start")}
		if f == "scan" {
			pool.Start = time.Duration(p.times.EngineStart * float64(time.Millisecond))
		}
		if f == "scan" || f == "fetch" {
			pool.Limit = int(permits) // reserved concurrency, or the permits themselves
		}
		pool.Takes = []simulation.Take{{Bucket: w.bucket(p, "lambda.scaling", f), Tokens: 1}}
		w.pools[f] = len(w.config.Pools)
		w.config.Pools = append(w.config.Pools, pool)
	}
	return w
}

// bucket adds a quota, or one of its own for a function.
func (w *world) bucket(p *Planner, id, name string) int {
	if i, known := w.buckets[name]; known {
		return i
	}
	q := p.prices.Quota(id)
	w.buckets[name], w.raise[name] = len(w.config.Buckets), q.Raise
	w.config.Buckets = append(w.config.Buckets, simulation.Bucket{Name: q.Unit, Burst: q.Burst, Rate: q.Rate})
	return w.buckets[name]
}

// sample returns objects in the proportions of the groups, mixed evenly.
func (w *world) sample(p *Planner, groups []group, total float64) []simulation.Object {
	n := p.simulated(total)
	templates, due := make([]simulation.Object, len(groups)), make([]float64, len(groups))
	for i, g := range groups {
		templates[i] = w.object(p, g)
	}
	objects := make([]simulation.Object, 0, n)
	for range n {
		most := 0
		for i, g := range groups {
			due[i] += g.objects / total
			if due[i] > due[most] {
				most = i
			}
		}
		due[most]--
		objects = append(objects, templates[most])
	}
	return objects
}

// object returns the steps of an object. Each step waits for its state to be reached.
func (w *world) object(p *Planner, g group) simulation.Object {
	lane := "states.standard"
	if g.lane == Express {
		lane = "states.express"
	}
	needs := p.needs()
	take := func(id string, share float64) simulation.Take {
		return simulation.Take{Bucket: w.buckets[id], Tokens: needs[id](g) * share}
	}
	var o simulation.Object
	functions := g.functions()
	for i, f := range functions {
		step := simulation.Step{Pool: w.pools[f], Before: p.times.Wait(lane + ".task"), Wait: p.durationOf(f, g.object)}
		share := 1 / float64(len(functions)) // of the transitions, and of the requests to S3
		step.Takes = []simulation.Take{
			take("states.transition", share), take("s3.read", share), take("s3.write", share),
		}
		switch {
		case i == 0: // fetch
			work, back := p.cycle(g.object)
			step.Before = work - p.execution(g.object) + p.times.Wait(lane+".start")
			step.Takes = append(step.Takes, take("states.start", 1), take("efs.write", 1))
			o.Return = back + p.times.Wait(lane+".task") // the end of the execution
		case f == "scan":
			step.Takes = append(step.Takes, take("efs.read", 1))
		}
		o.Steps = append(o.Steps, step)
	}
	return o
}

// narrowest returns what objects waited for most, and what to raise. They wait for permits while there are too few of
// them, which is also what is left when a quota makes each object slow: a quota comes first, then.
func (w *world) narrowest(p *Planner, r *simulation.Result) (name, raise string) {
	var most time.Duration
	for id, i := range w.buckets {
		b := w.config.Buckets[i]
		if waited := r.Waited[b.Name]; waited > most {
			most, name, raise = waited, b.Name, w.raise[id]
		}
	}
	var busy time.Duration
	for i := range r.Began {
		busy += r.Ended[i] - r.Began[i]
	}
	if most > busy/10 {
		return name, raise
	}
	_, raise = p.usable()
	return "permits (MaxConcurrentScans)", raise
}
