package main

import (
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// small are the functions that are deployed as a zip file.
var small = []string{"dispatch", "fetch", "tag", "quarantine", "promote", "notify"}

// nowhere is the AWS endpoint of functions that call none.
const nowhere = "http://127.0.0.1:9"

// measureFunctions says what a cold start of each small function costs: the zip
// file that Lambda unpacks, the time until it takes an event, and the memory.
func measureFunctions(ctx context.Context, l *lab) error {
	for _, name := range small {
		size, err := zipSize(filepath.Join(l.root, "build", name, "bootstrap"))
		if err != nil {
			return err
		}
		l.report.atMost(name+": zip", size, "MB", 8)
		init, memory, err := l.coldStart(ctx, name)
		if err != nil {
			return err
		}
		l.report.atMost(name+": exec to first /next, p50", milliseconds(init), "ms", 60)
		l.report.atMost(name+": RSS then", memory, "MB", 40)
	}
	return nil
}

// coldStart starts a function several times and returns the median time and the
// highest memory.
func (l *lab) coldStart(ctx context.Context, name string) (init time.Duration, memory float64, err error) {
	volume, err := l.dir("volume")
	if err != nil {
		return 0, 0, err
	}
	var took []time.Duration
	for range l.amount.Starts {
		e, err := l.startFunction(ctx, name, volume, nowhere)
		if err != nil {
			return 0, 0, err
		}
		took = append(took, e.init)
		rss, err := processMemory(e.cmd.Process.Pid, "VmRSS")
		e.stop()
		if err != nil {
			return 0, 0, err
		}
		memory = max(memory, rss)
	}
	return percentile(took, 50), memory, nil
}

// zipSize is what the file takes deflated, in MB. The zip's headers add 200 bytes.
func zipSize(path string) (float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("measure zip (run make build): %w", err)
	}
	defer f.Close()
	var n counter
	w, err := flate.NewWriter(&n, flate.DefaultCompression)
	if err == nil {
		_, err = io.Copy(w, f)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return 0, fmt.Errorf("measure zip of %s: %w", path, err)
	}
	return float64(n) / 1e6, nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
