package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
)

// measureTimes measures the processor time of each function for one object, and of the engine with definitions of the
// official size. local/plan/timing has these figures: `lazaret plan` predicts durations on AWS from them.
func measureTimes(ctx context.Context, b *benchmark) (err error) {
	s, err := b.startStack(ctx, settings{layout: "three-bucket"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.createSilentBucket(ctx); err != nil {
		return err
	}
	c := &chain{bench: b, stack: s, environments: map[string]*environment{}}
	defer c.stop()
	if err := c.start(ctx); err != nil {
		return err
	}
	const large = 10_000_000
	small, err := c.times(ctx, b.amount.Timed, b.amount.Size, text)
	if err != nil {
		return err
	}
	for _, f := range []string{"fetch", "scan", "engine", "tag", "promote"} {
		b.report.during(load{}).plain("processor time of "+f+" for one object", milliseconds(small[f]), "ms")
	}
	for what, content := range map[string]func(i, size int) []byte{"text": text, "bytes as of a compressed file": noise} {
		big, err := c.times(ctx, max(1, b.amount.Timed/10), large, content)
		if err != nil {
			return err
		}
		for _, f := range []string{"fetch", "scan", "engine"} {
			perMB := max(0, milliseconds(big[f]-small[f])/float64(large-b.amount.Size)*1e6)
			b.report.during(load{}).plain("processor time of "+f+" for each MB of "+what, perMB, "ms")
		}
	}
	found, err := c.times(ctx, max(1, b.amount.Timed/4), b.amount.Size, nil)
	if err != nil {
		return err
	}
	for _, f := range []string{"quarantine", "notify"} {
		b.report.during(load{}).plain("processor time of "+f+" for one object", milliseconds(found[f]), "ms")
	}
	return b.timeDispatch(ctx)
}

// chain is the functions of the state machine, of which each gets what the one before it returned.
type chain struct {
	bench        *benchmark
	stack        *localStack
	environments map[string]*environment
	objects      int
}

// start starts the functions on a volume with definitions of the official size.
func (c *chain) start(ctx context.Context) error {
	databases, err := c.bench.databases()
	if err != nil {
		return err
	}
	volume, err := os.MkdirTemp(c.bench.work, "volume-")
	if err != nil {
		return fmt.Errorf("create volume: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(volume, "lazaret", "work"), 0o755); err != nil {
		return fmt.Errorf("create work folder: %w", err)
	}
	if _, err := definitions.Open(filepath.Join(volume, "lazaret", "definitions")).Publish(ctx, databases); err != nil {
		return err
	}
	for _, f := range []string{"fetch", "scan", "tag", "promote", "quarantine", "notify"} {
		if c.environments[f], err = c.bench.startFunction(ctx, f, volume, c.stack.endpoint); err != nil {
			return err
		}
	}
	// Until each function has its connections, and the engine is there.
	return errors.Join(c.scan(ctx, c.bench.amount.Size, text), c.scan(ctx, 0, nil))
}

func (c *chain) stop() {
	for _, e := range c.environments {
		if e != nil {
			e.stop()
		}
	}
}

// scan sends a new object through all functions: an infected one without content.
func (c *chain) scan(ctx context.Context, size int, content func(i, size int) []byte) error {
	c.objects++
	isInfected, path := content == nil, []string{"fetch", "scan", "tag", "promote"}
	if isInfected {
		content = func(int, int) []byte { return eicar.Bytes() }
		path = []string{"fetch", "scan", "tag", "quarantine", "notify"}
	}
	o, err := c.stack.putSilently(ctx, fmt.Sprintf("times/%d", c.objects), content(c.objects, size))
	if err != nil {
		return err
	}
	j := job.Job{Version: job.Version, Object: o, Policy: job.Policy{PromoteClean: true}}
	event, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the job: %w", err)
	}
	for _, f := range path {
		if event, err = c.environments[f].invoke(ctx, event); err != nil {
			return fmt.Errorf("%s of %s: %w", f, o.Key, err)
		}
	}
	if isClean := bytes.Contains(event, []byte(`"verdict":"CLEAN"`)); isClean == isInfected {
		return fmt.Errorf("scan %s: %s, want clean %t", o.Key, event, !isInfected)
	}
	return nil
}

// times returns the processor time of each function, and of the engine, for an object of a size.
func (c *chain) times(
	ctx context.Context, n, size int, content func(i, size int) []byte,
) (map[string]time.Duration, error) {
	before, err := c.used()
	if err != nil {
		return nil, err
	}
	for range n {
		if err := c.scan(ctx, size, content); err != nil {
			return nil, err
		}
	}
	after, err := c.used()
	for f := range after {
		after[f] = (after[f] - before[f]) / time.Duration(n)
	}
	return after, err
}

// used returns the processor time of the functions so far, and of the engine, which is the child of scan.
func (c *chain) used() (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for f, e := range c.environments {
		own, err := ownProcessorTime(e.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		all[f] = own
	}
	tree, err := processorTime(c.environments["scan"].cmd.Process.Pid)
	all["engine"] = tree - all["scan"]
	return all, err
}
