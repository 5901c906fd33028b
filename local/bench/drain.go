package main

import (
	"context"
	"errors"
	"strings"
)

// measureDrain uploads many small objects at once and compares the rate of verdicts with the rate of clamd alone on the
// same files. With the test definitions the difference is the cost of Lazaret; with definitions of the official size
// the share of that cost shows.
func measureDrain(ctx context.Context, b *benchmark) error {
	if err := b.drains(ctx, "test definitions, ", settings{}, b.testDrain); err != nil {
		return err
	}
	databases, err := b.databases()
	if err != nil {
		return err
	}
	// Two engines, one for each core. Twenty engines would need 24 GB of memory.
	return b.drains(ctx, "real size, ", settings{engines: 2, definitions: databases}, b.realDrain)
}

// drains measures clamd alone, and then a stack with each workflow.
func (b *benchmark) drains(
	ctx context.Context, name string, with settings, judge func(name string, x burst, raw clamdRate),
) error {
	raw, err := b.scanWithClamd(ctx, with.definitions, 2)
	if err != nil {
		return err
	}
	b.report.during(raw.load).plain(name+"clamd alone, 2 clients", raw.rate, "/s")
	for _, workflow := range workflows() {
		with.workflow = workflow
		if err := b.drain(ctx, name+workflow+": ", with, raw, judge); err != nil {
			return err
		}
	}
	return nil
}

// drain measures a burst at a new stack.
func (b *benchmark) drain(
	ctx context.Context, name string, with settings, raw clamdRate, judge func(string, burst, clamdRate),
) (err error) {
	s, err := b.startStack(ctx, with)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := b.warm(ctx, s); err != nil {
		return err
	}
	x, err := b.burstOf(ctx, s, "drain", b.amount.Objects)
	if err != nil {
		return err
	}
	throttled, err := s.throttled(ctx)
	if err != nil {
		return err
	}
	judge(name, x, raw)
	f := b.report.during(x.load)
	f.plain(name+"to 90 % of the tags", x.rate90, "/s")
	f.ratio(row{Name: name + "time of the last tag over that of 90 %", Value: x.tail, Aim: 1.25})
	f.plain(name+"attempts at a busy function", float64(throttled), "")
	f.plain(name+"most later uploads tagged before an earlier one", float64(x.overtaken), "")
	f.plain(name+"processor time of each", milliseconds(x.each.total()), "ms")
	for _, program := range x.each.programs() {
		if t := x.each[program]; t >= x.each.total()/200 {
			f.plain(name+"of that, "+program, milliseconds(t), "ms")
		}
	}
	return nil
}

// testDrain judges a burst with the test definitions, with which nearly all the time is Lazaret's.
func (b *benchmark) testDrain(name string, x burst, raw clamdRate) {
	f := b.report.during(x.load)
	f.atLeast(name+"to the last tag", x.rate, "/s", 150)
	if strings.Contains(name, standard) {
		const name = "test definitions, clamd alone: processor time of each"
		b.report.during(raw.load).plain(name, milliseconds(raw.processor), "ms")
	}
}

// realDrain judges a burst with definitions of the real size.
func (b *benchmark) realDrain(name string, x burst, raw clamdRate) {
	b.report.during(x.load).plain(name+"to the last tag", x.rate, "/s")
	b.report.during(x.load.and(raw.load)).ratio(row{
		Name: name + "to the last tag, of clamd's rate", Value: 100 * x.rate / raw.rate, Unit: "%", Aim: 60, AtLeast: true,
	})
}
