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

// zipFunctions returns the functions that are deployed as a zip file.
func zipFunctions() []string {
	return []string{"dispatch", "fetch", "tag", "quarantine", "promote", "notify"}
}

// closedEndpoint is the AWS endpoint of functions that call no service.
const closedEndpoint = "http://127.0.0.1:9"

// measureFunctions measures what a cold start of each function in a zip file costs: the size of the zip file, the time
// until the function asks for an event, and its memory then.
func measureFunctions(ctx context.Context, b *benchmark) error {
	watching, err := beginWatch()
	if err != nil {
		return err
	}
	for _, name := range zipFunctions() {
		size, err := zipSize(filepath.Join(b.root, "build", name, "bootstrap"))
		if err != nil {
			return err
		}
		init, memory, err := b.coldStart(ctx, name)
		if err != nil {
			return err
		}
		l, err := watching.end()
		if err != nil {
			return err
		}
		b.report.during(load{}).atMost(name+": zip", size, "MB", 8)
		b.report.during(l).atMost(name+": exec to first /next, p50", milliseconds(init), "ms", 60)
		b.report.during(load{}).atMost(name+": RSS then", memory, "MB", 40)
	}
	return nil
}

// coldStart starts a function several times and returns the median time and the highest memory.
func (b *benchmark) coldStart(ctx context.Context, name string) (init time.Duration, memory float64, err error) {
	volume, err := b.dir("volume")
	if err != nil {
		return 0, 0, err
	}
	var took []time.Duration
	for range b.amount.Starts {
		e, err := b.startFunction(ctx, name, volume, closedEndpoint)
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

// zipSize returns the size of the deflated file in MB. The headers of a zip file add 200 bytes.
func zipSize(path string) (float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("measure the zip file (run make build): %w", err)
	}
	defer f.Close()
	var n counter
	w, err := flate.NewWriter(&n, flate.DefaultCompression)
	if err == nil {
		_, err = io.Copy(w, f)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return 0, fmt.Errorf("measure the zip file of %s: %w", path, err)
	}
	return float64(n) / 1e6, nil
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
