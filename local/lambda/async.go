package lambda

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// enqueue accepts an asynchronous invocation (type Event): it runs in the
// background, is tried three times when the function fails and for six hours
// when it is throttled. The figures are those of "How Lambda handles errors and
// retries with asynchronous invocation",
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.
// There is no dead-letter queue: an event given up is logged.
func (f *function) enqueue(payload []byte) error {
	payload, err := checkPayload(payload, maxEvent, "Event")
	if err != nil {
		return err
	}
	if !f.host.begin() {
		return &Error{Code: serviceException, Message: "The host is closing."}
	}
	go func() {
		defer f.host.running.Done()
		if err := f.deliver(f.host.ctx, payload); err != nil {
			slog.Warn("give up asynchronous invocation", "function", f.Name, "error", err)
		}
	}()
	return nil
}

func (f *function) deliver(ctx context.Context, payload []byte) error {
	var (
		failure  error
		giveUp   = time.Now().Add(6 * time.Hour)
		throttle = time.Second
		waits    = []time.Duration{time.Minute, 2 * time.Minute}
	)
	for ctx.Err() == nil && time.Now().Before(giveUp) {
		result, _, err := f.invoke(ctx, payload)
		if err == nil && result.FunctionError == "" {
			return nil
		}
		wait := throttle
		if err != nil {
			failure = err
			if !retryable(err) {
				return err
			}
			throttle = min(2*throttle, 5*time.Minute)
		} else {
			failure = &fault{payload: result.Payload}
			if len(waits) == 0 {
				return failure
			}
			wait, waits = waits[0], waits[1:]
		}
		sleep(ctx, time.Duration(float64(wait)/f.host.Scale))
	}
	return failure
}

// retryable tells a full or broken Lambda from a call that is wrong.
func retryable(err error) bool {
	var named *Error
	return errors.As(err, &named) && (named.Code == tooManyRequests || named.Code == serviceException)
}

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
