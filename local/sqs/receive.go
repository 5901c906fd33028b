package sqs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"
)

// send adds a message.
func (q *queue) send(out outgoing) (message, error) {
	if err := out.check(); err != nil {
		return message{}, err
	}
	now := time.Now()
	m := message{ID: newID(), Body: out.Body, Attributes: out.Attributes, Sent: now}
	q.wake()
	return m, q.put(&m, now.Add(*cmp.Or(out.Delay, &q.Delay)))
}

// wake lets all waiting receives look again when the transaction is committed.
// One of them gets the message; with the handful of receivers that there are,
// choosing it is not worth the code.
func (q *queue) wake() {
	s := q.service
	q.bucket.Tx().OnCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.changed)
		s.changed = make(chan struct{})
	})
}

func (s *Service) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// receive looks whenever something has changed and when the next hidden message
// becomes visible, and at the deadline for the last time. The context is asked
// before every look, so that nothing is handed to a client that has gone.
func (s *Service) receive(ctx context.Context, name string, r receiving) (got []*message, err error) {
	var deadline time.Time
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		changed, now := s.change(), time.Now()
		var next time.Time // when a message is visible; zero for none
		err := s.on(name, s.store.View, func(q *queue) error {
			if deadline.IsZero() {
				deadline = now.Add(*cmp.Or(r.Wait, &q.Wait))
			}
			for key := range q.from(time.Time{}) {
				next, _ = split(key)
				break
			}
			return nil
		})
		visible := !next.IsZero() && !next.After(now)
		if err == nil && visible {
			err = s.on(name, s.store.Update, func(q *queue) (err error) {
				got, err = q.take(r.Max, *cmp.Or(r.Hide, &q.VisibilityTimeout), now)
				return err
			})
		}
		if err != nil || len(got) > 0 || !now.Before(deadline) {
			return got, err
		}
		if visible {
			continue // another receiver was faster, or all were spent
		}
		if next.IsZero() || next.After(deadline) {
			next = deadline
		}
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// from iterates over the keys and marks of due from a time on.
func (q *queue) from(at time.Time) iter.Seq2[[]byte, []byte] {
	first := number(0)
	if !at.IsZero() {
		first = number(uint64(at.UnixNano()))
	}
	return func(yield func(key, mark []byte) bool) {
		c := q.due.Cursor()
		for key, mark := c.Seek(first); key != nil && yield(key, mark); key, mark = c.Next() {
		}
	}
}

// mostSpent bounds a transaction of take.
const mostSpent = 1000

// take hands out visible messages. A message that has been received
// maxReceiveCount times goes to the dead-letter queue instead, at the moment
// when it would have been received once more.
func (q *queue) take(limit int, hide time.Duration, now time.Time) (got []*message, err error) {
	dead, err := q.service.queue(q.bucket.Tx(), nameOf(q.DeadLetterARN))
	if err != nil && !errors.Is(err, errNoQueue) {
		return nil, err
	}
	var spent []*message
	for key := range q.from(time.Time{}) {
		at, n := split(key)
		if at.After(now) || len(got) == limit || len(spent) == mostSpent {
			break
		}
		m, err := q.get(n)
		if err != nil {
			return nil, err
		}
		if dead != nil && m.Received >= q.MaxReceiveCount {
			spent = append(spent, m)
		} else {
			got = append(got, m)
		}
	}
	for _, m := range got {
		m.Received++
		if m.FirstReceived.IsZero() {
			m.FirstReceived = now
		}
		if err := q.put(m, now.Add(hide)); err != nil {
			return nil, err
		}
	}
	for _, m := range spent {
		if err := q.delete(m); err != nil {
			return nil, err
		}
		m.number, m.Source = 0, q.ARN // the receive count goes along: SQS counts across all queues
		dead.wake()
		if err := dead.put(m, m.VisibleAt); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// releaseAll makes all messages in flight visible.
func (q *queue) releaseAll(now time.Time) error {
	var inFlight []*message
	for key, mark := range q.from(now.Add(1)) {
		if len(mark) == 0 {
			continue
		}
		_, n := split(key)
		m, err := q.get(n)
		if err != nil {
			return err
		}
		inFlight = append(inFlight, m)
	}
	for _, m := range inFlight {
		if err := q.put(m, m.Sent); err != nil { // where it stood before
			return err
		}
	}
	return nil
}
