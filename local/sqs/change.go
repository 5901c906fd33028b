package sqs

import (
	"slices"
	"time"
)

type op string

const (
	opQueue  op = "queue"  // Settings: the queue is made, or changed
	opDrop   op = "drop"   // the queue is gone, with its messages
	opPurge  op = "purge"  // its messages are gone
	opPut    op = "put"    // Message arrives; ID leaves the queue From, when that is given
	opTake   op = "take"   // ID was received at At
	opDelete op = "delete" // ID is gone
)

// entry is one change of a queue: a line of the journal.
// Every change that outlives a restart goes through commit as one of these, so
// the journal cannot say anything but what happened in memory.
type entry struct {
	Op       op
	Queue    string
	Settings *settings `json:",omitempty"`
	Message  *message  `json:",omitempty"`
	From     string    `json:",omitempty"`
	ID       string    `json:",omitempty"`
	At       time.Time `json:",omitzero"`
	message  *message  // opTake: ID's, when the caller has it at hand
}

// commit writes the change down, then makes it: what cannot be kept does not
// happen.
func (s *Service) commit(e entry) error {
	if s.journal != nil {
		if err := s.journal.append(e); err != nil {
			return err
		}
	}
	s.apply(e)
	return nil
}

func (s *Service) apply(e entry) {
	q, ok := s.queues[e.Queue]
	if e.Op == opQueue {
		if !ok {
			q = &queue{changed: make(chan struct{})}
			s.queues[e.Queue] = q
		}
		q.settings = *e.Settings
		return
	}
	if !ok {
		return
	}
	switch e.Op {
	case opDrop:
		delete(s.queues, e.Queue)
	case opPurge:
		q.messages = nil
	case opPut:
		if from, ok := s.queues[e.From]; ok {
			from.delete(e.ID)
		}
		q.messages = append(q.messages, e.Message)
	case opTake:
		m := e.message
		if m == nil {
			i := q.index(e.ID)
			if i < 0 {
				return
			}
			m = q.messages[i]
		}
		m.Received++
		if m.FirstReceived.IsZero() {
			m.FirstReceived = e.At
		}
		return
	case opDelete:
		q.delete(e.ID)
		return
	}
	q.wake()
}

func (q *queue) delete(id string) {
	if i := q.index(id); i >= 0 {
		q.messages = slices.Delete(q.messages, i, i+1)
	}
}
