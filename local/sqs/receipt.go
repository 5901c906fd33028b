package sqs

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

func (s *Service) remove(name, receipt string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.queue(name)
	if err != nil {
		return err
	}
	m, err := q.received(receipt)
	if err != nil || m == nil {
		return err
	}
	return s.commit(entry{Op: opDelete, Queue: name, ID: m.ID})
}

// hide sets for how long from now a received message stays hidden. Waiting
// receives are woken, because it may be shorter than what they wait for.
func (s *Service) hide(name, receipt string, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.queue(name)
	if err != nil {
		return err
	}
	m, err := q.received(receipt)
	switch now := time.Now(); {
	case err != nil:
		return err
	case m == nil:
		return errReplaced
	case !m.VisibleAt.After(now):
		return errNotInFlight
	default:
		m.VisibleAt = now.Add(d)
	}
	q.wake()
	return nil
}

// received finds the message of a receipt; nil when it is gone or has been
// received again since.
func (q *queue) received(receipt string) (*message, error) {
	raw, err := base64.StdEncoding.DecodeString(receipt)
	id, _, ok := strings.Cut(string(raw), " ")
	if err != nil || !ok {
		return nil, &Error{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid."}
	}
	if i := q.index(id); i >= 0 && q.messages[i].receipt == receipt {
		return q.messages[i], nil
	}
	return nil, nil
}

func (q *queue) index(id string) int {
	return slices.IndexFunc(q.messages, func(m *message) bool { return m.ID == id })
}

func newReceipt(id string) string {
	return base64.StdEncoding.EncodeToString([]byte(id + " " + newID()))
}
