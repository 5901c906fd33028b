package sqs

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// receiving says what a receive asks for.
type receiving struct {
	limit int
	wait  time.Duration  // for the first message
	hide  *time.Duration // how long messages are hidden afterwards; nil is the queue's visibility timeout
}

// wake lets waiting receives look again when the transaction is committed.
func (q *queue) wake() {
	s, name := q.service, q.Name
	q.bucket.Tx().OnCommit(func() { s.look(name) })
}

// crowded is the time between two looks of a receive that waits no longer, while messages are left for those in front.
const crowded = 10 * time.Millisecond

// receive looks when it is the first of its line, whenever something has changed, when the next hidden message becomes
// visible, and at the deadline for the last time. It asks the context before every look, so that it hands nothing to a
// client that has gone.
func (s *Service) receive(ctx context.Context, name string, r receiving) ([]*message, error) {
	deadline := time.Now().Add(r.wait)
	w := s.join(name, deadline)
	defer s.leave(name, w)
	again := time.NewTimer(r.wait)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-w.turn:
		case <-again.C:
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		now, isFirst := time.Now(), s.first(name, w)
		expired := !now.Before(deadline)
		next, err := s.nextVisible(name)
		visible := !next.IsZero() && !next.After(now)
		switch {
		case err != nil:
			return nil, err
		case visible && isFirst:
			got, err := s.takeVisible(name, r, now)
			if err != nil || len(got) > 0 || expired {
				return got, err
			}
			s.look(name) // others were faster, or the messages went to the dead letters
		case expired && visible:
			again.Reset(crowded)
		case expired:
			return nil, nil
		case isFirst && !next.IsZero() && next.Before(deadline):
			again.Reset(next.Sub(now))
		default:
			again.Reset(deadline.Sub(now))
		}
	}
}

// nextVisible returns when a queue's next message is visible, which may be in the past; zero for no message.
func (s *Service) nextVisible(name string) (next time.Time, err error) {
	err = s.on(name, s.store.View, func(q *queue) error {
		for next = range q.from(time.Time{}) {
			break
		}
		return nil
	})
	return next, err
}

func (s *Service) takeVisible(name string, r receiving, now time.Time) (got []*message, err error) {
	err = s.on(name, s.store.Update, func(q *queue) (err error) {
		got, err = q.take(r.limit, *cmp.Or(r.hide, &q.VisibilityTimeout), now)
		return err
	})
	return got, err
}

// mostDead bounds how many messages one transaction moves to a dead-letter queue.
const mostDead = 1000

// take hands out visible messages. A message that was received maxReceiveCount times goes to the dead-letter queue
// instead, at the moment when it would have been received once more.
func (q *queue) take(limit int, hide time.Duration, now time.Time) (got []*message, err error) {
	deadLetters, err := q.service.queue(q.bucket.Tx(), nameOf(q.DeadLetterARN))
	if err != nil && !errors.Is(err, errNoQueue) {
		return nil, err
	}
	var dead []*message
	for at, n := range q.from(time.Time{}) {
		if at.After(now) || len(got) == limit || len(dead) == mostDead {
			break
		}
		m, err := q.get(n)
		if err != nil {
			return nil, err
		}
		if deadLetters != nil && m.Received >= q.MaxReceiveCount {
			dead = append(dead, m)
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
	for _, m := range dead { // each keeps its count of receives: SQS counts across queues
		if err := q.move(m, deadLetters, m.VisibleAt); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// move takes a message to another queue, where it is visible from a time on.
func (q *queue) move(m *message, to *queue, visibleAt time.Time) error {
	if err := q.delete(m); err != nil {
		return err
	}
	m.number = 0
	to.wake()
	return to.put(m, visibleAt)
}
