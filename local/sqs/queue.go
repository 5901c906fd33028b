package sqs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// allQueues has a bucket for each queue, under its name. In it are the settings
// and two buckets:
//
//	messages  number, in order of arrival → message
//	due       when it is visible, number  → nothing, or received
//
// The first of messages is the oldest one; the first of due is received next. The
// sequence of messages gives the numbers, that of due counts the messages.
var (
	allQueues   = []byte("sqs/queues")
	settingsKey = []byte("settings")
	messagesKey = []byte("messages")
	dueKey      = []byte("due")
	movesKey    = []byte("moves") // number → finished moveTask

	received = []byte{1} // a hidden message of due is in flight; without it, delayed
)

// settings are what SetQueueAttributes can change.
type settings struct {
	template.Queue
	Wait  time.Duration     `json:",omitempty"` // of a receive that does not say
	Other map[string]string `json:",omitempty"` // Policy and the like: kept and shown, not acted upon
}

// queue is a queue as one transaction sees it.
type queue struct {
	settings
	service               *Service
	bucket, messages, due *bbolt.Bucket
}

func (s *Service) queue(tx *bbolt.Tx, name string) (*queue, error) {
	b := tx.Bucket(allQueues).Bucket([]byte(name))
	if b == nil {
		return nil, errNoQueue
	}
	q := &queue{service: s, bucket: b, messages: b.Bucket(messagesKey), due: b.Bucket(dueKey)}
	if _, err := store.GetJSON(b, settingsKey, &q.settings); err != nil {
		return nil, fmt.Errorf("read settings of queue %s: %w", name, err)
	}
	return q, nil
}

// on does something with an existing queue in a transaction of its own: the
// store's View or its Update, which may run do more than once.
func (s *Service) on(name string, transaction func(func(*bbolt.Tx) error) error, do func(q *queue) error) error {
	return transaction(func(tx *bbolt.Tx) error {
		q, err := s.queue(tx, name)
		if err != nil {
			return err
		}
		return do(q)
	})
}

// create makes a queue, or changes the settings of one that exists.
func (s *Service) create(tx *bbolt.Tx, of settings) error {
	b, err := tx.Bucket(allQueues).CreateBucketIfNotExists([]byte(of.Name))
	for _, key := range [][]byte{messagesKey, dueKey, movesKey} {
		if err == nil {
			_, err = b.CreateBucketIfNotExists(key)
		}
	}
	if err == nil {
		err = store.PutJSON(b, settingsKey, of)
	}
	return err
}

// purge removes all messages.
func (q *queue) purge() error {
	q.wake()
	return errors.Join(q.bucket.DeleteBucket(messagesKey), q.bucket.DeleteBucket(dueKey), q.service.create(q.bucket.Tx(), q.settings))
}

// put writes a message that is visible from a time on; one without a number is
// new here.
func (q *queue) put(m *message, visibleAt time.Time) (err error) {
	if m.number > 0 {
		err = q.due.Delete(m.due())
	} else if m.number, err = q.messages.NextSequence(); err == nil {
		err = q.due.SetSequence(q.due.Sequence() + 1)
	}
	m.VisibleAt = visibleAt
	mark := received
	if m.Received == 0 {
		mark = nil
	}
	return errors.Join(err, q.due.Put(m.due(), mark), store.PutJSON(q.messages, number(m.number), m))
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

// split reads a key of due.
func split(key []byte) (visibleAt time.Time, n uint64) {
	return time.Unix(0, int64(binary.BigEndian.Uint64(key))), binary.BigEndian.Uint64(key[8:])
}
