// Package sqsfake is SQS in memory, for tests that need visibility timeouts and lost replies. Its time is
// that of package time, so that a test in a synctest bubble waits for nothing.
package sqsfake

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Client is SQS as one caller sees it.
type Client struct {
	*Queues
	// Before, if it is set, runs before each operation, of which it gets the name. With an error the
	// operation does not happen: the request is lost.
	Before func(operation string) error
	// After, if it is set, runs after each operation. With an error the operation has happened, and its
	// caller does not know: the reply is lost.
	After func(operation string) error
}

// Queues holds queues by their URLs. A queue exists once it is named.
type Queues struct {
	mu      sync.Mutex
	queues  map[string][]*message
	next    int
	changed chan struct{} // closed at the next change, for those who wait
}

type message struct {
	id       int
	body     string
	received int
	hidden   time.Time // until when nobody gets it
}

// do runs one operation between Before and After.
func (c *Client) do(operation string, run func() error) error {
	if c.Before != nil {
		if err := c.Before(operation); err != nil {
			return err
		}
	}
	c.mu.Lock()
	err := run()
	c.wake()
	c.mu.Unlock()
	if err == nil && c.After != nil {
		err = c.After(operation)
	}
	return err
}

// Put adds a message, as a sender outside the test does.
func (q *Queues) Put(url, body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(url, body)
	q.wake()
}

// wake has everybody who waits look again.
func (q *Queues) wake() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// wait returns when a queue may have changed, or at the given time, or when ctx ends. Its caller holds
// the lock, and gets it back.
func (q *Queues) wait(ctx context.Context, url string, end time.Time) {
	for _, m := range q.queues[url] {
		if m.hidden.Before(end) {
			end = m.hidden
		}
	}
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-changed:
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
	}
}

func (q *Queues) put(url, body string) {
	if q.queues == nil {
		q.queues = map[string][]*message{}
	}
	q.next++
	q.queues[url] = append(q.queues[url], &message{id: q.next, body: body})
}

// Clear removes all messages of a queue.
func (q *Queues) Clear(url string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.queues, url)
}

// Bodies returns the bodies of all messages of a queue, visible or not.
func (q *Queues) Bodies(url string) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var bodies []string
	for _, m := range q.queues[url] {
		bodies = append(bodies, m.body)
	}
	return bodies
}

// Visible returns how many messages of a queue a receiver would get.
func (q *Queues) Visible(url string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.visible(url))
}

func (q *Queues) visible(url string) []*message {
	var found []*message
	for _, m := range q.queues[url] {
		if !m.hidden.After(time.Now()) {
			found = append(found, m)
		}
	}
	return found
}

// find returns the message of a receipt handle, which may be an old one.
func (q *Queues) find(url, receipt string) *message {
	id, _, _ := strings.Cut(receipt, ".")
	i := slices.IndexFunc(q.queues[url], func(m *message) bool { return strconv.Itoa(m.id) == id })
	if i < 0 {
		return nil
	}
	return q.queues[url][i]
}

// SendMessage adds a message.
func (c *Client) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, c.do("SendMessage", func() error {
		c.put(*in.QueueUrl, *in.MessageBody)
		return nil
	})
}

// SendMessageBatch adds up to ten messages.
func (c *Client) SendMessageBatch(
	_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{}
	return out, c.do("SendMessageBatch", func() error {
		if len(in.Entries) < 1 || len(in.Entries) > 10 {
			return fmt.Errorf("TooManyEntriesInBatchRequest: got %d entries, want 1 to 10", len(in.Entries))
		}
		for _, e := range in.Entries {
			c.put(*in.QueueUrl, *e.MessageBody)
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
		return nil
	})
}

// ReceiveMessage returns the oldest visible messages, and waits for one as long as the request says.
func (c *Client) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	end := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	return out, c.do("ReceiveMessage", func() error {
		for len(c.visible(*in.QueueUrl)) == 0 && time.Now().Before(end) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.wait(ctx, *in.QueueUrl, end)
		}
		for _, m := range c.visible(*in.QueueUrl)[:min(len(c.visible(*in.QueueUrl)), max(1, int(in.MaxNumberOfMessages)))] {
			m.received++
			m.hidden = time.Now().Add(time.Duration(in.VisibilityTimeout) * time.Second)
			out.Messages = append(out.Messages, types.Message{
				MessageId: aws.String(strconv.Itoa(m.id)), Body: &m.body,
				ReceiptHandle: aws.String(fmt.Sprintf("%d.%d", m.id, m.received)),
				Attributes: map[string]string{
					string(types.MessageSystemAttributeNameApproximateReceiveCount): strconv.Itoa(m.received),
				},
			})
		}
		return nil
	})
}

// ChangeMessageVisibility hides a message that is with a receiver from now on for another time.
func (c *Client) ChangeMessageVisibility(
	_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	return &sqs.ChangeMessageVisibilityOutput{}, c.do("ChangeMessageVisibility", func() error {
		m := c.find(*in.QueueUrl, *in.ReceiptHandle)
		if m == nil || !m.hidden.After(time.Now()) {
			return &types.MessageNotInflight{}
		}
		m.hidden = time.Now().Add(time.Duration(in.VisibilityTimeout) * time.Second)
		return nil
	})
}

// DeleteMessage removes a message. That it is removed already is no error, as in SQS.
func (c *Client) DeleteMessage(
	_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	return &sqs.DeleteMessageOutput{}, c.do("DeleteMessage", func() error {
		if m := c.find(*in.QueueUrl, *in.ReceiptHandle); m != nil {
			c.queues[*in.QueueUrl] = slices.DeleteFunc(c.queues[*in.QueueUrl], func(o *message) bool { return o == m })
		}
		return nil
	})
}

// GetQueueAttributes returns the numbers of visible messages and of those that are with a receiver.
func (c *Client) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	out := &sqs.GetQueueAttributesOutput{}
	return out, c.do("GetQueueAttributes", func() error {
		visible, all := len(c.visible(*in.QueueUrl)), len(c.queues[*in.QueueUrl])
		out.Attributes = map[string]string{
			string(types.QueueAttributeNameApproximateNumberOfMessages):           strconv.Itoa(visible),
			string(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible): strconv.Itoa(all - visible),
		}
		return nil
	})
}
