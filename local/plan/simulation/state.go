package simulation

import (
	"container/heap"
	"time"
)

// state is a simulation under way.
type state struct {
	config  Config
	objects []Object
	result  *Result

	now    time.Duration
	events events
	serial int // of events, for their order

	arrived int // objects that wait for a permit or had one
	next    int // the first object without a permit
	free    int // permits
	inWork  int

	pools   []pool
	buckets []bucket
	shared  processors
}

// pool is the state of a Pool.
type pool struct {
	idle    int
	made    int
	waiting []waiter // first come, first served
}

// waiter is a step that waits for an environment.
type waiter struct {
	since time.Duration
	run   func(start time.Duration)
}

// bucket is the state of a Bucket: the tokens that it had at a time, below zero if some were promised.
type bucket struct {
	tokens float64
	at     time.Duration
}

func (s *state) begin() {
	s.pools = make([]pool, len(s.config.Pools))
	for i, p := range s.config.Pools {
		s.pools[i] = pool{idle: p.Warm, made: p.Warm}
		s.result.Environments[i] = p.Warm
	}
	s.buckets = make([]bucket, len(s.config.Buckets))
	for i, b := range s.config.Buckets {
		s.buckets[i].tokens = b.Burst
	}
	s.shared.state = s
	s.beginPermits()
	if len(s.objects) > 0 {
		s.at(s.objects[0].Arrival, s.arrive)
	}
}

// beginPermits makes the permits that are there at once, and the others one by one.
func (s *state) beginPermits() {
	c := s.config
	s.free = c.Permits
	if c.PermitsAtOnce <= 0 || c.PermitsAtOnce >= c.Permits || c.PermitsPerSecond <= 0 {
		return
	}
	s.free = c.PermitsAtOnce
	for i := c.PermitsAtOnce; i < c.Permits; i++ {
		after := float64(i-c.PermitsAtOnce+1) / c.PermitsPerSecond
		s.at(time.Duration(after*float64(time.Second)), s.permit)
	}
}

// permit brings one permit.
func (s *state) permit() {
	s.free++
	s.start()
}

// arrive counts the objects that arrive now.
func (s *state) arrive() {
	for s.arrived < len(s.objects) && s.objects[s.arrived].Arrival <= s.now {
		s.arrived++
	}
	if s.arrived < len(s.objects) {
		s.at(s.objects[s.arrived].Arrival, s.arrive)
	}
	s.start()
}

// start gives the free permits to the objects that wait longest.
func (s *state) start() {
	for s.free > 0 && s.next < s.arrived {
		i := s.next
		s.next++
		s.free--
		s.inWork++
		s.result.MostInWork = max(s.result.MostInWork, s.inWork)
		s.result.Began[i] = s.now
		s.result.Waited[ForPermit] += s.now - s.objects[i].Arrival
		s.step(i, 0)
	}
}

// step does the n-th step of an object, and then the others.
func (s *state) step(i, n int) {
	o := s.objects[i]
	if n == len(o.Steps) {
		s.result.Ended[i] = s.now
		s.inWork--
		s.at(s.now+o.Return, s.permit)
		return
	}
	step := o.Steps[n]
	s.after(step.Before, func() {
		s.take(step.Takes, func() {
			s.acquire(step.Pool, func(start time.Duration) {
				begun := s.now
				s.after(start+step.Wait, func() {
					s.work(step.Work, func() {
						s.release(step.Pool, begun)
						s.step(i, n+1)
					})
				})
			})
		})
	})
}

// take waits until all the buckets have given their tokens.
func (s *state) take(takes []Take, then func()) {
	var longest time.Duration
	for _, t := range takes {
		b, c := &s.buckets[t.Bucket], s.config.Buckets[t.Bucket]
		b.tokens = min(c.Burst, b.tokens+(s.now-b.at).Seconds()*c.Rate)
		b.at = s.now
		b.tokens -= t.Tokens
		if b.tokens < 0 {
			wait := time.Duration(-b.tokens / c.Rate * float64(time.Second))
			s.result.Waited[c.Name] += wait
			longest = max(longest, wait)
		}
	}
	s.after(longest, then)
}

// acquire waits for an environment of a pool. It calls run with the time that the environment takes to start.
func (s *state) acquire(i int, run func(start time.Duration)) {
	if i < 0 {
		run(0)
		return
	}
	p, c := &s.pools[i], s.config.Pools[i]
	switch {
	case p.idle > 0:
		p.idle--
		run(0)
	case c.Limit == 0 || p.made < c.Limit:
		p.made++
		s.result.Environments[i]++
		s.take(c.Takes, func() { run(c.Start) })
	default:
		p.waiting = append(p.waiting, waiter{since: s.now, run: run})
	}
}

// release gives an environment to the step that waits longest for one.
func (s *state) release(i int, begun time.Duration) {
	if i < 0 {
		return
	}
	p := &s.pools[i]
	s.result.Busy[i] += s.now - begun
	if len(p.waiting) == 0 {
		p.idle++
		return
	}
	w := p.waiting[0]
	p.waiting = p.waiting[1:]
	s.result.Waited[s.config.Pools[i].Name] += s.now - w.since
	w.run(0)
}

// work uses a processor.
func (s *state) work(d time.Duration, then func()) {
	s.result.Processor += d
	if s.config.Processors <= 0 {
		s.after(d, then)
		return
	}
	s.shared.add(d, then)
}

// after does something later, or at once.
func (s *state) after(d time.Duration, do func()) {
	if d <= 0 {
		do()
		return
	}
	s.at(s.now+d, do)
}

func (s *state) at(t time.Duration, do func()) {
	s.serial++
	heap.Push(&s.events, &event{at: t, serial: s.serial, do: do})
}

// event is something that happens at a time.
type event struct {
	at     time.Duration
	serial int
	do     func()
}

// events is a heap, the earliest first.
type events []*event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].serial < e[j].serial
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(*event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
