package sqs

import (
	"slices"
	"time"
)

// line has the receives of one queue that wait, in the order in which they began. The first one alone looks for
// messages: so each message goes to the receive that has waited longest, and receives do not look all at once for the
// same message. AWS promises no order, but a test of fairness needs one.
type line []*waiting

// waiting is one receive. turn has one element when it should look: at first in the line, and when something changed.
type waiting struct {
	turn     chan struct{}
	deadline time.Time
}

// join puts a receive at the end of a queue's line.
func (s *Service) join(name string, deadline time.Time) *waiting {
	w := &waiting{turn: make(chan struct{}, 1), deadline: deadline}
	w.call()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[name] = append(s.lines[name], w)
	return w
}

// leave takes a receive out, and lets the next one look.
func (s *Service) leave(name string, w *waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(s.lines[name], func(other *waiting) bool { return other == w })
	if len(rest) == 0 {
		delete(s.lines, name)
		return
	}
	s.lines[name] = rest
	rest.call()
}

// first reports whether a receive is the first of its line.
func (s *Service) first(name string, w *waiting) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[name][0] == w
}

// look lets the first receive of a queue look for messages.
func (s *Service) look(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[name].call()
}

// call lets the first receive look, and those that wait no longer: they go away when nothing is left for them.
func (l line) call() {
	now := time.Now()
	for i, w := range l {
		if i == 0 || !w.deadline.After(now) {
			w.call()
		}
	}
}

func (w *waiting) call() {
	select {
	case w.turn <- struct{}{}:
	default: // it will look anyway
	}
}
