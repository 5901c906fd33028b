package sqs

import (
	"maps"
	"time"
)

// Limits of the API reference.
const (
	maxReceive    = 10
	maxWait       = 20 // seconds
	maxVisibility = 12 * time.Hour
	maxDelay      = 15 * time.Minute
)

func duration(secs *int) *time.Duration {
	if secs == nil {
		return nil
	}
	d := time.Duration(*secs) * time.Second
	return &d
}

func seconds(d time.Duration) int { return int(d / time.Second) }

type sendInput struct {
	QueueUrl, Id, MessageBody string
	DelaySeconds              *int
	MessageAttributes         map[string]attribute
}

func (in sendInput) outgoing() outgoing {
	return outgoing{Body: in.MessageBody, Delay: duration(in.DelaySeconds), Attributes: in.MessageAttributes}
}

type sendOutput struct {
	Id                          string `json:",omitempty"`
	MessageId, MD5OfMessageBody string
}

func (q *queue) sendMessage(in sendInput) (any, error) {
	m, err := q.send(in.outgoing())
	return sendOutput{in.Id, m.ID, md5Hex(m.Body)}, err
}

func (in sendInput) queue() string { return nameOf(in.QueueUrl) }

type receiveInput struct {
	QueueUrl                                                string
	MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds *int
	MessageSystemAttributeNames, AttributeNames             []string // new name and old
	MessageAttributeNames                                   []string
}

type receivedMessage struct {
	MessageId, ReceiptHandle, MD5OfBody, Body string
	Attributes                                map[string]string    `json:",omitempty"`
	MessageAttributes                         map[string]attribute `json:",omitempty"`
}

func (c call) receiveMessage(in receiveInput) (any, error) {
	r := receiving{Max: 1, Hide: duration(in.VisibilityTimeout), Wait: duration(in.WaitTimeSeconds)}
	if n := in.MaxNumberOfMessages; n != nil {
		r.Max = *n
	}
	switch {
	case r.Max < 1 || r.Max > maxReceive:
		return nil, outOfRange("MaxNumberOfMessages", r.Max, 1, maxReceive)
	case in.WaitTimeSeconds != nil && (*in.WaitTimeSeconds < 0 || *in.WaitTimeSeconds > maxWait):
		return nil, outOfRange("WaitTimeSeconds", *in.WaitTimeSeconds, 0, maxWait)
	case r.Hide != nil && (*r.Hide < 0 || *r.Hide > maxVisibility):
		return nil, outOfRange("VisibilityTimeout", *in.VisibilityTimeout, 0, seconds(maxVisibility))
	}
	got, err := c.receive(c.ctx, nameOf(in.QueueUrl), r)
	if err != nil {
		return nil, err
	}
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	system := append(in.MessageSystemAttributeNames, in.AttributeNames...)
	for _, m := range got {
		attributes, user := m.systemAttributes(), maps.Clone(m.Attributes)
		maps.DeleteFunc(attributes, func(name, _ string) bool { return !wanted(system, name) })
		maps.DeleteFunc(user, func(name string, _ attribute) bool { return !wanted(in.MessageAttributeNames, name) })
		out.Messages = append(out.Messages, receivedMessage{m.ID, m.receipt(), md5Hex(m.Body), m.Body, attributes, user})
	}
	return out, nil
}

type receiptInput struct {
	QueueUrl, Id, ReceiptHandle string
	VisibilityTimeout           *int
}

func (in receiptInput) queue() string { return nameOf(in.QueueUrl) }

func (q *queue) deleteMessage(in receiptInput) (any, error) {
	return nil, q.remove(in.ReceiptHandle)
}

func (q *queue) changeVisibility(in receiptInput) (any, error) {
	d := duration(in.VisibilityTimeout)
	if d == nil {
		return nil, missing("VisibilityTimeout")
	}
	if *d < 0 || *d > maxVisibility {
		return nil, outOfRange("VisibilityTimeout", *in.VisibilityTimeout, 0, seconds(maxVisibility))
	}
	return nil, q.hide(in.ReceiptHandle, *d)
}
