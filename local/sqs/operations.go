package sqs

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
)

// Limits of the API reference.
const (
	maxReceive    = 10             // messages at once
	maxWait       = 20             // seconds
	maxVisibility = 12 * time.Hour // in flight
	maxRequest    = 8 << 20        // bytes: 1 MiB of messages with every byte escaped, and the rest
)

func (s *Service) api() http.Handler {
	return api.JSON{
		Version: "1.0", Target: "AmazonSQS.", Shapes: "com.amazonaws.sqs#", Failure: "InternalFailure", MaxBody: maxRequest,
		OnError: setQueryError,
		Operations: map[string]api.Operation{
			"SendMessage":                  change(s, (*queue).sendMessage),
			"SendMessageBatch":             batch(s, (*queue).sendMessage),
			"ReceiveMessage":               api.Decoded(s.receiveMessage),
			"DeleteMessage":                change(s, (*queue).deleteMessage),
			"DeleteMessageBatch":           batch(s, (*queue).deleteMessage),
			"ChangeMessageVisibility":      change(s, (*queue).changeVisibility),
			"ChangeMessageVisibilityBatch": batch(s, (*queue).changeVisibility),
			"CreateQueue":                  api.Decoded(s.createQueue),
			"DeleteQueue":                  change(s, (*queue).deleteQueue),
			"GetQueueUrl":                  api.Decoded(s.getQueueURL),
			"GetQueueAttributes":           api.Decoded(s.getQueueAttributes),
			"SetQueueAttributes":           change(s, (*queue).setQueueAttributes),
			"StartMessageMoveTask":         api.Decoded(s.startMessageMoveTask),
		},
	}
}

// change makes an operation of a change of the queue that the request names, in a transaction of its own.
func change[In interface{ queue() string }](s *Service, do func(*queue, In) (any, error)) api.Operation {
	return api.Decoded(func(_ *http.Request, in In) (answer any, err error) {
		err = s.on(in.queue(), s.store.Update, func(q *queue) (err error) {
			answer, err = do(q, in)
			return err
		})
		return answer, err
	})
}

// aboutMessage is a request about one message, alone or as an entry of a batch.
type aboutMessage struct {
	QueueUrl, Id, MessageBody, ReceiptHandle string
	MessageAttributes                        map[string]attribute
	DelaySeconds                             int
	VisibilityTimeout                        *int
}

func (in aboutMessage) queue() string { return nameOf(in.QueueUrl) }

func (q *queue) sendMessage(in aboutMessage) (any, error) {
	if in.DelaySeconds != 0 {
		return nil, api.Refuse("UnsupportedOperation", "the local stack has no DelaySeconds")
	}
	m, err := q.send(in.MessageBody, in.MessageAttributes)
	return struct {
		Id                          string `json:",omitempty"`
		MessageId, MD5OfMessageBody string
	}{in.Id, m.ID, md5Hex(m.Body)}, err
}

func (q *queue) deleteMessage(in aboutMessage) (any, error) { return nil, q.remove(in.ReceiptHandle) }

func (q *queue) changeVisibility(in aboutMessage) (any, error) {
	if in.VisibilityTimeout == nil {
		return nil, missing("VisibilityTimeout")
	}
	hidden, err := visibility(in.VisibilityTimeout)
	if err != nil {
		return nil, err
	}
	return nil, q.hide(in.ReceiptHandle, *hidden)
}

// visibility reads a VisibilityTimeout, which may be absent.
func visibility(seconds *int) (*time.Duration, error) {
	if seconds == nil {
		return nil, nil
	}
	d := time.Duration(*seconds) * time.Second
	if d < 0 || d > maxVisibility {
		return nil, outOfRange("VisibilityTimeout", *seconds, 0, int(maxVisibility/time.Second))
	}
	return &d, nil
}

type receiveInput struct {
	QueueUrl                               string
	MaxNumberOfMessages, VisibilityTimeout *int
	WaitTimeSeconds                        int
	MessageSystemAttributeNames            []string
	AttributeNames                         []string // the former name of MessageSystemAttributeNames
	MessageAttributeNames                  []string
}

type receivedMessage struct {
	MessageId, ReceiptHandle, MD5OfBody, Body string
	Attributes                                map[string]string    `json:",omitempty"`
	MessageAttributes                         map[string]attribute `json:",omitempty"`
}

