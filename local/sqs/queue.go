package sqs

import (
	"cmp"
	"context"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// settings are what SetQueueAttributes can change.
type settings struct {
	template.Queue
	Wait  time.Duration     `json:",omitempty"` // of a receive that does not say
	Other map[string]string `json:",omitempty"` // Policy and the like: kept and shown, not acted upon
}

type queue struct {
	settings
	messages []*message    // in order of arrival
	changed  chan struct{} // closed, and replaced, when a message may have become visible
}

// wake lets all waiting receives look again. One of them gets the message; with
// the handful of receivers that there are, choosing it is not worth the code.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (s *Service) queue(name string) (*queue, error) {
	if q, ok := s.queues[name]; ok {
		return q, nil
	}
	return nil, &Error{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}
}

func (s *Service) send(name string, out outgoing) (message, error) {
	if err := out.check(); err != nil {
		return message{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.queue(name)
	if err != nil {
		return message{}, err
	}
	delay := q.Delay
	if out.Delay != nil {
		delay = *out.Delay
	}
	now := time.Now()
	m := &message{ID: newID(), Body: out.Body, Attributes: out.Attributes, Sent: now, VisibleAt: now.Add(delay)}
	return *m, s.commit(entry{Op: opPut, Queue: name, Message: m})
}

// receive looks whenever something has changed and when the next hidden message
// becomes visible, and at the deadline for the last time. The context is asked
// before every look, so that nothing is handed to a client that has gone.
func (s *Service) receive(ctx context.Context, name string, r receiving) ([]message, error) {
	var deadline time.Time
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.mu.Lock()
		q, err := s.queue(name)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(*cmp.Or(r.Wait, &q.Wait))
		}
		got, next, err := s.take(q, r.Max, *cmp.Or(r.Hide, &q.VisibilityTimeout), now)
		changed := q.changed
		s.mu.Unlock()
		if err != nil || len(got) > 0 || !now.Before(deadline) {
			return got, err
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

// take hands out visible messages. A message that has been received
// maxReceiveCount times goes to the dead-letter queue instead, at the moment
// when it would have been received once more. Next is when the first hidden
// message becomes visible, zero when there is none.
func (s *Service) take(q *queue, limit int, hide time.Duration, now time.Time) (got []message, next time.Time, err error) {
	dead := s.queues[nameOf(q.DeadLetterARN)]
	var spent []*message
	for _, m := range q.messages {
		if len(got) == limit {
			break
		}
		if m.VisibleAt.After(now) {
			if next.IsZero() || m.VisibleAt.Before(next) {
				next = m.VisibleAt
			}
			continue
		}
		if dead != nil && m.Received >= q.MaxReceiveCount {
			spent = append(spent, m)
			continue
		}
		if err := s.commit(entry{Op: opTake, Queue: q.Name, ID: m.ID, At: now, message: m}); err != nil {
			return got, next, err
		}
		m.VisibleAt, m.receipt = now.Add(hide), newReceipt(m.ID)
		got = append(got, *m)
	}
	for _, m := range spent {
		moved := *m // the receive count goes along: SQS counts across all queues
		moved.Source, moved.receipt = q.ARN, ""
		if err := s.commit(entry{Op: opPut, Queue: dead.Name, Message: &moved, From: q.Name, ID: m.ID}); err != nil {
			return got, next, err
		}
	}
	return got, next, nil
}
