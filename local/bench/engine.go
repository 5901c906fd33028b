package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// scanMemory is the default of the parameter ScanMemory, in GB of 1,024 MB, in which Lambda's prices are.
const scanMemory = 3008.0 / 1024

// measureEngine measures what one environment of the scan function does with definitions of the real size, and what its
// clamd could do if it were asked about several files at once. On Lambda an environment has one invocation at a time.
func measureEngine(ctx context.Context, b *benchmark) error {
	databases, err := b.databases()
	if err != nil {
		return err
	}
	w, err := b.warmScans(ctx, databases)
	if err != nil {
		return err
	}
	const name = "real size: "
	f := b.report.during(w.load)
	f.plain(name+"invocation, p50", milliseconds(percentile(w.took, 50)), "ms")
	f.plain(name+"objects for a GB-second", 1/(percentile(w.took, 50).Seconds()*scanMemory), "")
	for _, program := range w.each.programs() {
		f.plain(name+"processor time of each, "+program, milliseconds(w.each[program]), "ms")
	}
	for _, clients := range []int{1, 2, 4} {
		raw, err := b.scanWithClamd(ctx, databases, clients)
		if err != nil {
			return err
		}
		f := b.report.during(raw.load)
		name := fmt.Sprintf("real size, clamd alone, %d at once: ", clients)
		f.plain(name+"rate", raw.rate, "/s")
		f.plain(name+"processor time of each", milliseconds(raw.processor), "ms")
		f.plain(name+"files for a GB-second", raw.rate/scanMemory, "")
	}
	return nil
}

// warmScans is how long invocations of a warm scan function took, each with other bytes. Bytes that were scanned before
// count as known only when the engine has been proved since, which is minutes later.
type warmScans struct {
	load
	took []time.Duration
	each usage // processor time
}

// warmScans invokes a warm scan function for many files.
func (b *benchmark) warmScans(ctx context.Context, databases string) (w warmScans, err error) {
	volume, err := os.MkdirTemp(b.work, "volume-")
	if err != nil {
		return w, fmt.Errorf("create volume: %w", err)
	}
	if err := b.publish(ctx, volume, databases); err != nil {
		return w, err
	}
	endpoint, stop, err := emptyS3()
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	e, err := b.startFunction(ctx, "scan", volume, endpoint)
	if err != nil {
		return w, err
	}
	defer e.stop()
	if _, err := e.scans(ctx, volume, "first", 0, 1, b.amount.Size); err != nil { // which starts the engine
		return w, err
	}
	watching, err := beginWatch()
	if err != nil {
		return w, err
	}
	before, err := usageOf(e.cmd.Process.Pid)
	if err != nil {
		return w, err
	}
	n := b.amount.Uploads
	if w.took, err = e.scans(ctx, volume, "new", 1, n, b.amount.Size); err != nil {
		return w, err
	}
	after, err := usageOf(e.cmd.Process.Pid)
	if err != nil {
		return w, err
	}
	w.each = after.since(before, n)
	w.load, err = watching.end()
	return w, err
}

// scans has the function scan n files of this size, one after the other, and returns how long each took.
func (e *environment) scans(
	ctx context.Context, volume, name string, first, n, size int,
) (took []time.Duration, err error) {
	for i := range n {
		event, err := scanEvent(volume, fmt.Sprintf("%s-%d", name, i), text(first+i, size))
		if err != nil {
			return nil, err
		}
		start := time.Now()
		if err := e.scan(ctx, event); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}
