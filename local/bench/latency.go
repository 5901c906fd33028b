package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureLatency uploads one object after the other, and measures from the answer to the PUT until the verdict's tag
// can be read.
func measureLatency(ctx context.Context, b *benchmark) error {
	for _, workflow := range workflows() {
		if err := b.latency(ctx, workflow); err != nil {
			return err
		}
	}
	return nil
}

// warmUploads is the number of uploads that start the environments. Cold starts are measured separately.
const warmUploads = 5

func (b *benchmark) latency(ctx context.Context, workflow string) (err error) {
	s, err := b.startStack(ctx, settings{workflow: workflow})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var took []time.Duration
	var watching watch
	for i := range warmUploads + b.amount.Uploads {
		if i == warmUploads {
			if watching, err = beginWatch(); err != nil {
				return err
			}
		}
		key := fmt.Sprintf("latency/%d.txt", i)
		if err := s.put(ctx, key, text(i, b.amount.Size)); err != nil {
			return err
		}
		d, err := s.await(ctx, key, time.Minute)
		if err != nil {
			return err
		}
		if i >= warmUploads {
			took = append(took, d)
		}
	}
	l, err := watching.end()
	if err != nil {
		return err
	}
	name := workflow + ": PUT acknowledged to tag visible, "
	f := b.report.during(l)
	f.atMost(name+"p50", milliseconds(percentile(took, 50)), "ms", 8)
	f.atMost(name+"p99", milliseconds(percentile(took, 99)), "ms", 15)
	return nil
}
