package permit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

const (
	// Term is how long a message is invisible to others after it was received or renewed, and so the time
	// to the next attempt after its holder was killed.
	Term = 60 * time.Second
	// interval is the time between two renewals: one of them may fail.
	interval = 20 * time.Second
	// patience is the longest time for one renewal.
	patience = 10 * time.Second
)

// LeaseAPI is what a Lease calls of SQS.
type LeaseAPI interface {
	ChangeMessageVisibility(
		context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// Lease is a message that was received: a permit, or any other message that its receiver keeps.
type Lease struct {
	sqs          LeaseAPI
	url, receipt string
}

// NewLease returns the lease of a message by its receipt handle; url is that of its queue.
func NewLease(api LeaseAPI, url, receipt string) *Lease {
	return &Lease{sqs: api, url: url, receipt: receipt}
}

// Renew keeps the message from others for another Term from now.
func (l *Lease) Renew(ctx context.Context) error {
	return l.hide(ctx, Term, "renew")
}

// GiveBack makes the message visible to others after a pause of whole seconds, 12 hours at most.
func (l *Lease) GiveBack(ctx context.Context, pause time.Duration) error {
	return l.hide(ctx, pause, "give back")
}

func (l *Lease) hide(ctx context.Context, pause time.Duration, purpose string) error {
	if _, err := l.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &l.url, ReceiptHandle: &l.receipt, VisibilityTimeout: int32(pause / time.Second),
	}); err != nil {
		return fmt.Errorf("%s a message of %s: %w", purpose, l.url, err)
	}
	return nil
}

// Delete removes the message from its queue.
func (l *Lease) Delete(ctx context.Context) error {
	if _, err := l.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{
		QueueUrl: &l.url, ReceiptHandle: &l.receipt,
	}); err != nil {
		return fmt.Errorf("delete a message of %s: %w", l.url, err)
	}
	return nil
}

// Keep renews the lease until stop is called, or ctx ends. It hands an error of a renewal to failed, and
// goes on. After stop has returned, no renewal comes any more, which would take the message away from
// the next receiver.
func (l *Lease) Keep(ctx context.Context, failed func(error)) (stop func()) {
	return l.keep(ctx, interval, failed, func() {})
}

// Shorten is Keep for a message that its queue hides for longer than Term: it renews at once. The channel
// shortened is closed after this first renewal, whether it failed or not.
func (l *Lease) Shorten(ctx context.Context, failed func(error)) (shortened <-chan struct{}, stop func()) {
	first := make(chan struct{})
	return first, l.keep(ctx, 0, failed, sync.OnceFunc(func() { close(first) }))
}

// keep renews the lease after first, and at each interval from then on. It calls renewed after each
// renewal, and when it ends.
func (l *Lease) keep(ctx context.Context, first time.Duration, failed func(error), renewed func()) (stop func()) {
	stopped := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		defer renewed()
		for wait := first; ; wait = interval {
			select {
			case <-ctx.Done():
				return
			case <-stopped:
				return
			case <-time.After(wait):
			}
			// Not cancelled by stop: SQS may carry out a request whose answer nobody waits for.
			attempt, cancel := context.WithTimeout(ctx, patience)
			err := l.Renew(attempt)
			cancel()
			if err != nil && ctx.Err() == nil {
				failed(err)
			}
			renewed()
		}
	})
	return func() { close(stopped); ended.Wait() }
}
