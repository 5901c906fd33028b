// Package simulation follows objects through permits, functions and quotas, event by event. It knows nothing of AWS or
// of prices: a Config says what there is, and each object which steps it takes. The same simulation predicts AWS and
// the local stack; what differs is the Config.
//
// Time is virtual. Ties are broken by the order in which things were asked for, so that a run is repeatable.
package simulation

import (
	"container/heap"
	"errors"
	"fmt"
	"time"
)

// Config says what the objects share.
type Config struct {
	Permits int // how many objects may be in work at once, at least 1

	// PermitsAtOnce and PermitsPerSecond limit how fast work begins: so many permits are there at first, and so many
	// more come in a second until there are Permits. 0 is no limit.
	PermitsAtOnce    int
	PermitsPerSecond float64

	// Processors serve the Work of all steps, in equal shares, and no step more than one. 0 means that every step has
	// a processor of its own, as on Lambda.
	Processors float64

	Pools   []Pool
	Buckets []Bucket
}

// Pool is a function: its environments serve one step at a time, and are kept.
type Pool struct {
	Name  string
	Limit int           // environments at most; 0 is no limit
	Start time.Duration // how long a new environment takes before its first step
	Warm  int           // environments that are there at the beginning
	Takes []Take        // before a new environment starts
}

// Bucket is a quota: a token bucket that is full at the beginning.
type Bucket struct {
	Name  string
	Burst float64
	Rate  float64 // tokens a second
}

// Object is one object on its way. Objects are served in the order of their arrival.
type Object struct {
	Arrival time.Duration
	Steps   []Step
	// Return is how long the permit is away after the last step.
	Return time.Duration
}

// Step is what one function does for an object.
type Step struct {
	Pool   int           // index in Config.Pools, or -1 for none
	Before time.Duration // wait before the step, without an environment
	Wait   time.Duration // of the step in the environment, without a processor
	Work   time.Duration // of a processor
	Takes  []Take        // before the environment is taken
}

// Take is a number of tokens of a bucket.
type Take struct {
	Bucket int // index in Config.Buckets
	Tokens float64
}

// Result is what happened.
type Result struct {
	Began, Ended []time.Duration // of each object: when it got its permit, and when its last step ended
	MostInWork   int             // permits that were taken at the same time, at most
	Environments []int           // of each pool, at the end
	Busy         []time.Duration // of each pool: the time of all its environments with a step, starts included
	Waited       map[string]time.Duration
	Processor    time.Duration // of all steps
}

// What objects wait for beside pools and buckets, by their names.
const (
	ForPermit    = "permits"
	ForProcessor = "processors"
)

var errConfig = errors.New("simulation")

// Run follows the objects to their ends. Objects must be in the order of their arrival.
func Run(c Config, objects []Object) (*Result, error) {
	if err := check(c, objects); err != nil {
		return nil, err
	}
	s := &state{config: c, objects: objects, result: &Result{
		Began: make([]time.Duration, len(objects)), Ended: make([]time.Duration, len(objects)),
		Environments: make([]int, len(c.Pools)), Busy: make([]time.Duration, len(c.Pools)),
		Waited: map[string]time.Duration{},
	}}
	s.begin()
	for s.events.Len() > 0 {
		e := heap.Pop(&s.events).(*event)
		s.now = e.at
		e.do()
	}
	return s.result, nil
}

// check finds what would end in a crash or never.
func check(c Config, objects []Object) error {
	if c.Permits < 1 {
		return fmt.Errorf("%w: %d permits, want at least 1", errConfig, c.Permits)
	}
	for _, b := range c.Buckets {
		if b.Burst <= 0 || b.Rate <= 0 {
			return fmt.Errorf("%w: bucket %s has a burst of %g and a rate of %g, want both above 0",
				errConfig, b.Name, b.Burst, b.Rate)
		}
	}
	for _, p := range c.Pools {
		if err := checkTakes(c, p.Takes); err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
	}
	for i, o := range objects {
		if i > 0 && o.Arrival < objects[i-1].Arrival {
			return fmt.Errorf("%w: object %d arrives before the one before it", errConfig, i)
		}
		for n, step := range o.Steps {
			if step.Pool >= len(c.Pools) || step.Before < 0 || step.Wait < 0 || step.Work < 0 {
				return fmt.Errorf("%w: object %d: step %d is %+v", errConfig, i, n, step)
			}
			if err := checkTakes(c, step.Takes); err != nil {
				return fmt.Errorf("object %d, step %d: %w", i, n, err)
			}
		}
	}
	return nil
}

func checkTakes(c Config, takes []Take) error {
	for _, t := range takes {
		if t.Bucket < 0 || t.Bucket >= len(c.Buckets) || t.Tokens < 0 {
			return fmt.Errorf("%w: there is no take %+v", errConfig, t)
		}
	}
	return nil
}
