// Package sqs is the part of Amazon SQS that the application needs: standard
// queues behind the JSON 1.0 protocol, and the same queues as Go methods for
// the other services of the local stack, which local/stack.go wires to them.
// Queues and messages are in the stack's store. It knows nothing of FIFO queues,
// retention, access policies, encryption or the older query protocol.
package sqs

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Service serves all queues of the stack. It serves the SQS API as an
// http.Handler, and all its methods may be called concurrently.
type Service struct {
	store *store.Store

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when a message may have become visible
}

// Message is a received message, hidden from other receivers until its
// visibility timeout ends.
type Message struct {
	ID         string
	Receipt    string // for Delete and Release; the next receive replaces it
	Body       string
	Attributes map[string]string // ApproximateReceiveCount, SentTimestamp and the other system attributes
	MD5        string            // of Body, in hex
	// Given are the attributes that the sender gave it, as Lambda hands them on.
	Given map[string]events.SQSMessageAttribute
}

// New returns a service of the queues that the store has, and of those given,
// which are as they say whatever the store knows of them. Messages in flight
// become visible at once, because the consumers of the stack's own ended with
// its last run; a receipt holds until the message is received again.
func New(kept *store.Store, queues []template.Queue) (*Service, error) {
	s := &Service{store: kept, changed: make(chan struct{})}
	return s, kept.Update(func(tx *bbolt.Tx) error {
		all, err := tx.CreateBucketIfNotExists(allQueues)
		for _, q := range queues {
			if err == nil {
				err = s.create(tx, settings{Queue: q})
			}
		}
		if err != nil {
			return err
		}
		return all.ForEachBucket(func(name []byte) error {
			q, err := s.queue(tx, string(name))
			if err != nil {
				return err
			}
			return q.releaseAll(time.Now())
		})
	})
}

// SendTx puts a message with the queue's own delay, as a part of a transaction,
// and returns its id. The error is an *Error: QueueDoesNotExist,
// InvalidMessageContents and the like. With one it has changed nothing, so that the
// transaction may go on without the message.
func (s *Service) SendTx(tx *bbolt.Tx, queueARN, body string) (messageID string, err error) {
	q, err := s.queue(tx, nameOf(queueARN))
	if err != nil {
		return "", err
	}
	m, err := q.send(outgoing{Body: body})
	return m.ID, err
}

// Receive returns up to limit messages. It waits up to wait for the first one and
// returns at once when one arrives; no message in that time is no error. It
// returns the context's error when that ends first.
func (s *Service) Receive(ctx context.Context, queueARN string, limit int, wait time.Duration) ([]Message, error) {
	got, err := s.receive(ctx, nameOf(queueARN), receiving{Max: limit, Wait: &wait})
	messages := make([]Message, len(got))
	for i, m := range got {
		messages[i] = Message{ID: m.ID, Receipt: m.receipt(), Body: m.Body, Attributes: m.systemAttributes(), MD5: md5Hex(m.Body), Given: given(m.Attributes)}
	}
	return messages, err
}

// Delete removes a received message. One that is gone, or that has been
// received again since, is left alone without an error, as SQS does.
func (s *Service) Delete(_ context.Context, queueARN, receipt string) error {
	return s.on(nameOf(queueARN), s.store.Update, func(q *queue) error { return q.remove(receipt) })
}

// Release makes a received message visible at once, as a change of its
// visibility timeout to 0 does. One that is no longer hidden by this receipt is
// left alone without an error: a consumer that overran its timeout has nothing
// to give back.
func (s *Service) Release(_ context.Context, queueARN, receipt string) error {
	err := s.on(nameOf(queueARN), s.store.Update, func(q *queue) error { return q.hide(receipt, 0) })
	if errors.Is(err, errNotInFlight) || errors.Is(err, errReplaced) {
		return nil
	}
	return err
}

// nameOf reads a queue's name from its URL, its ARN or the name itself. Account
// and host are not looked at: there is one of each.
func nameOf(queue string) string {
	return queue[strings.LastIndexAny(queue, "/:")+1:]
}

func newID() string { return uuid.NewString() }

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) // what the protocol asks for, not a safeguard
	return hex.EncodeToString(sum[:])
}
