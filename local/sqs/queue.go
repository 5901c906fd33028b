package sqs

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// allQueues has a bucket for each queue, under its name. In it are the settings and three buckets:
//
//	messages  number, in order of arrival → message
//	due       when it is visible, number  → nothing
//	sent      minute                      → how many messages were sent in it
//
// The first of messages is the oldest one; the first of due is received next. The sequence of messages gives the
// numbers, the sequence of due counts the messages.
var (
	allQueues   = []byte("sqs/queues")
	settingsKey = []byte("settings")
	messagesKey = []byte("messages")
	dueKey      = []byte("due")
)

// queue is a queue as one transaction sees it.
type queue struct {
	template.Queue
	service                     *Service
	bucket, messages, due, sent *bbolt.Bucket
}

func (s *Service) queue(tx *bbolt.Tx, name string) (*queue, error) {
	b := tx.Bucket(allQueues).Bucket([]byte(name))
	if b == nil {
		return nil, errNoQueue
	}
	q := &queue{service: s, bucket: b, messages: b.Bucket(messagesKey), due: b.Bucket(dueKey), sent: b.Bucket(sentKey)}
	if _, err := store.GetJSON(b, settingsKey, &q.Queue); err != nil {
		return nil, fmt.Errorf("read settings of queue %s: %w", name, err)
	}
	return q, nil
}

// on runs do on an existing queue in a transaction of its own: the store's View or its Update, which may run do more
// than once.
func (s *Service) on(name string, transaction func(func(*bbolt.Tx) error) error, do func(q *queue) error) error {
	return transaction(func(tx *bbolt.Tx) error {
		q, err := s.queue(tx, name)
		if err != nil {
			return err
		}
		return do(q)
	})
}

// put makes a queue, or replaces the settings of one that exists.
func put(tx *bbolt.Tx, settings template.Queue) error {
	b, err := tx.Bucket(allQueues).CreateBucketIfNotExists([]byte(settings.Name))
	for _, key := range [][]byte{messagesKey, dueKey, sentKey} {
		if err == nil {
			_, err = b.CreateBucketIfNotExists(key)
		}
	}
	if err != nil {
		return err
	}
	return store.PutJSON(b, settingsKey, settings)
}

// send adds a message, which is visible at once.
func (q *queue) send(body string, attributes map[string]attribute) (*message, error) {
	m := newMessage(body, attributes)
	if err := check(body, attributes); err != nil {
		return m, err
	}
	q.wake()
	return m, errors.Join(q.put(m, m.Sent), q.count(m.Sent))
}

// put writes a message that is visible from a time on. A message without a number is new in this queue.
func (q *queue) put(m *message, visibleAt time.Time) (err error) {
	if m.number > 0 {
		err = q.due.Delete(m.due())
	} else if m.number, err = q.messages.NextSequence(); err == nil {
		err = q.due.SetSequence(q.due.Sequence() + 1)
	}
	m.VisibleAt = visibleAt
	return errors.Join(err, q.due.Put(m.due(), nil), store.PutJSON(q.messages, number(m.number), m))
}

// get returns nil when no message has that number.
func (q *queue) get(n uint64) (*message, error) {
	m := &message{number: n}
	if found, err := store.GetJSON(q.messages, number(n), m); !found {
		return nil, err
	}
	return m, nil
}

func (q *queue) delete(m *message) error {
	return errors.Join(q.due.Delete(m.due()), q.due.SetSequence(q.due.Sequence()-1), q.messages.Delete(number(m.number)))
}

// due is the message's key in its queue's due.
func (m *message) due() []byte {
	return append(number(uint64(m.VisibleAt.UnixNano())), number(m.number)...)
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// from iterates over due, from a time on: when messages are visible, and their numbers.
func (q *queue) from(first time.Time) iter.Seq2[time.Time, uint64] {
	key := number(0)
	if !first.IsZero() {
		key = number(uint64(first.UnixNano()))
	}
	return func(yield func(visibleAt time.Time, n uint64) bool) {
		c := q.due.Cursor()
		for k, _ := c.Seek(key); k != nil; k, _ = c.Next() {
			if !yield(time.Unix(0, int64(binary.BigEndian.Uint64(k))), binary.BigEndian.Uint64(k[8:])) {
				return
			}
		}
	}
}

// remove deletes a received message.
func (q *queue) remove(receipt string) error {
	m, err := q.received(receipt)
	if err != nil || m == nil {
		return err
	}
	return q.delete(m)
}

// hide sets for how long from now a received message stays hidden. A message that is not hidden any more is visible at
// its former place, before those that were sent after it. It wakes waiting receives, because that may be shorter than
// what they wait for.
func (q *queue) hide(receipt string, d time.Duration) error {
	m, err := q.received(receipt)
	switch now := time.Now(); {
	case err != nil:
		return err
	case m == nil:
		return errReplaced
	case !m.VisibleAt.After(now):
		return errNotInFlight
	case d == 0:
		q.wake()
		return q.put(m, m.Sent)
	default:
		q.wake()
		return q.put(m, now.Add(d))
	}
}

// received finds the message of a receipt. It is nil when it is gone or was received again.
func (q *queue) received(receipt string) (*message, error) {
	var id string
	var n uint64
	var count int
	raw, err := base64.StdEncoding.DecodeString(receipt)
	if err == nil {
		_, err = fmt.Sscanf(string(raw), "%s %d %d", &id, &n, &count)
	}
	if err != nil {
		return nil, &api.Error{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid.", Status: 404}
	}
	m, err := q.get(n)
	if err != nil || m == nil || m.ID != id || m.Received != count {
		return nil, err
	}
	return m, nil
}

// releaseAll makes all messages in flight visible, each at its former place.
func (q *queue) releaseAll(now time.Time) error {
	var inFlight []uint64
	for _, n := range q.from(now.Add(1)) {
		inFlight = append(inFlight, n)
	}
	for _, n := range inFlight {
		m, err := q.get(n)
		if err == nil {
			err = q.put(m, m.Sent)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
