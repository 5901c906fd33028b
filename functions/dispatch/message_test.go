package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestHandBack checks what becomes of a message whose execution did not start, and when it is seen again.
func TestHandBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		err      error // of StartExecution
		received string
		pause    time.Duration // until the message is visible again
		dead     string        // error in the dead letter; empty for none
	}{
		{name: "throttled", err: errors.New("ThrottlingException"), received: "1", pause: 30 * time.Second},
		{name: "throttled again", err: errors.New("ThrottlingException"), received: "2", pause: time.Minute},
		{name: "throttled five times", err: errors.New("ThrottlingException"), received: "5", pause: 8 * time.Minute},
		{name: "throttled six times", err: errors.New("ThrottlingException"), received: "6", pause: 15 * time.Minute},
		{name: "throttled for days", err: errors.New("ThrottlingException"), received: "400", pause: 15 * time.Minute},
		{name: "of which SQS tells no count", err: errors.New("ThrottlingException"), pause: 30 * time.Second},
		{name: "no machine", err: &types.StateMachineDoesNotExist{}, received: "1", pause: 30 * time.Second},
		{name: "a name that is refused", err: &types.InvalidName{}, received: "1", dead: "Refused"},
		{name: "an input that is refused", err: &types.InvalidExecutionInput{}, received: "1", dead: "Refused"},
		{name: "an input that is too long", err: &types.ValidationException{}, received: "1", dead: "Refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1)
				b.stepFunctions = fakeStepFunctions{
					start: func(string, string) (*sfn.StartExecutionOutput, error) { return nil, tt.err },
				}
				b.queues.Put(uploadsURL, event("a"))
				m := b.receive(t, uploadsURL, uploadsARN)
				m.Attributes = map[string]string{"ApproximateReceiveCount": tt.received}
				if done := b.handleMessage(t.Context(), m); done != (tt.dead != "") {
					t.Errorf("done %t, want %t", done, tt.dead != "")
				}
				if b.queues.Visible(permitsURL) != 1 {
					t.Error("the permit is not free, want it given back")
				}
				if tt.dead != "" {
					if got := b.queues.Bodies(deadURL); len(got) != 1 || got[0] != m.Body {
						t.Errorf("dead letters %q, want the message", got)
					}
					return
				}
				if tt.pause > 0 {
					time.Sleep(tt.pause - time.Second)
					if b.queues.Visible(uploadsURL) != 0 {
						t.Errorf("the message is visible before %v, want it hidden", tt.pause)
					}
					time.Sleep(time.Second)
				}
				if b.queues.Visible(uploadsURL) != 1 || len(b.queues.Bodies(deadURL)) != 0 {
					t.Errorf("after %v: the message is hidden, dead letters %q, want it visible", tt.pause, b.queues.Bodies(deadURL))
				}
			})
		})
	}
}

// TestWithoutPermit checks that a message without a permit is kept for 14 minutes, and is visible at once
// afterwards; and that its age is a metric.
func TestWithoutPermit(t *testing.T) {
	t.Parallel()
	for arn, url := range map[string]string{uploadsARN: uploadsURL, rescansARN: rescansURL} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 0)
				b.queues.Put(url, event("a"))
				began := time.Now()
				m := b.receive(t, url, arn)
				m.Attributes = map[string]string{"SentTimestamp": fmt.Sprint(began.Add(-time.Hour).UnixMilli())}
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
				defer cancel()
				go func() {
					for range 13 {
						time.Sleep(time.Minute)
						if b.queues.Visible(url) != 0 {
							t.Errorf("after %v: the message is visible, want it kept", time.Since(began))
						}
					}
				}()
				if b.handleMessage(ctx, m) {
					t.Error("the message is done, want it handed back")
				}
				if took := time.Since(began); took < 13*time.Minute+58*time.Second || took > 14*time.Minute {
					t.Errorf("handed back after %v, want 14 minutes", took)
				}
				if b.queues.Visible(url) != 1 || len(b.started) != 0 {
					t.Errorf("visible %d, started %d, want the message visible at once", b.queues.Visible(url), len(b.started))
				}
				queue := strings.TrimPrefix(url, strings.TrimSuffix(uploadsURL, "uploads"))
				if want := fmt.Sprintf(`"Queue":"%s","Stack":"lazaret","Waited":44`, queue); !strings.Contains(b.metrics.String(), want) {
					t.Errorf("metrics %s, want %s", b.metrics.String(), want)
				}
			})
		})
	}
}

// TestPanic checks that a panic ends neither the process nor the permit, and makes a dead letter at once:
// SQS would deliver the message 500 times.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	b.stepFunctions = fakeStepFunctions{
		start: func(string, string) (*sfn.StartExecutionOutput, error) { panic("index out of range") },
	}
	if !b.upload(t, event("a")) {
		t.Error("the message was handed back, want it done")
	}
	if got := b.queues.Bodies(deadURL); len(got) != 1 || got[0] != event("a") {
		t.Errorf("dead letters %q, want the message", got)
	}
	if b.queues.Visible(permitsURL) != 1 {
		t.Error("the permit is not free, want it given back")
	}
}

// TestNoSecondReceiver has a message wait for a permit for 13 minutes. Nobody else gets it, and a kill
// at any moment makes it visible within a minute.
func TestNoSecondReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0)
		b.queues.Put(uploadsURL, event("a"))
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		killed := time.Now().Add(13 * time.Minute)
		dead := func(string) error {
			if time.Now().Before(killed) {
				return nil
			}
			return errors.New("killed")
		}
		b.network.Before, b.network.After = dead, dead
		if b.deliver(ctx, t, uploadsURL, uploadsARN) {
			t.Error("the message is done, want it not done: dispatch was killed")
		}
		time.Sleep(time.Until(killed.Add(59 * time.Second)))
		if b.queues.Visible(uploadsURL) != 1 {
			t.Error("a minute after dispatch was killed the message is hidden, want it visible")
		}
	})
}

// TestBadReceiptHandle checks that a message is worked on although its visibility cannot be changed.
func TestBadReceiptHandle(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	m := events.SQSMessage{MessageId: "m", ReceiptHandle: "none", Body: event("a"), EventSourceARN: uploadsARN}
	if !b.handleMessage(t.Context(), m) || len(b.started) != 1 {
		t.Errorf("started %d executions, want one", len(b.started))
	}
	if bytes.Contains(b.metrics.Bytes(), []byte("Waited")) {
		t.Errorf("metrics %s, want none", b.metrics.String())
	}
}
