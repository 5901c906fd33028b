package lambda

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/local/api"
)

// How Lambda treats an event that a function fails on or that no environment is free for
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). No function's EventInvokeConfig
// says otherwise that gets events here.
const (
	eventAge     = 6 * time.Hour   // after which an event is dropped
	eventPause   = time.Second     // after a refusal; doubled each time
	longestPause = 5 * time.Minute // between two refusals
)

// eventDelays returns the pauses before an event is tried again on which the function failed: there are two attempts
// more.
func eventDelays() []time.Duration { return []time.Duration{time.Minute, 2 * time.Minute} }

// Accepts returns an *api.Error if Lambda would not take the event.
func (h *Host) Accepts(nameOrARN string, payload []byte) error {
	_, err := h.find(nameOrARN)
	if err == nil {
		_, err = checkPayload(payload)
	}
	return err
}

// InvokeEvent takes an event for a function and returns at once. The function runs again after errors and refusals, as
// on Lambda. The error is an *api.Error if the event is not taken. Unlike on Lambda, events end with the host.
func (h *Host) InvokeEvent(nameOrARN string, payload []byte) error {
	if err := h.Accepts(nameOrARN, payload); err != nil {
		return err
	}
	go h.runEvent(nameOrARN, payload)
	return nil
}

// runEvent runs the function until it succeeds, or until the event is dropped.
func (h *Host) runEvent(nameOrARN string, payload []byte) {
	ctx, cancel := context.WithTimeout(h.ctx, eventAge)
	defer cancel()
	pause := h.eventPause
	for failures := 0; ; {
		result, err := h.Invoke(h.ctx, nameOrARN, payload)
		wait := pause
		refused, answered := errors.AsType[*api.Error](err)
		switch {
		case err == nil && result.FunctionError == "" || h.ctx.Err() != nil:
			return
		case err == nil && failures == len(h.eventDelays):
			slog.Warn("drop an event: the function has failed", "function", nameOrARN, "error", string(result.Payload))
			return
		case err == nil:
			wait = h.eventDelays[failures]
			failures++
		case answered && (refused.Status == http.StatusTooManyRequests || refused.Status >= 500):
			pause = min(2*pause, longestPause)
		default:
			slog.Warn("drop an event: the function cannot be invoked", "function", nameOrARN, "error", err)
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if h.ctx.Err() == nil {
				slog.Warn("drop an event: it is too old", "function", nameOrARN)
			}
			return
		}
	}
}
