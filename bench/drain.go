package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// measureDrain uploads many small objects at once and compares the rate of
// their verdicts with that of clamd alone about the same files.
func measureDrain(ctx context.Context, l *lab) error {
	raw, err := l.rawRate(ctx, "")
	if err != nil {
		return err
	}
	rate, err := l.drainRate(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d objects of %d bytes at once, test definitions, ", l.amount.Objects, l.amount.Size)
	l.report.atLeast(name+"to their tags", rate, "/s", 150)
	l.report.plain(name+"clamd alone, 2 clients", raw, "/s")
	return nil
}

// drainRate is objects a second, from the first PUT to the last tag.
func (l *lab) drainRate(ctx context.Context, args ...string) (rate float64, err error) {
	s, err := l.startStack(ctx, args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	start := time.Now()
	uploads, uploading := errgroup.WithContext(ctx)
	uploads.SetLimit(20)
	for i := range l.amount.Objects {
		uploads.Go(func() error { return s.put(uploading, drained(i), text(i, l.amount.Size)) })
	}
	if err := uploads.Wait(); err != nil {
		return 0, err
	}
	last, err := s.tagged(ctx, l.amount.Objects)
	if err != nil {
		return 0, err
	}
	for i := range l.amount.Objects { // the log was only to tell when; this is the proof
		verdict, err := s.verdict(ctx, drained(i))
		if err == nil {
			err = mustBeClean(drained(i), verdict)
		}
		if err != nil {
			return 0, err
		}
	}
	return float64(l.amount.Objects) / last.Sub(start).Seconds(), nil
}

func drained(i int) string { return fmt.Sprintf("drain/%04d.txt", i) }

// stalled is how long nothing may be tagged before the drain counts as stuck:
// twice the longest wait of the state machine's retry for throttling.
const stalled = 10 * time.Minute

// tagged waits until n objects have their tags and returns when the last got
// it. It reads the function's log: asking S3 for each object would load the two
// cores that are being measured.
func (s *stack) tagged(ctx context.Context, n int) (last time.Time, err error) {
	seen, changed := 0, time.Now()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		count, at, err := readTagLog(filepath.Join(s.logs, "tag.log"))
		if err != nil || count >= n {
			tick.Stop()
			return at, err
		}
		if count > seen {
			seen, changed = count, time.Now()
		}
		if time.Since(changed) > stalled {
			return at, fmt.Errorf("%d of %d objects are tagged, and none more in %s", count, n, stalled)
		}
		select {
		case <-ctx.Done():
			return at, ctx.Err()
		case <-tick.C:
		}
	}
}

// readTagLog counts the objects that were tagged, and says when the last was.
func readTagLog(path string) (n int, last time.Time, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, last, nil
	}
	if err != nil {
		return 0, last, fmt.Errorf("read log: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Time    time.Time `json:"time"`
			Outcome string    `json:"outcome"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Outcome != "" {
			n, last = n+1, line.Time
		}
	}
	return n, last, nil
}
