// Package sqs is the part of Amazon SQS that the application, its commands and its tests use: standard queues behind
// the JSON 1.0 protocol, and the same queues as Go methods for the other services of the local stack. Queues and
// messages are in the stack's store. There are no FIFO queues, delays, retention periods, access policies, encryption
// or older protocols; a request for one is refused.
package sqs

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Service holds the queues of the stack. It serves the SQS API, and its methods may be called concurrently.
type Service struct {
	http.Handler
	store *store.Store

	mu    sync.Mutex
	lines map[string]line // by the queue's name, where somebody waits
}

// New returns a service of the queues that the store has and of those given, whose settings replace the stored ones.
// Messages in flight become visible, because the stack's own consumers ended with its last run; a receipt holds until
// its message is received again.
func New(kept *store.Store, queues []template.Queue) (*Service, error) {
	s := &Service{store: kept, lines: map[string]line{}}
	s.Handler = s.api()
	return s, kept.Update(func(tx *bbolt.Tx) error {
		all, err := tx.CreateBucketIfNotExists(allQueues)
		for _, q := range queues {
			if err == nil {
				err = put(tx, q)
			}
		}
		if err != nil {
			return err
		}
		return all.ForEachBucket(func(name []byte) error {
			// A store of an earlier version has no such bucket.
			if _, err := all.Bucket(name).CreateBucketIfNotExists(sentKey); err != nil {
				return err
			}
			q, err := s.queue(tx, string(name))
			if err != nil {
				return err
			}
			return q.releaseAll(time.Now())
		})
	})
}

// SendTx puts a message into a queue as a part of a transaction, and returns its id. When the queue refuses the
// message, the error is an *api.Error and nothing has changed, so that the transaction may go on without the message.
func (s *Service) SendTx(tx *bbolt.Tx, queueARN, body string) (messageID string, err error) {
	q, err := s.queue(tx, nameOf(queueARN))
	if err != nil {
		return "", err
	}
	m, err := q.send(body, nil)
	return m.ID, err
}

// Receive returns up to limit messages, as Lambda hands them to functions. It waits up to wait for the first one; no
// message in that time is no error. It returns the context's error when that ends first.
func (s *Service) Receive(
	ctx context.Context, queueARN string, limit int, wait time.Duration,
) (messages []events.SQSMessage, err error) {
	got, err := s.receive(ctx, nameOf(queueARN), receiving{limit: limit, wait: wait})
	for _, m := range got {
		messages = append(messages, m.forLambda(queueARN))
	}
	return messages, err
}

// Delete removes a received message. It leaves a message alone that is gone or was received again, without an error, as
// SQS does.
func (s *Service) Delete(queueARN, receipt string) error {
	return s.on(nameOf(queueARN), s.store.Update, func(q *queue) error { return q.remove(receipt) })
}

// Release makes a received message visible. It leaves a message alone that this receipt no longer hides, without an
// error: a consumer that overran its visibility timeout has nothing to return.
func (s *Service) Release(queueARN, receipt string) error {
	err := s.on(nameOf(queueARN), s.store.Update, func(q *queue) error { return q.hide(receipt, 0) })
	if errors.Is(err, errNotInFlight) || errors.Is(err, errReplaced) {
		return nil
	}
	return err
}

// nameOf reads a queue's name from its URL, its ARN or the name itself. Host and account do not count: there is one of
// each.
func nameOf(queue string) string {
	return queue[strings.LastIndexAny(queue, "/:")+1:]
}
