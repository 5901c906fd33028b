package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureLatency uploads one object after the other: from the acknowledgement
// of the PUT to the verdict's tag as a reader sees it.
func measureLatency(ctx context.Context, l *lab) (err error) {
	s, err := l.startStack(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var took []time.Duration
	for i := range warmUploads + l.amount.Uploads {
		key := fmt.Sprintf("latency/%d.txt", i)
		if err := s.put(ctx, key, text(i, l.amount.Size)); err != nil {
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
	const name = "one upload at a time: PUT acknowledged to tag visible, "
	l.report.atMost(name+"p50", milliseconds(percentile(took, 50)), "ms", 25)
	l.report.atMost(name+"p99", milliseconds(percentile(took, 99)), "ms", 100)
	return nil
}

// warmUploads start the environments; a cold one is measured by itself.
const warmUploads = 5
