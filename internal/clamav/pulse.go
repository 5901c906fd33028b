package clamav

import (
	"context"
	"fmt"
	"time"
)

// pulseMisses is how many PINGs in a row go unanswered before the process counts
// as hung. A frozen environment that thaws may have missed one, and a busy
// machine is slow; a stopped process misses all.
const pulseMisses = 3

// pulse asks clamd for signs of life while a scan runs, and calls hung when there
// are none. clamd answers PING from the thread that takes connections, whatever
// its scans do (measured with 1.4.6): so this notices a process that is stopped
// or stuck as a whole, in a quarter of a minute instead of at the end of the
// function's time, and leaves a scan that is merely long to Limits.ScanTime.
// It returns when ctx ends.
func (e *Engine) pulse(ctx context.Context, hung func(error)) {
	missed := 0
	for missed < pulseMisses {
		select {
		case <-ctx.Done():
			return
		case <-time.After(e.cfg.PulseWait):
		}
		asking, cancel := context.WithTimeout(ctx, e.cfg.PulseWait)
		_, err := e.client.ask(asking, "PING", nil)
		silent := err != nil && asking.Err() != nil && ctx.Err() == nil
		cancel()
		// An error that comes at once is news of its own: the scan's connection
		// has it too.
		if missed++; !silent {
			missed = 0
		}
	}
	hung(fmt.Errorf("%w: %d PINGs without an answer in %s each", errHung, pulseMisses, e.cfg.PulseWait))
}
