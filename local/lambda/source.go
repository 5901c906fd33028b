package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lazaret/lazaret/local/template"
)

const (
	// defaultBatches is how many batches Lambda starts with on a standard queue.
	defaultBatches = 5
	// longPoll is SQS's longest wait for a message, and maxReceive its largest
	// batch.
	longPoll   = 20 * time.Second
	maxReceive = 10
)

// queue is what the host needs of SQS.
type queue interface {
	// Receive waits up to wait for the first message and returns up to limit.
	Receive(ctx context.Context, queueARN string, limit int, wait time.Duration) ([]Message, error)
	Delete(ctx context.Context, queueARN, receipt string) error
	// Release makes a message visible again at once.
	Release(ctx context.Context, queueARN, receipt string) error
}

// Message is an SQS message as the host receives it.
type Message struct {
	ID, Receipt, Body string
	Attributes        map[string]string // ApproximateReceiveCount, SentTimestamp …
	MD5               string            // of the body
	Given             map[string]events.SQSMessageAttribute
}

// source is an event source mapping at work.
type source struct {
	template.QueueSource
	function *function
	queue    queue
}

// Poll feeds the functions from their queues until ctx ends, or the host is
// closed, and the batches under way are finished; closing cuts those short.
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

// work is one of the source's concurrent batches.
func (s *source) work(ctx context.Context) {
	for ctx.Err() == nil {
		batch, err := s.queue.Receive(ctx, s.QueueARN, cmp.Or(s.BatchSize, maxReceive), longPoll)
		// When ctx has ended meanwhile the batch is given back; one under way is
		// finished.
		settled := context.WithoutCancel(ctx)
		if ctx.Err() != nil {
			for _, m := range batch {
				s.report("release message", s.queue.Release(settled, s.QueueARN, m.Receipt))
			}
			return
		}
		s.report("receive messages", err)
		if len(batch) > 0 { // what came before an error counts
			s.process(settled, batch)
		} else if err != nil {
			sleep(ctx, time.Second)
		}
	}
}

// process invokes the function with a batch and deletes what it has dealt with.
// The rest becomes visible again when its visibility timeout ends.
func (s *source) process(ctx context.Context, batch []Message) {
	payload := s.event(batch)
	if half := len(batch) / 2; half > 0 && len(payload) > maxRequest {
		s.process(ctx, batch[:half]) // a batch ends at 6 MB too
		s.process(ctx, batch[half:])
		return
	}
	result, err := s.invoke(ctx, payload)
	if err != nil {
		s.report("invoke function", err)
		return
	}
	if result.FunctionError != "" {
		return // the function's own log says why
	}
	for _, m := range s.succeeded(result.Payload, batch) {
		s.report("delete message", s.queue.Delete(ctx, s.QueueARN, m.Receipt))
	}
}

// invoke backs off while the function is throttled. Lambda does so until the
// messages' visibility timeout ends; that is at least the function's timeout,
// which is the part of it that a poller may wait without knowing the queue.
func (s *source) invoke(ctx context.Context, payload []byte) (Result, error) {
	giveUp := time.Now().Add(s.function.Timeout)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		result, err := s.function.invoke(ctx, payload)
		if err == nil || !retryable(err) || s.function.host.ctx.Err() != nil || time.Now().Add(wait).After(giveUp) {
			return result, err
		}
		sleep(s.function.host.ctx, wait)
	}
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

// report logs: a poller has no caller to return an error to.
func (s *source) report(doing string, err error) {
	if err != nil {
		slog.Warn(doing, "queue", s.QueueARN, "function", s.function.Name, "error", err)
	}
}

// record is one message of an SQS event.
type record struct {
	MessageID         string                                `json:"messageId"`
	ReceiptHandle     string                                `json:"receiptHandle"`
	Body              string                                `json:"body"`
	Attributes        map[string]string                     `json:"attributes"`
	MessageAttributes map[string]events.SQSMessageAttribute `json:"messageAttributes"`
	MD5OfBody         string                                `json:"md5OfBody"`
	EventSource       string                                `json:"eventSource"`
	EventSourceARN    string                                `json:"eventSourceARN"`
	Region            string                                `json:"awsRegion"`
}

func (s *source) event(batch []Message) []byte {
	records := make([]record, len(batch))
	for i, m := range batch {
		if m.Given == nil {
			m.Given = map[string]events.SQSMessageAttribute{} // Lambda has no null here
		}
		records[i] = record{
			MessageID: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, Attributes: m.Attributes, MessageAttributes: m.Given, MD5OfBody: m.MD5,
			EventSource: "aws:sqs", EventSourceARN: s.QueueARN, Region: template.Region,
		}
	}
	payload, _ := json.Marshal(map[string][]record{"Records": records}) // strings always marshal
	return payload
}
