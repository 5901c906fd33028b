package clamav

import (
	"context"
	"fmt"
	"time"
)

// maxMissedPings is how many PINGs in a row go unanswered before clamd counts as hung. An environment
// that was frozen may miss one, and a busy machine is slow; a stopped process misses all.
const maxMissedPings = 3

// detectHang sends PINGs while a scan runs, and calls hung when clamd does not answer. clamd answers
// PING from the thread that accepts connections, whatever its scans do (measured with 1.4.6). A
// process that is stopped or stuck as a whole is therefore noticed within a quarter of a minute
// instead of at the end of the invocation. A long scan is left to Limits.ScanTime. detectHang returns
// when ctx ends.
func (e *Engine) detectHang(ctx context.Context, hung func(error)) {
	missed := 0
	for missed < maxMissedPings {
		select {
		case <-ctx.Done():
			return
		case <-time.After(e.cfg.PingInterval):
		}
		asking, cancel := context.WithTimeout(ctx, e.cfg.PingInterval)
		_, err := e.client.ask(asking, "PING", nil)
		// An error that comes at once also ends the scan's connection, which reports it.
		silent := err != nil && asking.Err() != nil && ctx.Err() == nil
		cancel()
		if silent {
			missed++
		} else {
			missed = 0
		}
	}
	hung(fmt.Errorf("%w: %d PINGs without an answer within %s each", errHung, maxMissedPings, e.cfg.PingInterval))
}
