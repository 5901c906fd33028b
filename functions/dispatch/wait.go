package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lazaret/lazaret/internal/permit"
)

// longPoll is the longest time that SQS lets a receive wait.
const longPoll = 20 * time.Second

// waitForPermit returns a permit, or an errNoPermit when the end of the invocation is near.
func (h *handler) waitForPermit(ctx context.Context, rescan bool) (*permit.Lease, error) {
	if rescan {
		return h.waitBehindUploads(ctx)
	}
	end := deadlineOf(ctx).Add(-reserve)
	for {
		wait := min(longPoll, max(0, time.Until(end)))
		p, err := h.permits.Take(ctx, wait)
		if err != nil || p != nil {
			return p, err
		}
		if !time.Now().Add(time.Second).Before(end) {
			return nil, errNoPermit
		}
	}
}

// waitBehindUploads returns a permit while no upload needs it: no upload waits in the queue, and more
// permits are free than are kept for the next uploads. Its receive does not wait, so that a permit which
// comes back goes to an upload that waits for it.
func (h *handler) waitBehindUploads(ctx context.Context) (*permit.Lease, error) {
	end := deadlineOf(ctx).Add(-reserve)
	for {
		free, err := h.isFreeForRescans(ctx)
		if err != nil {
			return nil, err
		}
		if free {
			p, err := h.permits.Take(ctx, 0)
			if err != nil || p != nil {
				return p, err
			}
		}
		// About once a second, and not all invocations at the same time.
		pause := time.Second/2 + rand.N(time.Second)
		if !time.Now().Add(pause).Before(end) {
			return nil, errNoPermit
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait behind uploads: %w", ctx.Err())
		}
	}
}

// isFreeForRescans reports whether a rescan may take a permit now.
func (h *handler) isFreeForRescans(ctx context.Context) (bool, error) {
	waiting, _, err := permit.Depth(ctx, h.sqs, h.uploadQueue)
	if err != nil || waiting > 0 {
		return false, err
	}
	free, err := h.permits.Free(ctx)
	return free > keptForUploads(h.maxInWork), err
}

// keptForUploads returns how many of n permits rescans leave free: a quarter, one at least. Where there
// is one permit alone, they leave none.
func keptForUploads(n int) int {
	if n <= 1 {
		return 0
	}
	return max(1, n/4)
}
