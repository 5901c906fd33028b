package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureGrowth makes bursts of more and more objects at one stack: the time for each object, and the memory, must not
// depend on how many wait.
func measureGrowth(ctx context.Context, b *benchmark) (err error) {
	s, err := b.startStack(ctx, settings{engines: 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := b.warm(ctx, s); err != nil {
		return err
	}
	var first, last size
	for i, n := range b.amount.Waiting {
		now, err := b.measureSize(ctx, s, n)
		if err != nil {
			return err
		}
		if last = now; i == 0 {
			first = now
		}
	}
	few, many := b.amount.Waiting[0], b.amount.Waiting[len(b.amount.Waiting)-1]
	name := fmt.Sprintf("%d waiting objects, over %d: ", many, few)
	f := b.report.during(first.load.and(last.load))
	f.ratio(row{Name: name + "processor time of each", Value: ratio(last.processor, first.processor), Aim: 1.1})
	f.ratio(row{Name: name + "time of each", Value: first.rate / last.rate, Aim: 1.1})
	memory := b.report.during(load{}) // which others do not change
	memory.atMost(name+"memory of the functions and engines", last.functions/first.functions, "", 1.1)
	memory.plain(name+"memory of the local stack, which keeps the objects' histories", last.stack/first.stack, "")
	throttled, err := s.throttled(ctx)
	if err != nil {
		return err
	}
	f.plain("attempts at a busy function, in all these bursts", float64(throttled), "")
	return nil
}

// size is what bursts of one size have met.
type size struct {
	load
	rate             float64       // objects a second
	processor        time.Duration // for each
	functions, stack float64       // memory after it, in MB
}

// measureSize makes bursts of n objects. Small bursts are repeated, because processor time has a resolution of 10 ms.
func (b *benchmark) measureSize(ctx context.Context, s *localStack, n int) (z size, err error) {
	times := max(1, b.amount.Waiting[len(b.amount.Waiting)-1]/n/10)
	var took float64
	for i := range times {
		x, err := b.burstOf(ctx, s, fmt.Sprintf("waiting-%d-%d", n, i), n)
		if err != nil {
			return z, err
		}
		took += float64(n) / x.rate
		z.processor += x.each.total() / time.Duration(times)
		z.load = z.load.and(x.load)
	}
	z.rate = float64(n*times) / took
	if z.stack, err = processMemory(s.pid(), "VmRSS"); err != nil {
		return z, err
	}
	all, err := heldBy(s.pid())
	z.functions = all.memory - z.stack
	f := b.report.during(z.load)
	name := fmt.Sprintf("%d waiting objects: ", n)
	f.plain(name+"rate", z.rate, "/s")
	f.plain(name+"processor time of each", milliseconds(z.processor), "ms")
	f.plain(name+"memory of the local stack", z.stack, "MB")
	f.plain(name+"memory of the functions and engines", z.functions, "MB")
	return z, err
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / max(b.Seconds(), 1e-9) }
