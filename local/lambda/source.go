package lambda

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

const (
	defaultBatches = 5                // how many batches Lambda starts with on a standard queue
	longPoll       = 20 * time.Second // SQS's longest wait for a message
	maxReceive     = 10               // messages, SQS's largest batch
)

// queue is what the host needs of SQS.
type queue interface {
	// Receive waits up to wait for the first message and returns up to limit.
	Receive(ctx context.Context, queueARN string, limit int, wait time.Duration) ([]events.SQSMessage, error)
	Delete(queueARN, receipt string) error
	// Release makes a message visible again.
	Release(queueARN, receipt string) error
}

// source is an event source mapping at work.
type source struct {
	template.QueueSource
	function *function
	queue    queue
}

// Poll feeds the functions from their queues until ctx ends or the host is closed. It returns when the batches under
// way are finished; closing ends those early.
func (h *Host) Poll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	var workers sync.WaitGroup
	for _, name := range h.names {
		f := h.functions[name]
		for _, mapping := range f.Sources {
			if h.Queue == nil {
				return fmt.Errorf("poll %s for function %s: no queue service is configured", mapping.QueueARN, name)
			}
			s := &source{QueueSource: mapping, function: f, queue: h.Queue}
			for range cmp.Or(mapping.MaxConcurrency, defaultBatches) {
				workers.Go(func() { s.work(ctx) })
			}
		}
	}
	workers.Wait()
	return nil
}

// work is one of the source's concurrent batches. A batch that comes when ctx has ended is released.
func (s *source) work(ctx context.Context) {
	for ctx.Err() == nil {
		batch, err := s.queue.Receive(ctx, s.QueueARN, cmp.Or(s.BatchSize, maxReceive), longPoll)
		if ctx.Err() != nil {
			for _, m := range batch {
				s.report("release message", s.queue.Release(s.QueueARN, m.ReceiptHandle))
			}
			return
		}
		s.report("receive messages", err)
		if len(batch) > 0 {
			s.process(batch)
		} else if err != nil {
			sleep(ctx, time.Second)
		}
	}
}

// process invokes the function with a batch and deletes the messages that succeeded. The others become visible again
// when their visibility timeout ends.
func (s *source) process(batch []events.SQSMessage) {
	payload, err := json.Marshal(events.SQSEvent{Records: batch})
	if half := len(batch) / 2; half > 0 && len(payload) > maxRequest {
		s.process(batch[:half]) // a batch ends at 6 MB too
		s.process(batch[half:])
		return
	}
	var result Result
	if err == nil {
		result, err = s.invoke(payload)
	}
	if err != nil {
		s.report("invoke function", err)
		return
	}
	if result.FunctionError != "" {
		return // the function's log says why
	}
	for _, m := range s.succeeded(result.Payload, batch) {
		s.report("delete message", s.queue.Delete(s.QueueARN, m.ReceiptHandle))
	}
}

// invoke waits and tries again while the function is throttled. Lambda does so until the messages' visibility timeout
// ends. That is at least the function's timeout, which is how long a poller may wait without knowing the queue.
func (s *source) invoke(payload []byte) (Result, error) {
	giveUp := time.Now().Add(s.function.Timeout)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		result, err := s.function.invoke(context.Background(), payload)
		if err == nil || !retryable(err) || s.function.host.ctx.Err() != nil || time.Now().Add(wait).After(giveUp) {
			return result, err
		}
		sleep(s.function.host.ctx, wait)
	}
}

// retryable tells a throttled or failing Lambda from a wrong call.
func retryable(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && (e.Code == tooManyRequests || e.Code == serviceException)
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

// report logs an error: a poller has no caller to return it to.
func (s *source) report(doing string, err error) {
	if err != nil {
		slog.Warn(doing, "queue", s.QueueARN, "function", s.function.Name, "error", err)
	}
}

// succeeded returns the messages of a batch that the function has dealt with, by the rules of
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html: no response, or no list of failures, is
// success. Another answer than Lambda asked for fails the whole batch, and so does an identifier that is missing, empty
// or of no message of the batch.
func (s *source) succeeded(response []byte, batch []events.SQSMessage) []events.SQSMessage {
	if !s.ReportFailures || len(bytes.TrimSpace(response)) == 0 {
		return batch
	}
	var answer events.SQSEventResponse
	if json.Unmarshal(response, &answer) != nil {
		return nil
	}
	rest := slices.Clone(batch)
	for _, failure := range answer.BatchItemFailures {
		same := func(m events.SQSMessage) bool { return m.MessageId == failure.ItemIdentifier }
		if !slices.ContainsFunc(batch, same) {
			return nil
		}
		rest = slices.DeleteFunc(rest, same)
	}
	return rest
}
