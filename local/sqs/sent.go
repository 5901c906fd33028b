package sqs

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/lazaret/lazaret/local/metrics"
)

// sentKey is a bucket of a queue: the minute's beginning as Unix time in seconds → how many messages were sent in it.
var sentKey = []byte("sent")

// keptFor is how long CloudWatch keeps values of single minutes.
const keptFor = 15 * 24 * time.Hour

// count counts a message that was sent.
func (q *queue) count(now time.Time) error {
	minute := number(uint64(metrics.Minute(now)))
	n := uint64(1)
	if value := q.sent.Get(minute); value != nil {
		n += binary.BigEndian.Uint64(value)
	} else if err := q.forgetBefore(now.Add(-keptFor)); err != nil {
		return err
	}
	return q.sent.Put(minute, number(n))
}

func (q *queue) forgetBefore(end time.Time) error {
	c := q.sent.Cursor()
	for key, _ := c.First(); key != nil && binary.BigEndian.Uint64(key) < uint64(end.Unix()); key, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// Sent returns how many messages were sent to a queue in [from, until): CloudWatch's metric NumberOfMessagesSent, one
// value of 1 for each message. Those of a move task count, too; AWS does not say whether they do there. A queue that
// there is not has none.
func (s *Service) Sent(name string, from, until time.Time) (metrics.Minutes, error) {
	found := metrics.Minutes{}
	err := s.on(name, s.store.View, func(q *queue) error {
		c := q.sent.Cursor()
		for key, value := c.Seek(number(uint64(max(from.Unix(), 0)))); key != nil; key, value = c.Next() {
			minute := int64(binary.BigEndian.Uint64(key))
			if minute >= until.Unix() {
				break
			}
			n := int(binary.BigEndian.Uint64(value))
			found[minute] = metrics.Values{Sum: float64(n), Minimum: 1, Maximum: 1, Count: n}
		}
		return nil
	})
	if errors.Is(err, errNoQueue) {
		return nil, nil
	}
	return found, err
}