func (s *Service) receiveMessage(r *http.Request, in receiveInput) (any, error) {
	limit := 1
	if in.MaxNumberOfMessages != nil {
		limit = *in.MaxNumberOfMessages
	}
	hide, err := visibility(in.VisibilityTimeout)
	switch {
	case err != nil:
		return nil, err
	case limit < 1 || limit > maxReceive:
		return nil, outOfRange("MaxNumberOfMessages", limit, 1, maxReceive)
	case in.WaitTimeSeconds < 0 || in.WaitTimeSeconds > maxWait:
		return nil, outOfRange("WaitTimeSeconds", in.WaitTimeSeconds, 0, maxWait)
	}
	wait := time.Duration(in.WaitTimeSeconds) * time.Second
	got, err := s.receive(r.Context(), nameOf(in.QueueUrl), receiving{limit: limit, wait: wait, hide: hide})
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	system := append(in.MessageSystemAttributeNames, in.AttributeNames...)
	for _, m := range got {
		out.Messages = append(out.Messages, receivedMessage{
			MessageId: m.ID, ReceiptHandle: m.receipt(), MD5OfBody: md5Hex(m.Body), Body: m.Body,
			Attributes: asked(m.systemAttributes(), system), MessageAttributes: asked(m.Attributes, in.MessageAttributeNames),
		})
	}
	return out, err
}

// asked returns those of the attributes that a request's list names.
func asked[V any](attributes map[string]V, names []string) map[string]V {
	if slices.Contains(names, "All") || slices.Contains(names, ".*") {
		return attributes
	}
	attributes = maps.Clone(attributes)
	maps.DeleteFunc(attributes, func(name string, _ V) bool { return !slices.Contains(names, name) })
	return attributes
}

type moveInput struct{ SourceArn, DestinationArn string }

// startMessageMoveTask moves all messages of a dead-letter queue that are visible. The task is over when its start is
// answered. A destination must be given, because no message here remembers which queue it came from.
func (s *Service) startMessageMoveTask(_ *http.Request, in moveInput) (any, error) {
	started := time.Now()
	for more := true; more; {
		err := s.store.Update(func(tx *bbolt.Tx) error {
			from, to, err := s.moveEnds(tx, in)
			if err == nil {
				more, err = from.moveSome(to, started)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return map[string]string{"TaskHandle": uuid.NewString()}, nil
}

// mostMoved bounds how many messages a transaction moves, so that others are served between two.
const mostMoved = 1000

// moveSome moves the next messages that were visible when the task started. A moved message is a new one: it has a new
// id and no receives.
func (q *queue) moveSome(to *queue, started time.Time) (more bool, err error) {
	var visible []uint64
	for at, n := range q.from(time.Time{}) {
		if more = len(visible) == mostMoved; more || at.After(started) {
			break
		}
		visible = append(visible, n)
	}
	for _, n := range visible {
		m, err := q.get(n)
		if err == nil {
			err = q.delete(m)
		}
		if err == nil {
			_, err = to.send(m.Body, m.Attributes)
		}
		if err != nil {
			return false, err
		}
	}
	return more, nil
}

// moveEnds returns the queues that a move is from and to, or the error with which SQS does not start it.
func (s *Service) moveEnds(tx *bbolt.Tx, in moveInput) (from, to *queue, err error) {
	isDeadLetterQueue := false
	err = tx.Bucket(allQueues).ForEachBucket(func(name []byte) error {
		q, err := s.queue(tx, string(name))
		isDeadLetterQueue = isDeadLetterQueue || err == nil && q.DeadLetterARN == in.SourceArn
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	from, noSource := s.queue(tx, nameOf(in.SourceArn))
	to, noDestination := s.queue(tx, nameOf(in.DestinationArn))
	switch {
	case in.SourceArn == "" || in.DestinationArn == "":
		return nil, nil, missing("SourceArn or DestinationArn")
	case in.SourceArn == in.DestinationArn:
		return nil, nil, invalid("Source queue arn and destination queue arn cannot be the same.")
	case noSource == nil && !isDeadLetterQueue:
		return nil, nil, invalid("Source queue must be configured as a Dead Letter Queue.")
	case cmp.Or(noSource, noDestination) != nil:
		return nil, nil, &api.Error{
			Code: "ResourceNotFoundException", Status: http.StatusNotFound,
			Message: "SourceArn or DestinationArn names a queue that does not exist.",
		}
	}
	return from, to, nil
}
