package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/upload"
)

var (
	// errNoPermit: no permit was free until the end of the invocation was near. It is no fault.
	errNoPermit = errors.New("no permit is free")
	// errRefused: Step Functions will never accept this execution.
	errRefused = errors.New("refused by Step Functions")
	// errPanic: the code of dispatch panicked.
	errPanic = errors.New("panic")
)

// receipt is a message with what dispatch needs to keep it and to hand it back.
type receipt struct {
	events.SQSMessage
	lease     *permit.Lease
	shortened <-chan struct{} // closed when the message is hidden for a minute only
	rescan    bool            // whether it came from the queue of rescans
}

// handleMessage works on one message and reports whether it is done. Otherwise the message is handed
// back to its queue.
//
// The queue hides a message for as long as an invocation may take. Dispatch shortens that at once, and
// renews it while it works: so another attempt comes within a minute after this one was killed.
func (h *handler) handleMessage(ctx context.Context, m events.SQSMessage) (done bool) {
	r := receipt{SQSMessage: m, rescan: m.EventSourceARN == h.rescanARN}
	r.lease = permit.NewLease(h.sqs, h.queueOf(r), m.ReceiptHandle)
	warn := func(err error) { slog.WarnContext(ctx, "dispatch", "messageId", m.MessageId, "cause", err.Error()) }
	shortened, stop := r.lease.Shorten(ctx, warn)
	r.shortened = shortened
	err := h.tryWork(ctx, r)
	stop()
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if name, permanent := permanentError(err); permanent {
		slog.ErrorContext(ctx, "dispatch", "messageId", m.MessageId, "error", name, "cause", err.Error())
		cause := err
		if err = h.sendToDeadLetters(ctx, m, name, cause); err == nil {
			h.reportLetter(ctx, m, name, cause)
		}
	}
	if err != nil {
		h.handBack(ctx, r, err)
	}
	return err == nil
}

// queueOf returns the URL of the queue from which a message came.
func (h *handler) queueOf(r receipt) string {
	if r.rescan {
		return h.rescanQueue
	}
	return h.uploadQueue
}

// tryWork is work with a panic as an error.
func (h *handler) tryWork(ctx context.Context, r receipt) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(ctx, "dispatch", "messageId", r.MessageId, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return h.work(ctx, r)
}

// permanentError reports whether the next attempt would end with the same error, and returns the name
// of the error for the dead letter.
func permanentError(err error) (name string, permanent bool) {
	switch {
	case errors.Is(err, upload.ErrUnknown):
		return upload.NotUnderstood, true
	case errors.Is(err, errRefused):
		return "Refused", true
	case errors.Is(err, errPanic):
		return "Panic", true
	}
	return "", false
}

// handBack makes the message visible again. Without a permit, that is at once: the message has waited
// here as long as an invocation allows. After a fault it is after a pause, which doubles with each
// receipt.
func (h *handler) handBack(ctx context.Context, r receipt, cause error) {
	received, _ := strconv.Atoi(r.Attributes["ApproximateReceiveCount"])
	pause, level := pauseAfter(received), slog.LevelError
	if errors.Is(cause, errNoPermit) {
		pause, level = 0, slog.LevelInfo
		h.measureWait(ctx, r)
	}
	slog.Log(ctx, level, "dispatch", "messageId", r.MessageId, "receiveCount", received,
		"handedBack", pause.String(), "cause", cause.Error())
	if err := r.lease.GiveBack(ctx, pause); err != nil {
		slog.WarnContext(ctx, "dispatch", "messageId", r.MessageId, "cause", err.Error())
	}
}

const (
	firstPause   = 30 * time.Second
	longestPause = 15 * time.Minute
)

// pauseAfter returns the pause after a fault at the given receipt, from 1.
func pauseAfter(receipt int) time.Duration {
	pause := firstPause
	for n := 1; n < receipt && pause < longestPause; n++ {
		pause *= 2
	}
	return min(pause, longestPause)
}

// measureWait records how old a message is that is handed back because no permit was free. Of a message
// that was received three times, SQS tells no age.
func (h *handler) measureWait(ctx context.Context, r receipt) {
	sent, err := strconv.ParseInt(r.Attributes["SentTimestamp"], 10, 64)
	if err != nil {
		return
	}
	queue := "uploads"
	if r.rescan {
		queue = "rescans"
	}
	age := metric.Value{Name: metric.Waited, Unit: metric.Seconds, Value: time.Since(time.UnixMilli(sent)).Seconds()}
	if err := h.metrics.Emit(map[string]string{"Queue": queue}, age); err != nil {
		slog.WarnContext(ctx, "dispatch", "cause", err.Error())
	}
}
