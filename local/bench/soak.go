package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// soakPause is the time between two looks at the processes.
const soakPause = 5 * time.Second

// measureSoak uploads at a steady pace for minutes. Memory and descriptors must not grow.
func measureSoak(ctx context.Context, b *benchmark) error {
	if b.amount.Soak == 0 {
		return nil
	}
	for _, workflow := range workflows() {
		if err := b.soak(ctx, workflow); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchmark) soak(ctx context.Context, workflow string) (err error) {
	s, err := b.startStack(ctx, settings{workflow: workflow, engines: 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := b.warm(ctx, s); err != nil {
		return err
	}
	watching, err := beginWatch()
	if err != nil {
		return err
	}
	var seen []held
	uploads := 0
	for began := time.Now(); time.Since(began) < b.amount.Soak; {
		now, err := heldBy(s.pid())
		if err != nil {
			return err
		}
		seen = append(seen, now)
		for look := time.Now(); time.Since(look) < min(soakPause, b.amount.Soak/6); time.Sleep(pace) {
			if err := s.put(ctx, burstKey("soak", uploads), text(b.content+uploads, b.amount.Size)); err != nil {
				return err
			}
			uploads++
		}
	}
	b.content += uploads
	if _, err := s.tagged(ctx, "soak", uploads); err != nil {
		return err
	}
	l, err := watching.end()
	if err != nil {
		return err
	}
	early, late := average(seen[len(seen)/6:len(seen)/3+1]), average(seen[len(seen)-max(1, len(seen)/6):])
	pace := float64(uploads) / b.amount.Soak.Seconds()
	name := fmt.Sprintf("%s of %.0f uploads a second, %s: ", b.amount.Soak, pace, workflow)
	f := b.report.during(l)
	f.plain(name+"memory at the end", late.memory, "MB")
	f.plain(name+"descriptors at the end", float64(late.descriptors), "")
	f.atMost(name+"memory at the end, over that after a third", late.memory/early.memory, "", 1.1)
	f.atMost(name+"descriptors at the end, over those after a third",
		float64(late.descriptors)/float64(max(1, early.descriptors)), "", 1.1)
	return nil
}

func average(all []held) (a held) {
	for _, h := range all {
		a.memory += h.memory / float64(len(all))
		a.descriptors += h.descriptors
	}
	a.descriptors /= len(all)
	return a
}
