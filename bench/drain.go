package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// measureDrain uploads many small objects at once and compares the rate of
// their verdicts with that of clamd alone about the same files. The test
// definitions show what Lazaret costs, those of the real size what that matters.
func measureDrain(ctx context.Context, l *lab) error {
	name := fmt.Sprintf("%d objects of %d kB at once, ", l.amount.Objects, l.amount.Size/1000)
	if err := l.drains(ctx, name+"test definitions: ", "", func(name string, rate, _ float64) {
		l.report.atLeast(name, rate, "/s", 150)
	}); err != nil {
		return err
	}
	databases, err := l.databases()
	if err != nil {
		return err
	}
	// Two engines, one for each core; twenty would need 24 GB.
	return l.drains(ctx, name+"real size: ", databases, func(name string, rate, raw float64) {
		l.report.plain(name, rate, "/s")
		l.report.atLeast(name+", share of clamd", 100*rate/raw, "%", 85)
	}, "--definitions", databases, "--parameter-overrides", "MaxConcurrentScans=2")
}

// drains measures clamd alone and then the stack, with the waits before retries
// as they are deployed, and with a tenth of them: with few engines and many
// objects, the machine mostly waits.
func (l *lab) drains(ctx context.Context, name, databases string, aim func(name string, rate, raw float64), args ...string) error {
	raw, err := l.scanAlone(ctx, databases)
	if err != nil {
		return err
	}
	l.report.plain(name+"clamd alone, 2 clients", raw.rate, "/s")
	l.report.plain(name+"clamd alone, processor time of each", milliseconds(raw.processor), "ms")
	for _, scale := range []string{"1", "10"} {
		d, err := l.drain(ctx, append([]string{"--time-scale", scale}, args...)...)
		if err != nil {
			return err
		}
		label := name + "to their tags"
		if scale != "1" {
			label += ", --time-scale " + scale
		}
		aim(label, d.rate, raw.rate)
		l.report.plain(label+", first 90 %", d.most, "/s")
		l.report.plain(label+", processor time of each", milliseconds(d.processor), "ms")
	}
	return nil
}

// drained is what came of one drain.
type drained struct {
	rate      float64       // objects a second, from the first PUT to the last tag
	most      float64       // the same to the tag of the 90th of 100
	processor time.Duration // of the stack and all its processes, for each object
}

func (l *lab) drain(ctx context.Context, args ...string) (d drained, err error) {
	s, err := l.startStack(ctx, args...)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := l.warm(ctx, s); err != nil {
		return d, err
	}
	before, err := processorTime(s.cmd.Process.Pid)
	if err != nil {
		return d, err
	}
	start := time.Now()
	uploads, uploading := errgroup.WithContext(ctx)
	uploads.SetLimit(20)
	for i := range l.amount.Objects {
		uploads.Go(func() error { return s.put(uploading, drainKey(i), text(i, l.amount.Size)) })
	}
	if err := uploads.Wait(); err != nil {
		return d, err
	}
	times, err := s.tagged(ctx, l.amount.Objects)
	if err != nil {
		return d, err
	}
	after, err := processorTime(s.cmd.Process.Pid)
	if err != nil {
		return d, err
	}
	for i := range l.amount.Objects { // the log was only to tell when; this is the proof
		verdict, err := s.verdict(ctx, drainKey(i))
		if err == nil {
			err = mustBeClean(drainKey(i), verdict)
		}
		if err != nil {
			return d, err
		}
	}
	n := len(times)
	d.rate = float64(n) / times[n-1].Sub(start).Seconds()
	d.most = float64(n*9/10) / times[n*9/10-1].Sub(start).Seconds()
	d.processor = (after - before) / time.Duration(n)
	return d, nil
}

// warm has two engines loaded, which takes long with many definitions and is
// measured by itself.
func (l *lab) warm(ctx context.Context, s *stack) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range 2 {
		group.Go(func() error {
			key := fmt.Sprintf("warm/%d.txt", i)
			if err := s.put(ctx, key, text(1_000_000+i, l.amount.Size)); err != nil {
				return err
			}
			_, err := s.await(ctx, key, 5*time.Minute)
			return err
		})
	}
	return group.Wait()
}

const drainPrefix = "drain/"

func drainKey(i int) string { return fmt.Sprintf(drainPrefix+"%04d.txt", i) }

// stalled is how long nothing may be tagged before the drain counts as stuck:
// twice the longest wait of the state machine's retry for throttling.
const stalled = 10 * time.Minute

// tagged waits until n objects have their tags and returns when each got it, in
// order. It reads the function's log: asking S3 for each object would load the
// cores that are being measured.
func (s *stack) tagged(ctx context.Context, n int) ([]time.Time, error) {
	seen, changed := 0, time.Now()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		times, err := readTagLog(filepath.Join(s.logs, "tag.log"))
		if err != nil || len(times) >= n {
			return times, err
		}
		if len(times) > seen {
			seen, changed = len(times), time.Now()
		}
		if time.Since(changed) > stalled {
			return nil, fmt.Errorf("%d of %d objects are tagged, and none more in %s", seen, n, stalled)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// readTagLog says when the objects of the drain were tagged.
func readTagLog(path string) (times []time.Time, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var line struct {
			Time    time.Time `json:"time"`
			Key     string    `json:"key"`
			Outcome string    `json:"outcome"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Outcome != "" && strings.HasPrefix(line.Key, drainPrefix) {
			times = append(times, line.Time)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, lines.Err()
}
